import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.training.recipe import runner as recipe

ROOT = Path(__file__).parents[2]

CHAIN = """
out: out
packages: [numpy]
variables: {word: hello}
steps:
  - name: first
    command: sh -c "echo ran >> first.log; cat in.txt > ${out}/first.txt"
    inputs: [in.txt]
    code: [code]
    outputs: ["${out}/first.txt"]
  - name: second
    command: sh -c "echo ran >> second.log; echo ${variables.word} > ${out}/second.txt; cat ${out}/first.txt"
    inputs: ["${out}/first.txt"]
    outputs: ["${out}/second.txt"]
    needs: [first]
  - name: third
    command: sh -c "echo ran >> third.log; touch ${out}/third.txt"
    outputs: ["${out}/third.txt"]
"""


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """A recipe of three steps in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chain.yaml").write_text(CHAIN)
    (tmp_path / "in.txt").write_text("1")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("1")
    return tmp_path


def runs(directory: Path) -> list[int]:
    """How often each step ran so far."""
    logs = [directory / f"{name}.log" for name in ("first", "second", "third")]
    return [len(log.read_text().splitlines()) if log.exists() else 0 for log in logs]


def test_a_second_run_redoes_nothing_and_says_so(chain, capfd):
    recipe.main(["chain.yaml"])
    assert runs(chain) == [1, 1, 1] and "never finished" in capfd.readouterr().out
    recipe.main(["chain.yaml"])
    assert runs(chain) == [1, 1, 1]
    assert capfd.readouterr().out.count("unchanged, skipped") == 3
    steps = json.loads((chain / "out" / "summary.json").read_text())["steps"]
    assert list(steps) == ["first", "second", "third"]
    assert all(
        step["skipped"] and step["seconds"] >= 0 and step["peak_memory_bytes"] >= 0 for step in steps.values()
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: (d / "in.txt").write_text("2"), [2, 2, 1]),
        (lambda d: (d / "code" / "a.py").write_text("2"), [2, 1, 1]),
        (lambda d: (d / "chain.yaml").write_text(CHAIN.replace("word: hello", "word: bye")), [1, 2, 1]),
        (lambda d: (d / "out" / "third.txt").unlink(), [1, 1, 2]),
        (lambda d: (d / "out" / "first.txt").write_text("spoilt"), [2, 1, 1]),
        (lambda d: os.utime(d / "in.txt", (1, 1)), [1, 1, 1]),
        (
            lambda d: (d / "code" / "__pycache__").mkdir() or (d / "code" / "__pycache__" / "a.pyc").touch(),
            [1, 1, 1],
        ),
    ],
)
def test_only_what_depends_on_a_change_runs_again(chain, change, expected):
    recipe.main(["chain.yaml"])
    change(chain)
    recipe.main(["chain.yaml"])
    assert runs(chain) == expected


def test_steps_can_be_chosen(chain):
    recipe.main(["chain.yaml", "--until", "first"])
    assert runs(chain) == [1, 0, 0]
    recipe.main(["chain.yaml", "--only", "third", "--force", "third"])
    assert runs(chain) == [1, 0, 1]
    recipe.main(["chain.yaml", "--target", "second"])
    assert runs(chain) == [1, 1, 1]
    recipe.main(["chain.yaml", "--target", "second", "--force", "second"])
    assert runs(chain) == [1, 2, 1]
    recipe.main(["chain.yaml", "--plan", "--force", "first"])
    assert runs(chain) == [1, 2, 1]


def test_the_summary_keeps_what_others_wrote(chain):
    (chain / "out").mkdir()
    (chain / "out" / "summary.json").write_text('{"table": 1}')
    recipe.main(["chain.yaml", "--until", "first"])
    summary = json.loads((chain / "out" / "summary.json").read_text())
    assert summary["table"] == 1 and not summary["steps"]["first"]["skipped"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps:", "stepss:", "unknown keys: stepss"),
        ("out: out", "", "needs the keys 'out' and 'steps'"),
        ("packages:", "package:", "unknown keys: package"),
        ("numpy", "numpyy", "numpyy, which is not installed"),
        ("needs: [first]", "need: [first]", "step second has unknown keys: need"),
        ("needs: [first]", "needs: [third]", "second needs third, which does not come before it"),
        ("name: third", "name: first", "two steps named first"),
        ("code: [code]", "code: code", "'code' of step first must be a list"),
        ("${variables.word}", "${variables.wrod}", "not a readable recipe"),
        ("[in.txt]", "[on.txt]", "missing: first needs on.txt"),
        ('["${out}/third.txt"]', '["${out}/fourth.txt"]', "finished without making out/fourth.txt"),
        ("touch ${out}/third.txt", "exit 3", "step third failed with status 3"),
        ('sh -c "echo ran >> third', 'no_such_program "', "step third failed with status 127"),
    ],
)
def test_what_is_wrong_is_said(chain, old, new, message):
    assert old in CHAIN
    (chain / "chain.yaml").write_text(CHAIN.replace(old, new))
    with pytest.raises(UserError, match=message):
        recipe.main(["chain.yaml"])


def test_unknown_steps_and_files_are_said(chain):
    for arguments in (["none.yaml"], ["chain.yaml", "--only", "x"], ["chain.yaml", "--force", "x"]):
        with pytest.raises(UserError, match=r"no such recipe|has no step 'x'"):
            recipe.main(arguments)
    with pytest.raises(UserError, match="--extra needs"):
        recipe.main(["chain.yaml", "--extra", "more"])


SLOW = """
out: out
steps:
  - name: slow
    command: sh -c "sh -c 'sleep 60; true' {mark} & sh -c 'sleep 60; true' {mark}"
    outputs: [out/slow]
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_recipe(tmp_path, number):
    mark = f"mark-{tmp_path.name}-{number}"
    (tmp_path / "slow.yaml").write_text(SLOW.replace("{mark}", mark))
    command = [sys.executable, "-m", "lit_emotalk.cli", "recipe", "slow.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    signal.signal(signal.SIGINT, ignored)
    assert wait_until(lambda: len(marked(mark)) >= 3)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert wait_until(lambda: not marked(mark))
    assert process.returncode == (130 if number != signal.SIGKILL else -signal.SIGKILL)
    assert number == signal.SIGKILL or b"run the same command again" in said


def marked(mark: str) -> list[int]:
    """Processes whose command line has `mark`."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(mark in word for word in process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def wait_until(condition, seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_time_and_memory_of_all_processes_are_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "big.py").write_text("import time; a = b'x' * (80 << 20); time.sleep(1.3)")
    (tmp_path / "big.yaml").write_text(
        "out: out\nsteps:\n  - {name: big, command: 'sh -c \"python big.py & python big.py; wait\"'}\n"
    )
    recipe.main(["big.yaml"])
    step = json.loads((tmp_path / "out" / "summary.json").read_text())["steps"]["big"]
    assert 1.3 <= step["seconds"] < 15 and 160 << 20 <= step["peak_memory_bytes"] < 260 << 20


def test_one_recipe_at_a_time(chain):
    with recipe._only_one(chain / "out"), pytest.raises(UserError, match="another recipe is running"):
        recipe.main(["chain.yaml"])
