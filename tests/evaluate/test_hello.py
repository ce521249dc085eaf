"""`lit-emotalk hello`: from what ships with the package to a video and a sheet, and what to type next."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate import hello
from lit_emotalk.evaluate.showcase import PROMPTS
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.video import probe, read_frames, read_image
from lit_emotalk.weights.starter import FOLDER, PORTRAIT, SPEECH
from tests.starter import small_starter

MOST_BYTES = 100_000
FRAMES = 25
"""Of the voice that ships, as many as are spoken here."""


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    with small_starter(tmp_path_factory.mktemp("starter")) as folder:
        yield folder


def test_portrait_and_speech_ship_as_small_files():
    assert (FOLDER / PORTRAIT).stat().st_size + (FOLDER / SPEECH).stat().st_size < MOST_BYTES
    assert min(read_image(FOLDER / PORTRAIT).shape[:2]) >= 256
    assert 1 < len(load_audio(FOLDER / SPEECH)) / 16_000 < 5


def test_eight_emotions_a_video_and_a_sheet(starter, tmp_path, capsys, monkeypatch):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    shutil.copyfile(FOLDER / PORTRAIT, shipped / PORTRAIT)
    soundfile.write(shipped / SPEECH, load_audio(FOLDER / SPEECH)[: FRAMES * 640], 16_000)
    monkeypatch.setattr(hello, "FOLDER", shipped)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "lit-emotalk")])
    hello.main([])
    said = capsys.readouterr()
    assert "the starter that ships" in said.err and "eight emotions" in said.out
    assert said.out.splitlines()[-1].startswith("  .venv/bin/lit-emotalk hello --portrait me.jpg --speech ")
    info = probe(tmp_path / "outputs" / "hello" / "hello.mp4")
    assert (info.width, info.height) == (4 * 64, 2 * (64 + hello.LABEL_HEIGHT)) and info.has_audio
    assert len(list(read_frames(tmp_path / "outputs" / "hello" / "hello.mp4"))) == FRAMES
    sheet = read_image(tmp_path / "outputs" / "hello" / "contact_sheet.png")
    assert sheet.shape[0] > 8 * 100 and sheet.std() > 20


def test_every_face_stands_in_its_place_above_its_name():
    names = list(PROMPTS)
    videos = {
        name: [np.full((40, 96, 3), 20 * k + step, np.uint8) for step in (0, 5)]
        for k, name in enumerate(names)
    }
    first, second = hello.side_by_side(videos)
    assert first.shape == (2 * (40 + hello.LABEL_HEIGHT), 4 * 96, 3)
    for k in range(len(names)):
        row, column = divmod(k, 4)
        top = row * (40 + hello.LABEL_HEIGHT)
        for picture, step in ((first, 0), (second, 5)):
            assert (picture[top : top + 40, column * 96 : column * 96 + 96] == 20 * k + step).all()
        label = first[top + 40 : top + 40 + hello.LABEL_HEIGHT]
        assert label.min() < 100 and label.mean() > 200


def test_ones_own_picture_and_what_cannot_be_used(starter, tmp_path):
    with pytest.raises(UserError, match=r"me\.jpg"):
        hello.main(["--portrait", str(tmp_path / "me.jpg"), "--output", str(tmp_path / "out")])
    with pytest.raises(UserError, match="no models at"):
        hello.main(["--models", str(Path("nowhere"))])
    assert not (tmp_path / "out").exists()
