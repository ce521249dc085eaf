"""The emotion space: the text side on real MiniLM, blends and labels, both image towers, export."""

from dataclasses import replace

import pytest
import torch

from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.models import text
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig, fit_projection
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.models.prompts import held_out
from lit_emotalk.stages.align import AlignStage, AlignWeights
from tests.small_clip import SIZE, write_open_clip

SMALL = EmotionSpaceConfig(
    dim=32, prompts=24, units_width=16, audio=AudioEncoderConfig(layers=1, heads=2, width=16)
)


@pytest.fixture(scope="module")
def space() -> EmotionSpace:
    """A small space whose text side is fitted with the real MiniLM."""
    torch.manual_seed(0)
    space = EmotionSpace(SMALL).eval()
    space.fit_text()
    return space


def nearest(space: EmotionSpace, codes: torch.Tensor) -> list[str]:
    return [EMOTIONS[i] for i in (codes @ space.emotion_codes().T).argmax(1).tolist()]


def test_words_never_given_land_on_their_emotion(space):
    words = held_out()
    found = nearest(space, space.encode_words([word for word, _ in words]))
    right = sum(name == EMOTIONS[emotion] for name, (_, emotion) in zip(found, words, strict=True))
    assert len(words) >= 40 and right / len(words) >= 0.85


def test_sentences_and_case_and_spaces(space):
    found = nearest(space, space.encode_text(["a furious person", "she is crying", "A Terrified Child"]))
    assert found == ["angry", "sad", "fear"]


def test_codes_have_unit_length_and_the_prompts_of_an_emotion_agree(space):
    codes = space.encode_text(["a happy person", "a sad person"])
    torch.testing.assert_close(codes.norm(dim=-1), torch.ones(2))
    own = torch.einsum("ekd,ed->ek", space.bank, space.emotion_codes())
    assert (own.mean(1) > 0.6).all()


def test_labels_need_no_tower(space):
    fresh = EmotionSpace(SMALL)
    fresh.load_state_dict(space.state_dict())
    codes = fresh.encode_label(["happy", "Disgust", "happily surprised"])
    assert fresh._towers == {}
    torch.testing.assert_close(codes[0], space.emotion_codes()[EMOTIONS.index("happy")])
    assert next(iter(space.similarities(codes[1]))) == "disgusted"
    assert set(list(space.similarities(codes[2]))[:2]) == set(COMPOUNDS["happily surprised"])
    with pytest.raises(UserError, match="unknown emotion label 'bored'; known: neutral"):
        space.encode_label(["bored"])


def test_text_of_most_compounds_is_nearest_to_its_parts(space):
    codes = space.encode_words(list(COMPOUNDS))
    tops = [set(list(space.similarities(code))[:2]) for code in codes]
    assert sum(top == set(parts) for top, parts in zip(tops, COMPOUNDS.values(), strict=True)) >= 8


def test_blend_lies_between_and_follows_the_weights(space):
    happy, sad = space.emotion_codes()[[EMOTIONS.index("happy"), EMOTIONS.index("sad")]]
    torch.testing.assert_close(space.blend([(happy, 2.0)]), happy)
    cosines = [float(space.blend([(happy, w), (sad, 1 - w)]) @ happy) for w in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert cosines == sorted(cosines)
    for wrong in ([], [(happy, -1.0), (sad, 2.0)], [(happy, 0.0)]):
        with pytest.raises(UserError, match="blend"):
            space.blend(wrong)


def test_bad_texts_are_one_clear_line(space):
    with pytest.raises(UserError, match="empty"):
        space.encode_text(["happy", "  "])
    with pytest.raises(UserError, match="tokens, at most 256"):
        space.encode_text(["very " * 400 + "happy"])
    with pytest.raises(UserError, match="encode_units"):
        space.encode_image(torch.zeros(1, 3, 8, 8))
    with pytest.raises(UserError, match="dim must be"):
        EmotionSpace(replace(SMALL, dim=4))


def test_a_text_is_embedded_once(space, monkeypatch):
    space.encode_text(["a peculiar prompt"])
    monkeypatch.setattr(text.MiniLM, "_compute", None)
    space.encode_text(["a peculiar prompt"])


def test_sound_and_units_give_unit_codes(space):
    mel, mask = torch.randn(3, 80, 80) - 5, torch.ones(3, 20, dtype=torch.bool)
    for codes in (space.encode_audio(mel, mask), space.encode_units(torch.rand(3, 51))):
        torch.testing.assert_close(codes.norm(dim=-1), torch.ones(3))


def test_gaze_does_not_change_a_face(space):
    face = torch.rand(1, 51)
    turned = face.clone()
    turned[:, 10:18] = 1 - turned[:, 10:18]
    torch.testing.assert_close(space.encode_units(turned), space.encode_units(face))


def test_export_carries_the_text_side(space, tmp_path):
    save_export(tmp_path, "align", space, None)
    loaded = load_export(tmp_path, "align")
    assert isinstance(loaded, EmotionSpace) and loaded.config == SMALL and loaded.fitted
    torch.testing.assert_close(loaded.encode_text(["a glad man"]), space.encode_text(["a glad man"]))


def test_projection_is_fishers_discriminant():
    """In two dimensions with one noisy direction, the first axis ignores the noise."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 500, 1, generator=generator, dtype=torch.float64) * torch.tensor([[[3.0, 3.0]]])
    raw = torch.tensor([[[1.0, -1.0]], [[-1.0, 1.0]]], dtype=torch.float64) + noise
    raw = raw + 0.1 * torch.randn(2, 500, 2, generator=generator, dtype=torch.float64)
    mean, projection = fit_projection(raw, 2, detail=0.5)
    assert mean.abs().max() < 0.3
    along = projection[:, 0] / projection[:, 0].norm()
    assert abs(float(along @ torch.tensor([1.0, 1.0], dtype=torch.float64))) < 0.2
    spread = ((raw - mean) @ projection).flatten(0, 1).std(0)
    assert spread[1] < spread[0]


@pytest.fixture(scope="module")
def open_clip_files(tmp_path_factory) -> tuple[str, str]:
    """A tiny open_clip model: its definition registered, its checkpoint written as open_clip writes them."""
    return write_open_clip(tmp_path_factory.mktemp("clip"))


def test_open_clip_towers_load_and_encode(open_clip_files, tmp_path):
    import open_clip

    model, weights = open_clip_files
    config = replace(
        SMALL, dim=16, text="open_clip", image="open_clip", open_clip_model=model, open_clip_weights=weights
    )
    space = EmotionSpace(config).eval()
    assert not any("visual" in name or "token" in name for name in space.state_dict())
    space.fit_text()
    pictures = torch.rand(2, 3, 48, 48) * 2 - 1
    codes = space.encode_image(pictures)
    assert codes.shape == (2, 16) and codes.requires_grad
    assert space.encode_text(["a happy person"]).shape == (1, 16)
    tower = space._tower("open_clip")
    assert isinstance(tower, text.OpenClip)
    reference = open_clip.create_model(model, pretrained=weights).eval()
    tokens = open_clip.get_tokenizer(model)(["a happy person"])
    torch.testing.assert_close(
        tower.embed_text(["a happy person"]), reference.encode_text(tokens, normalize=True)
    )
    same_size = torch.rand(1, 3, 32, 32) * 2 - 1
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (reference.visual.image_mean, reference.visual.image_std)
    )
    expected = reference.encode_image(((same_size + 1) / 2 - mean) / std, normalize=True)
    torch.testing.assert_close(tower.embed_image(same_size), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="too long"):
        space.encode_text(["very " * 100])
    save_export(tmp_path, "align", space, None)
    loaded = load_export(tmp_path, "align")
    assert isinstance(loaded, EmotionSpace)
    torch.testing.assert_close(loaded.encode_image(pictures), codes)


def test_training_with_open_clip_leaves_its_towers_alone(open_clip_files):
    """One step of stage align with both towers: adapter and ear learn, the frozen model does not."""
    model, weights = open_clip_files
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    stage = AlignStage(
        EmotionSpaceConfig(
            16, "open_clip", "open_clip", model, weights, prompts=4, units_width=16, audio=audio
        )
    )
    stage.setup("fit")
    stage.train()
    space = stage.network
    generator = torch.Generator().manual_seed(0)
    batch = {
        "mel": torch.randn(4, 80, 80, generator=generator) - 5,
        "mask": torch.ones(4, 20, dtype=torch.bool),
        "emotion": torch.tensor([0, 2, 2, 4]),
        "image": torch.rand(4, 3, 48, 48, generator=generator) * 2 - 1,
    }
    losses = stage.losses(batch)
    assert set(losses) == {"audio_text", "image_text", "audio_image"}
    torch.stack(list(losses.values())).sum().backward()
    tower = space._tower("open_clip")
    assert isinstance(tower, text.OpenClip) and not tower._model.training
    assert all(p.grad is None and not p.requires_grad for p in tower._model.parameters())
    trained = {id(p) for group in stage.configure_optimizers().param_groups for p in group["params"]}
    assert not trained & {id(p) for p in tower._model.parameters()}
    assert space.image_head.weight.grad.abs().sum() > 0 and space.audio.cls.grad.abs().sum() > 0


def test_open_clip_errors_say_what_to_do(open_clip_files, tmp_path):
    model, _ = open_clip_files
    with pytest.raises(UserError, match="open_clip knows no model"):
        EmotionSpace(replace(SMALL, image="open_clip", open_clip_model="ViT-Z"))
    with pytest.raises(UserError, match="unknown weights"):
        text.OpenClip(model, "nowhere.pt").embed_text(["happy"])
    other = tmp_path / "other.pt"
    torch.save({"state_dict": {"visual.proj": torch.zeros(3, 3)}}, other)
    with pytest.raises(UserError, match="does not hold the weights"):
        text.OpenClip(model, str(other))


def test_raw_codes_are_the_towers_own(open_clip_files, tmp_path):
    """The paper's space: texts and pictures are encoded as CLIP does, and sound alone is trained."""
    import open_clip

    model, weights = open_clip_files
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    config = EmotionSpaceConfig(
        SIZE, "open_clip", "open_clip", model, weights, 4, units_width=16, raw=True, audio=audio
    )
    stage = AlignStage(config, AlignWeights(units_text=0, audio_units=0, audio_image=1))
    stage.setup("fit")
    stage.train()
    space = stage.network
    reference = open_clip.create_model(model, pretrained=weights).eval()
    tokens = open_clip.get_tokenizer(model)(["a happy person"])
    expected = reference.encode_text(tokens, normalize=True)
    torch.testing.assert_close(space.encode_text(["a happy person"]), expected)
    assert not any(name.startswith(("text_", "image_head")) for name in space.state_dict())
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (reference.visual.image_mean, reference.visual.image_std)
    )
    seen = reference.encode_image(((picture + 1) / 2 - mean) / std, normalize=True)
    torch.testing.assert_close(space.encode_image(picture), seen, rtol=1e-4, atol=1e-5)
    batch = {
        "mel": torch.randn(4, 80, 80) - 5,
        "mask": torch.ones(4, 20, dtype=torch.bool),
        "emotion": torch.tensor([0, 2, 2, 4]),
        "image": torch.rand(4, 3, 48, 48) * 2 - 1,
        "single": torch.rand(4, 20, 64),
        "coeffs": torch.rand(4, 20, 70),
    }
    losses = stage.losses(batch)
    assert set(losses) == {"audio_text", "audio_image"}
    torch.stack(list(losses.values())).sum().backward()
    learned = {name.split(".")[0] for name, value in space.named_parameters() if value.grad is not None}
    assert learned == {"audio", "log_scale"}
    save_export(tmp_path, "align", space, None)
    loaded = load_export(tmp_path, "align")
    assert isinstance(loaded, EmotionSpace) and loaded.fitted
    torch.testing.assert_close(loaded.encode_label(["happy"]), space.encode_label(["happy"]))


def test_raw_codes_of_minilm_stand_where_clip_is_not(space):
    raw = EmotionSpace(replace(SMALL, dim=text.MINILM_SIZE, raw=True)).eval()
    raw.fit_text()
    torch.testing.assert_close(raw.encode_text(["a glad man"]), space.text_tower.embed_text(["a glad man"]))
    assert nearest(raw, raw.encode_text(["a furious person"])) == ["angry"]
    assert raw.encode_units(torch.rand(2, 51)).shape == (2, text.MINILM_SIZE)
    assert raw.bank.norm(dim=-1).allclose(torch.ones(9, 24))


def test_raw_codes_have_one_width(open_clip_files):
    model, weights = open_clip_files
    with pytest.raises(UserError, match="set dim to 384, not 32"):
        EmotionSpace(replace(SMALL, raw=True))
    clip = replace(SMALL, image="open_clip", open_clip_model=model, open_clip_weights=weights)
    with pytest.raises(UserError, match="need text: open_clip"):
        EmotionSpace(replace(clip, dim=384, raw=True))


def test_a_corpus_that_no_loss_uses_is_refused(space):
    stage = AlignStage(SMALL, AlignWeights(units_text=0, audio_units=0))
    faces = {"emotion": torch.tensor([2]), "single": torch.rand(1, 9, 51), "coeffs": torch.rand(1, 9, 57)}
    with pytest.raises(UserError, match="nothing to train"):
        stage.training_step(faces, 0)
    stage = AlignStage(SMALL)
    stage.setup("fit")
    with pytest.raises(UserError, match="image: open_clip"):
        stage.losses(faces | {"single": torch.rand(1, 9, 64)})


@pytest.mark.parametrize("kind", ["torchscript", "safetensors", "bin"])
def test_open_clip_reads_every_format_that_its_weights_come_in(open_clip_files, tmp_path, kind):
    """OpenAI publishes a TorchScript archive, open_clip's hub entry safetensors and a state dict."""
    import open_clip
    from safetensors.torch import save_file

    model, weights = open_clip_files
    reference = open_clip.create_model(model, pretrained=weights).eval()
    state = {name: value.contiguous() for name, value in reference.state_dict().items()}
    path = tmp_path / {"torchscript": "ViT.pt", "safetensors": "ViT.safetensors", "bin": "ViT.bin"}[kind]
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "bin":
        torch.save(state, path)
    else:
        example = (torch.rand(1, 3, 32, 32), open_clip.get_tokenizer(model)(["a"]))
        reference.attn_mask = None  # OpenAI's archive holds no mask, but three sizes
        for name in ("input_resolution", "context_length", "vocab_size"):
            vars(reference).pop(name, None)
            reference.register_buffer(name, torch.tensor(32))
        torch.jit.save(torch.jit.trace(reference, example, check_trace=False, strict=False), str(path))
    assert text.is_torchscript(path) == (kind == "torchscript")
    tower = text.OpenClip(model, str(path))
    expected = text.OpenClip(model, weights).embed_text(["a happy person"])
    torch.testing.assert_close(tower.embed_text(["a happy person"]), expected, rtol=1e-3, atol=1e-4)
