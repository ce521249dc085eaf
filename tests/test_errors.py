"""How commands end: readers that go away, folders in place of files."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lit_emotalk import cli
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


WRITES = """
import sys, time
from pathlib import Path
from lit_emotalk.errors import run_main
from lit_emotalk.io.files import atomic_path
from lit_emotalk.inference.output.files import _atomic_folder

def main():
    place = Path(sys.argv[1])
    with atomic_path(place / "video.mp4") as file, _atomic_folder(place / "pictures") as folder:
        file.write_text("half")
        (folder / "frame_000000.png").write_text("half")
        print("begun", flush=True)
        time.sleep(60)

run_main(main, "program", continues="continues" in sys.argv)
"""


@pytest.mark.parametrize(
    ("signum", "status", "words", "said"),
    [
        (signal.SIGTERM, 143, (), ""),
        (signal.SIGINT, 130, (), "program: interrupted\n"),
        (
            signal.SIGINT,
            130,
            ("continues",),
            "program: interrupted; run the same command again to continue\n",
        ),
    ],
)
def test_an_ended_command_leaves_nothing_behind_and_says_only_what_is_true(
    tmp_path: Path, signum: int, status: int, words: tuple[str, ...], said: str
) -> None:
    command = [sys.executable, "-c", WRITES, str(tmp_path), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "begun\n" and len(list(tmp_path.iterdir())) == 2
        process.send_signal(signum)
        assert process.wait(timeout=60) == status
        assert process.stderr.read() == said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["animate", "--portrait", "a.png"], (False, False)),
        (["animate", "--batch", "a.csv"], (True, False)),
        (["fit", "--config", "a.yaml"], (True, True)),
        (["evaluate"], (True, False)),
        (["emotion"], (False, False)),
    ],
)
def test_commands_say_whether_they_continue(monkeypatch, arguments, expected) -> None:
    seen = {}
    monkeypatch.setattr(sys, "argv", ["lit-emotalk", *arguments])
    monkeypatch.setattr(cli, "run_main", lambda main, program, **facts: seen.update(facts))
    cli.main()
    assert (seen["continues"], seen["own_signals"]) == expected
