"""Stage align: it learns from tiny shards, resumes exactly, and takes batches that lack something."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.prompts import held_out
from lit_emotalk.schema import ROWS
from lit_emotalk.stages.align import AlignStage, AlignWeights
from lit_emotalk.stages.augment import (
    FaceAugment,
    PictureAugment,
    SoundAugment,
    augment_face,
    augment_picture,
    augment_sound,
    draw_frames,
)
from tests.stages import runs
from tests.stages.small_align import align_config


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """No W&B files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        yield


def column(run: Path, name: str) -> list[float]:
    """The values of a column of a run's metrics.csv."""
    with open(run / "metrics.csv", newline="") as handle:
        return [float(row[name]) for row in csv.DictReader(handle) if row.get(name)]


def test_it_learns_and_reports(align_run):
    losses = column(align_run, "train/units_text")
    assert min(losses[-3:]) < losses[0]
    assert column(align_run, "val/image_text")[-1] == 1.0
    assert column(align_run, "val/held_out_words")[-1] >= 0.85
    for name in ("audio_text", "audio_words", "image_words", "text_audio", "text_image", "image_audio_uar"):
        assert 0 <= column(align_run, f"val/{name}")[-1] <= 1
    assert column(align_run, "val/gap_audio_text")[-1] > 0
    space = load_export(align_run / "export", "align")
    assert isinstance(space, EmotionSpace) and space.fitted


def test_it_lists_words_and_draws_the_space(align_run):
    with open(align_run / "space" / "words.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["right"] for row in rows] == sorted(row["right"] for row in rows)
    words = {row["word"]: row for row in rows}
    assert len(rows) == len(held_out()) + len(COMPOUNDS)
    right = sum(words[word]["right"] == "1" for word, _ in held_out()) / len(held_out())
    assert right == pytest.approx(column(align_run, "val/held_out_words")[-1])
    right = sum(words[name]["right"] == "1" for name in COMPOUNDS) / len(COMPOUNDS)
    assert right == pytest.approx(column(align_run, "val/compounds")[-1])
    pictures = sorted(path.name for path in (align_run / "space").glob("*.png"))
    assert pictures == [f"val-{name}-0002.png" for name in ("attention", "confusion", "map")]


def test_corpora_are_mixed_by_weight_in_the_configuration(tiny_shards, sound_shards, tmp_path):
    content = align_config(tiny_shards, tmp_path, 1)
    data = content["data"]["init_args"]
    corpora = [{"shards": str(data.pop("shards")), "weight": 2.0}, {"shards": str(sound_shards)}]
    content["data"] = {"class_path": "lit_emotalk.data.MixedSignalsDataModule", "init_args": data}
    data |= {"corpora": corpora, "steps_per_epoch": 6, "batch_size": 4}
    content["trainer"]["log_every_n_steps"] = 1
    runs.fit(runs.write_config(tmp_path / "mixed.yaml", content))
    run = tmp_path / "align" / "default"
    assert len(column(run, "train/audio_text")) == 6
    faces = column(run, "train/units_text")
    assert 0 < len(faces) < 6 and len(set(faces)) == len(faces), "no row repeats what its batch lacks"
    assert column(run, "val/image_text")


def test_a_corpus_of_sound_only_is_validated_and_drawn(sound_shards, tmp_path):
    content = align_config(sound_shards, tmp_path, 1)
    content["data"]["init_args"] |= {"steps_per_epoch": 2, "batch_size": 4}
    runs.fit(runs.write_config(tmp_path / "sound.yaml", content))
    run = tmp_path / "align" / "default"
    assert 0 <= column(run, "val/audio_words")[-1] <= 1 and not column(run, "val/image_text")
    assert len(list((run / "space").glob("*.png"))) == 3


class Stopped(Exception):
    """Stands for whatever ends a process."""


def test_interrupted_and_resumed_equals_uninterrupted(align_run, tiny_shards, tmp_path, monkeypatch):
    path = runs.write_config(tmp_path / "align.yaml", align_config(tiny_shards, tmp_path, 3))
    step = AlignStage.training_step

    def stop(self: AlignStage, batch: dict, batch_idx: int) -> torch.Tensor:
        if self.batches_done == 27:
            raise Stopped
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(AlignStage, "training_step", stop)
        runs.fit(path)
    runs.fit(path)
    resumed = runs.exported(tmp_path / "align" / "default")
    for name, value in runs.exported(align_run).items():
        assert torch.equal(value, resumed[name]), name


@pytest.fixture
def stage() -> AlignStage:
    torch.manual_seed(0)
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    stage = AlignStage(EmotionSpaceConfig(dim=16, prompts=4, units_width=16, audio=audio))
    stage.network.bank.copy_(torch.nn.functional.normalize(torch.randn_like(stage.network.bank), dim=-1))
    return stage


def batch(size: int = 6, frames: int = 20) -> dict:
    generator = torch.Generator().manual_seed(0)
    return {
        "mel": torch.randn(size, 4 * frames, 80, generator=generator) - 5,
        "mask": torch.ones(size, frames, dtype=torch.bool),
        "emotion": torch.tensor([0, 2, 2, -1, 4, -1])[:size],
        "single": torch.rand(size, frames, 51, generator=generator),
        "coeffs": torch.rand(size, frames, 57, generator=generator),
        "key_frame": torch.full((size,), 10),
    }


def test_unknown_emotions_join_sound_and_face_only(stage):
    known, unknown = batch(), batch()
    unknown["emotion"] = torch.full_like(unknown["emotion"], -1)
    losses = stage.losses(unknown)
    assert losses["audio_text"].item() == losses["units_text"].item() == 0.0
    assert losses["audio_units"].item() > 0
    assert all(value.item() > 0 for value in stage.losses(known).values())


def test_sound_alone_trains_the_audio_encoder(stage):
    sound = {name: value for name, value in batch().items() if name in ("mel", "mask", "emotion")}
    losses = stage.losses(sound)
    assert set(losses) == {"audio_text"}
    losses["audio_text"].backward()
    assert stage.network.audio.cls.grad is not None and stage.network.units.layers[0].weight.grad is None


def test_faces_alone_train_the_image_tower(stage):
    content = {name: value for name, value in batch().items() if name not in ROWS}
    losses = stage.losses(content)
    assert set(losses) == {"units_text"}
    losses["units_text"].backward()
    assert all(p.grad is not None for p in stage.network.units.parameters())
    assert all(p.grad is None for p in stage.network.audio.parameters())


def test_codes_of_pictures_are_pulled_to_their_labels(stage):
    faces = {name: value for name, value in batch().items() if name not in ROWS}
    assert "units_label" not in stage.losses(faces)
    stage.weights = AlignWeights(units_text=0, audio_units=0, units_label=1)
    stage.network.eval()
    stage.face = FaceAugment(spread=0, rested=0, gain=0, noise=0, mirror=False)
    optimizer, distances = torch.optim.Adam(stage.network.units.parameters(), 0.01), []
    for _ in range(30):
        distances.append(stage.losses(faces)["units_label"])
        optimizer.zero_grad()
        distances[-1].backward()
        optimizer.step()
    known = [0, 1, 2, 4]
    codes = stage.network.encode_units(faces["single"][known, 10])
    cosines = torch.nn.functional.cosine_similarity(
        codes, stage.network.emotion_codes()[faces["emotion"][known]]
    )
    assert distances[-1] < 0.1 < distances[0]
    assert_close(1 - cosines.mean(), stage.losses(faces)["units_label"])
    faces["emotion"] = torch.full_like(faces["emotion"], -1)
    assert stage.losses(faces)["units_label"].item() == 0.0


def test_open_clip_pictures_must_be_in_the_batch():
    config = EmotionSpaceConfig(image="open_clip", prompts=4)
    stage = AlignStage(config)
    stage.network.bank.normal_()
    with pytest.raises(UserError, match="image_size"):
        stage.losses(batch())


def test_texts_are_drawn_from_the_emotions_own_prompts(stage):
    emotion = torch.tensor([EMOTIONS.index("sad")] * 40)
    drawn = stage.draw_texts(emotion)
    own = stage.network.bank[emotion[0]]
    assert all(any(torch.equal(code, prompt) for prompt in own) for code in drawn)
    assert len({tuple(code.tolist()) for code in drawn}) > 1


def test_sound_without_changes_stays_as_it_is():
    mel, mask = batch()["mel"], batch()["mask"]
    plain = SoundAugment(gain=0, noise=0, bands=0, speed=0, crop=0, masks=0)
    changed, kept = augment_sound(mel, mask, plain)
    assert_close(changed, mel)
    assert torch.equal(kept, mask)


def test_each_change_of_sound_does_what_it_says():
    torch.manual_seed(0)
    mel, mask = batch()["mel"], batch()["mask"]
    mask[0, 15:] = False
    none = {"gain": 0.0, "noise": 0.0, "bands": 0.0, "speed": 0.0, "crop": 0.0, "masks": 0}
    louder, _ = augment_sound(mel, mask, SoundAugment(**{**none, "gain": 5.0}))
    offsets = (louder - mel).flatten(1)
    assert_close(offsets, offsets[:, :1].expand_as(offsets), rtol=0, atol=1e-5)
    assert offsets[:, 0].std() > 0.1
    noisy, _ = augment_sound(torch.full_like(mel, -11.5), mask, SoundAugment(**{**none, "noise": 4.0}))
    assert (noisy > -11.5).all()
    ramp = torch.arange(80.0).expand_as(mel)
    moved, _ = augment_sound(ramp, mask, SoundAugment(**{**none, "bands": 3.0}))
    shift = (moved - ramp)[:, 0, 20:60]
    assert_close(shift, shift[:, :1].expand_as(shift), rtol=0, atol=1e-4)
    assert shift.abs().max() <= 3
    _, cropped = augment_sound(mel, mask, SoundAugment(**{**none, "crop": 0.5}))
    assert not (cropped & ~mask).any() and (cropped.sum(1) >= 0.5 * mask.sum(1) - 1).all()
    quick, kept = augment_sound(mel, mask, SoundAugment(**{**none, "speed": 0.2}))
    assert quick.shape[1] == 4 * kept.shape[1]


def test_mirroring_twice_changes_nothing_and_keeps_the_middle():
    columns = torch.from_numpy(ARKIT.mirrored())
    assert columns[columns].tolist() == list(range(51)) and columns.tolist() != list(range(51))
    torch.manual_seed(0)
    face = torch.rand(64, 51)
    assert_close(augment_face(face, FaceAugment(gain=0, noise=0, mirror=False), columns), face)
    swapped = augment_face(face, FaceAugment(gain=0, noise=0), columns)
    mirrored = (swapped == face[:, columns]).all(1)
    assert (mirrored | (swapped == face).all(1)).all() and 10 < mirrored.sum() < 54


def test_frames_are_drawn_near_the_key_frame_and_inside_the_clip():
    frames = torch.arange(30.0)[None, :, None].expand(500, 30, 1)
    mask = torch.ones(500, 30, dtype=torch.bool)
    mask[:, 20:] = False
    torch.manual_seed(0)
    drawn = draw_frames(frames, mask, torch.full((500,), 15), 3.0)[:, 0]
    assert drawn.max() <= 19 and 13 < drawn.mean() < 16 and drawn.std() > 1


def test_pictures_without_changes_stay_and_mirrored_ones_are_mirrored():
    torch.manual_seed(0)
    image = torch.rand(40, 3, 16, 16) * 2 - 1
    none = {"shift": 0.0, "zoom": 0.0, "turn": 0.0, "light": 0.0, "contrast": 0.0}
    assert_close(augment_picture(image, PictureAugment(mirror=False, **none)), image, rtol=0, atol=1e-5)
    turned = augment_picture(image, PictureAugment(**none))
    flipped = (turned - image.flip(-1)).abs().amax((1, 2, 3)) < 1e-4
    kept = (turned - image).abs().amax((1, 2, 3)) < 1e-4
    assert (flipped | kept).all() and 8 < flipped.sum() < 32


@pytest.mark.parametrize("change", ["shift", "zoom", "turn", "light", "contrast"])
def test_each_change_of_a_picture_stays_small_and_in_range(change):
    torch.manual_seed(0)
    none = {"mirror": False, "shift": 0.0, "zoom": 0.0, "turn": 0.0, "light": 0.0, "contrast": 0.0}
    how = PictureAugment(**{**none, change: getattr(PictureAugment(), change)})
    spot = torch.full((20, 3, 64, 64), -0.8)
    spot[:, :, 10:14, 44:48] = 0.8
    varied = augment_picture(spot, how)
    assert varied.shape == spot.shape and varied.abs().max() <= 1 and not torch.allclose(varied, spot)
    brightest = varied.mean(1).flatten(1).argmax(1)
    moved = torch.stack([brightest // 64 - 11.5, brightest % 64 - 45.5]).abs()
    assert moved.max() <= 6
