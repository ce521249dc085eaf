"""Stages align and eac that hear by Whisper: trained by the command line, exported, and used on sound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.codes import EmotionReader
from lit_emotalk.inference.emotion.request import Emotion
from lit_emotalk.io.heard import part
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hearing import hear
from lit_emotalk.stages.augment import SoundAugment, augment_sound
from tests.stages import runs, small_stages


@pytest.fixture(scope="module")
def trained(whisper_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs of stages align and eac."""
    folder = tmp_path_factory.mktemp("hearing")
    align = small_stages.align(whisper_shards, folder)
    audio = {**align["model"]["init_args"]["network"].get("audio", {}), "hears": "whisper"}
    align["model"]["init_args"]["network"] = {**align["model"]["init_args"]["network"], "audio": audio}
    eac = small_stages.eac(whisper_shards, folder, folder / "align" / "default" / "export")
    eac["model"]["init_args"]["network"] |= {"hears": "whisper", "convolutions": 1}
    eac["model"]["init_args"]["weights"] = {"spread": 3.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        for name, content in (("align", align), ("eac", eac)):
            runs.fit(runs.write_config(folder / f"{name}.yaml", content))
    return folder


def test_exports_say_how_they_hear_and_follow_the_sound(trained):
    eac = load_export(trained / "eac" / "default" / "export", "eac")
    assert eac.config.hears == "whisper" and eac.config.convolutions == 1
    rng = np.random.default_rng(0)
    samples = [0.1 * rng.standard_normal(640 * 40).astype(np.float32) for _ in range(2)]
    code = torch.randn(1, eac.config.code_dim)
    made = [eac.predict(torch.from_numpy(hear(s, "whisper"))[None], code, torch.ones(1)) for s in samples]
    assert made[0].shape == (1, 40, 51)
    assert (made[0] - made[1]).abs().max() > 0


def test_the_space_hears_a_file(trained, tmp_path):
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "a.wav", 0.1 * rng.standard_normal(16_000 * 2), 16_000)
    space = load_export(trained / "align" / "default" / "export", "align")
    code = EmotionReader(space).code(Emotion(audio=tmp_path / "a.wav"))
    wanted = space.encode_clip(torch.from_numpy(hear(soundfile.read(tmp_path / "a.wav")[0], "whisper")))
    assert code.shape == (space.dim,)
    torch.testing.assert_close(code, wanted, atol=1e-3, rtol=0)


def test_shards_that_lack_it_end_the_training_with_one_line(trained, tiny_shards, tmp_path):
    content = small_stages.eac(tiny_shards, tmp_path, trained / "align" / "default" / "export")
    content["model"]["init_args"]["network"] |= {"hears": "whisper"}
    with pytest.raises(UserError, match="--hears whisper"):
        runs.fit(runs.write_config(tmp_path / "eac.yaml", content))


def test_states_are_varied_by_noise_and_masks_and_keep_their_shape():
    states, mask = torch.randn(2, 30, 768), torch.ones(2, 30, dtype=torch.bool)
    still = SoundAugment(gain=6, noise=4, bands=4, speed=0, crop=0, masks=0, states=0.0)
    assert augment_sound(states, mask, still, "whisper")[0] is states
    noisy = augment_sound(states, mask, SoundAugment(speed=0, crop=0, masks=0, states=0.5), "whisper")[0]
    assert (noisy - states).std() == pytest.approx(0.5 * float(states.std()), rel=0.05)
    masked = augment_sound(
        states, mask, SoundAugment(speed=0, crop=0, masks=3, mask_frames=12, states=0.0), "whisper"
    )[0]
    zeroed = (masked == 0).all(2)
    assert zeroed.any() and torch.equal(masked[~zeroed], states[~zeroed])
    stretched, kept = augment_sound(states, mask, SoundAugment(crop=0, masks=0, states=0.0), "whisper")
    assert stretched.shape[1] == kept.shape[1] and stretched.shape[2] == 768


def test_a_space_by_statistics_is_trained_exported_and_hears_a_file(all_shards, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    content = small_stages.align(all_shards, tmp_path)
    network = content["model"]["init_args"]["network"]
    content["model"]["init_args"]["network"] = {**network, "audio": {"hears": "all", "width": 32}}
    runs.fit(runs.write_config(tmp_path / "align.yaml", content))
    space = load_export(tmp_path / "align" / "default" / "export", "align")
    assert space.hears == "all" and int(space.audio.norm.num_batches_tracked) > 0
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(1).standard_normal(32_000), 16_000)
    code = EmotionReader(space).code(Emotion(audio=tmp_path / "a.wav"))
    assert code.shape == (space.dim,) and code.isfinite().all()


def test_every_entry_is_varied_by_its_own():
    generator = torch.Generator().manual_seed(0)
    speech, mask = torch.randn(2, 30, 1096, generator=generator), torch.ones(2, 30, dtype=torch.bool)
    still = SoundAugment(gain=0, noise=0, bands=0, speed=0, crop=0, states=0)
    assert torch.equal(augment_sound(speech, mask, still, "all")[0], speech)
    before = part(speech, "all")
    for change, name in (({"gain": 6.0}, "mel"), ({"states": 0.5}, "whisper"), ({"pitch": 0.2}, "pitch")):
        varied = part(augment_sound(speech, mask, replace(still, **change), "all")[0], "all")
        assert [n for n in varied if not torch.equal(varied[n], before[n])] == [name]
    shift = varied["pitch"] - before["pitch"]
    assert (shift[..., 1] == 0).all()
    torch.testing.assert_close(shift[..., 0], shift[:, :1, 0].expand(-1, 120), atol=1e-5, rtol=0)
