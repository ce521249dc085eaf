"""`lit-emotalk figures attention`: a picture from an export, and what is refused."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.figures import command as figures
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attention")
    space = EmotionSpace(EmotionSpaceConfig(dim=16, prompts=4, audio=AudioEncoderConfig(layers=1)))
    space.bank.normal_()
    save_export(folder / "align", "align", space, None)
    for name, seconds in (("voice", 2.0), ("other", 1.0), ("short", 0.2)):
        noise = 0.1 * np.random.default_rng(0).standard_normal(int(16_000 * seconds))
        soundfile.write(folder / f"{name}.wav", noise, 16_000)
    return folder


def drawn(files, output, *sounds: str) -> None:
    arguments = ["attention", "--models", str(files), "--output", str(output)]
    figures.main([*arguments, "--audio", *(sound.format(files) for sound in sounds)])


def test_a_row_for_each_sound(files, tmp_path):
    drawn(files, tmp_path / "one.png", "{}/voice.wav")
    drawn(files, tmp_path / "two.png", "me={}/voice.wav", "{}/other.wav")
    one, two = (np.asarray(Image.open(tmp_path / name)) for name in ("one.png", "two.png"))
    assert one.shape[1] == two.shape[1] and two.shape[0] > 1.5 * one.shape[0] and one.std() > 10


@pytest.mark.parametrize(
    ("output", "sound", "said"),
    [
        ("a.png", "{}/short.wav", "too short to show"),
        ("a.png", "{}/gone.wav", "gone.wav"),
        ("a.txt", "{}/voice.wav", ".png or .pdf"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(files, tmp_path, output, sound, said):
    with pytest.raises(UserError, match=said):
        drawn(files, tmp_path / output, sound)
    assert not list(tmp_path.iterdir())
