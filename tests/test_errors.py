"""How commands end: readers that go away, folders in place of files."""

import subprocess
import sys
from pathlib import Path

import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import read_yaml
from lit_emotalk.io.video import probe, read_frames, read_image

PRINTS = "from lit_emotalk.errors import run_main; run_main(lambda: print('a line\\n' * 100_000), 'program')"


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    writer = subprocess.Popen([sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.wait(timeout=60) == 141
    assert writer.stderr.read() == b""
    writer.stderr.close()


@pytest.mark.parametrize(
    "read",
    [
        load_audio,
        probe,
        lambda path: list(read_frames(path)),
        read_image,
        lambda path: read_yaml(path, "spec"),
    ],
    ids=["sound", "facts", "frames", "picture", "yaml"],
)
def test_a_folder_is_called_one(tmp_path: Path, read) -> None:
    with pytest.raises(UserError, match=f"{tmp_path} is a folder; give a file"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"no such .*gone"):
        read(tmp_path / "gone")
