"""Figures of stage eac: curves beside the truth, and attention with the intensity token."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.figures.command import main
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    space = EmotionSpace(EmotionSpaceConfig(dim=16, prompts=4, audio=AudioEncoderConfig(layers=1)))
    space.fit_text()
    save_export(folder / "align", "align", space, None)
    save_export(folder / "eac", "eac", EAC(EACConfig(code_dim=16, layers=1, heads=2, width=16)), None)
    return folder


def reddish(path) -> int:
    """Pixels much redder than blue."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return int((pixels[..., 0] - pixels[..., 2] > 60).sum())


def test_curves_have_a_row_for_each_clip(models, tiny_shards, tmp_path):
    given = ["--models", str(models), "--shards", str(tiny_shards), "--units", "jawOpen"]
    heights = []
    for clips in (["M003_angry_3_007"], []):
        chosen = ["--clips", *clips] if clips else []
        main(["curves", *given, *chosen, "--output", str(tmp_path / "f.png")])
        assert reddish(tmp_path / "f.png") > 100
        heights.append(Image.open(tmp_path / "f.png").height)
    assert heights[1] > 1.5 * heights[0]
    for wrong, said in ((["--clips", "nobody"], "no clip nobody"), (["--units", "ears"], "ears")):
        with pytest.raises(UserError, match=said):
            main(["curves", *given, *wrong, "--output", str(tmp_path / "g.png")])
    assert not (tmp_path / "g.png").exists()


def test_attention_is_drawn_for_speech(models, tmp_path):
    time = np.arange(16_000) / 16_000
    soundfile.write(tmp_path / "s.wav", 0.3 * np.sin(2 * np.pi * 200 * time), 16_000)
    given = ["eac-attention", "--models", str(models), "--audio", str(tmp_path / "s.wav")]
    main([*given, "--output", str(tmp_path / "f.png")])
    assert reddish(tmp_path / "f.png") > 1000
    with pytest.raises(UserError, match="between 0 and 1"):
        main([*given, "--intensity", "3", "--output", str(tmp_path / "g.png")])
