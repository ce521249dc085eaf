"""The check's machinery: limits, continuing, what goes back; and the whole of it, small, on the CPU."""

import json
import os
import subprocess
import sys
import tarfile
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch

from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.errors import UserError
from lit_emotalk.models.handover import load_export
from tests.benchmarks.gpu import command, parts
from tests.benchmarks.gpu.carried import describe_project
from tests.benchmarks.gpu.command import Check, chosen
from tests.benchmarks.gpu.compiled import called_networks, compile_networks, graphs
from tests.benchmarks.gpu.gpu_tests import Recorder
from tests.benchmarks.gpu.machine import facts
from tests.benchmarks.gpu.parts import PARTS, Part, run
from tests.benchmarks.gpu.peaks import bf16_peak
from tests.benchmarks.gpu.results import Rows, read_json
from tests.benchmarks.gpu.train import column, keep_export, written_at
from tests.drawn_clips import TINY_SPLITS, draw_clip
from tests.forked import ROOT
from tests.gpu.small import make, save_space

CHILD = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
)
COLLECTED_THERE = """
import sys
import tests.gpu.lacking
import importlib.util, pytest
if importlib.util.find_spec("mediapipe"):
    sys.exit("mediapipe is found, which is not there")
sys.exit(pytest.main(["--collect-only", "-m", "gpu", "tests/gpu"]))
"""
SLEEPS = CHILD + "print('begun', flush=True); time.sleep(60)"


def nothing() -> None:
    """Meanwhile."""


def test_a_part_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    own, began = psutil.Process(), time.monotonic()
    others = own.children(recursive=True)
    result = run([sys.executable, "-c", SLEEPS], tmp_path / "log", tmp_path, 2.0, nothing)
    assert result["state"] == "killed after 2 s" and "begun" in result["log_tail"]
    assert time.monotonic() - began < 30
    left = [child for child in own.children(recursive=True) if child not in others]
    assert not [child for child in left if child.status() != "zombie"]


def test_how_a_part_ended_is_said(tmp_path):
    say = partial(run, log=tmp_path / "log", folder=tmp_path, seconds=60, meanwhile=nothing)
    assert say([sys.executable, "-c", "import tests.benchmarks.gpu.results, lit_emotalk"])["state"] == "done"
    failed = say([sys.executable, "-c", "raise SystemExit('a reason')"])
    assert failed["state"] == "failed" and failed["status"] == 1 and "a reason" in failed["log_tail"]


def test_figures_that_are_there_are_not_measured_again(tmp_path):
    rows, calls = Rows(tmp_path / "rows.json"), []
    rows.measure("one", lambda: calls.append(1) or {"value": 1})
    rows.measure("broken", lambda: {"value": 1 / 0})
    again = Rows(tmp_path / "rows.json")
    again.measure("one", lambda: calls.append(2) or {"value": 2})
    assert calls == [1] and again.kept["one"]["value"] == 1
    assert "ZeroDivisionError" in read_json(tmp_path / "rows.json")["broken"]["error"]


def test_parts_that_ended_are_left_out_and_retried_where_that_is_asked(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(command, "run", lambda *given: ran.append(given) or {"state": "done", "seconds": 0.0})
    check = Check(tmp_path / "f", tmp_path / "back", time.monotonic() + 100, toy=True)
    once, always = Part("drawing", "m", 60), Part("train", "m", 60, again=True)
    (tmp_path / "shards").mkdir()
    check.do(always, tmp_path / "shards")
    assert check.content["parts"]["train"]["state"] == "no shards came" and not ran
    (tmp_path / "shards" / "manifest.json").write_text("{}")
    for part in (once, always, once, always):
        check.do(part, tmp_path / "shards")
    assert len(ran) == 3
    command.forget(tmp_path / "f", ["drawing"])
    check.do(once, tmp_path / "shards")
    assert len(ran) == 4
    late = Check(tmp_path / "late", None, time.monotonic() + 1, toy=True)
    late.do(once, tmp_path)
    assert late.content["parts"]["drawing"]["state"] == "no time left" and len(ran) == 4
    assert not (tmp_path / "late" / "parts" / "drawing.json").exists(), "it runs in the next call"
    assert json.loads((tmp_path / "back" / "check.json").read_text())["parts"]["drawing"]["state"] == "done"
    with pytest.raises(UserError, match="there are tests, speed-hef"):
        chosen(["drawings"])
    assert [part.name for part in chosen(["train", "tests"])] == ["tests", "train"]


def test_a_part_gets_what_is_left(tmp_path, monkeypatch):
    limits = []
    monkeypatch.setattr(command, "run", lambda *given: limits.append(given[3]) or {"state": "done"})
    check = Check(tmp_path, None, time.monotonic() + 50, toy=False)
    check.do(Part("drawing", "m", 20), tmp_path)
    check.do(Part("tests", "m", 600), tmp_path)
    assert limits[0] == 20 and 40 < limits[1] <= 50


def test_the_machine_is_described_with_what_it_lacks():
    found = facts()
    assert found["device"]["torch"] == torch.__version__ and "torch" in found["packages"]
    assert "torch" not in found["modules_missing"]
    json.dumps(found)


def test_peaks_are_those_of_the_device():
    assert bf16_peak("NVIDIA H100 80GB HBM3")[0] == bf16_peak("NVIDIA H200")[0] == 989.5e12
    assert bf16_peak("NVIDIA H100 PCIe")[0] == 756.5e12 and bf16_peak("NVIDIA H200 NVL")[0] == 835.5e12
    peak, why = bf16_peak("Some GPU")
    assert peak is None and "Some GPU" in why


@pytest.mark.parametrize("name", ["align", "eac", "hef", "sync"])
def test_a_step_calls_what_is_compiled(name, tiny_shards, space, tmp_path):
    stage, data = make(name, tiny_shards, space)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    called: list[str] = []
    for network in called_networks(stage.network):
        network.register_forward_hook(lambda module, *_: called.append(type(module).__name__))
    compile_networks(stage, "eager")
    before = graphs()
    from tests.gpu.steps import batch_of

    batch_of(stage, data, "cpu", tmp_path, "32-true")
    assert graphs() > before
    assert set(called) == {type(network).__name__ for network in called_networks(stage.network)}


def test_outcomes_of_tests_are_kept_and_passed_over(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2\n"
        "def test_not_here(): pytest.skip('no device')\n"
    )
    words = [str(tmp_path), "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}"]
    rows = Rows(tmp_path / "rows.json")
    pytest.main(words, plugins=[Recorder(rows)])
    kept = read_json(tmp_path / "rows.json")
    assert {name.split("::")[1]: row["outcome"] for name, row in kept.items()} == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_not_here": "skipped",
    }
    assert "no device" in kept["test_a.py::test_not_here"]["why"]
    assert "1 == 2" in kept["test_a.py::test_bad"]["why"]
    assert pytest.main(words, plugins=[Recorder(rows)]) == pytest.ExitCode.NO_TESTS_COLLECTED


def test_an_export_that_is_being_written_is_not_kept(tmp_path):
    export = tmp_path / "export" / "hef"
    export.mkdir(parents=True)
    assert written_at(export) == 0.0
    assert not keep_export(export, tmp_path) and not (tmp_path / "back" / "hef.tar").exists()
    save_space(export)
    assert written_at(export) > 0
    assert not keep_export(export, tmp_path), "another stage's"
    assert column(tmp_path / "none.csv", "a") == []
    (tmp_path / "m.csv").write_text("step,a\n1,0.5\n2,\n3,2\n")
    assert column(tmp_path / "m.csv", "a") == [0.5, 2.0]


def test_the_tests_need_no_more_than_travels(tmp_path):
    describe_project(tmp_path)
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    settings = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", COLLECTED_THERE]
    done = subprocess.run(
        words, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-1000:])
    assert done.stdout.count("[cuda") > 15


def shell(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of experiments/gpu."""
    settings = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    words = ["bash", str(ROOT / "experiments" / "gpu" / script), *arguments]
    return subprocess.run(words, env=settings, capture_output=True, text=True, timeout=1700, check=False)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(torch.cuda.is_available(), reason="the whole check is small on the CPU alone")
def test_packing_and_the_check_run_whole_and_continue(tmp_path):
    clips = [
        draw_clip(speaker, emotion, 2, 30, size=256, name=f"{number:03d}")
        for number, (speaker, emotion) in enumerate([("M001", "happy"), ("M001", "angry"), ("W002", "happy")])
    ]
    pack_clips(clips, tmp_path / "faces", Corpus("synthetic", "arkit", 256, TINY_SPLITS, "tests"), 1)
    folder, back = tmp_path / "gpu", tmp_path / "back"
    packing = ("--no-wheels", "--shards", str(tmp_path / "faces"), "--piece-mib", "0.3")
    done = shell("pack.sh", "--output", str(folder / "carried"), *packing)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "carried").glob("piece-*"))) > 1
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text("import tests.gpu.lacking\n")
    check = ("check.sh", "--toy", "--folder", str(folder), "--back", str(back), "--minutes", "20")
    done = shell(*check)
    content = json.loads((back / "check.json").read_text())
    print(json.dumps(content["parts"], indent=1))
    assert done.returncode == 0, (done.stdout, done.stderr, content)
    assert content["carried"]["pieces"]["missing"] == [] and content["machine"]["device"]["name"] == "cpu"
    assert {"mediapipe", "wandb"} <= content["machine"]["modules_missing"].keys()
    assert content["parts"].keys() == {part.name for part in PARTS}
    for name in parts.STAGES:
        for figures in content["parts"][f"speed-{name}"]["figures"].values():
            assert figures["samples_per_second"] > 0 and figures["gflop_per_sample"] > 0
            assert 0 <= figures["loader_wait"] < 1
    assert all(row["frames_per_second"] > 0 for row in content["parts"]["drawing"]["figures"].values())
    outcomes = [row["outcome"] for row in content["parts"]["tests"]["figures"].values()]
    assert outcomes.count("passed") > 15 and "failed" not in outcomes
    first = content["parts"]["train"]["figures"]["call 1"]
    assert first["epochs"] == 2 and first["exports_kept"] > 0 and first["begun_from"] == "starter"
    shell(*check)
    again = json.loads((back / "check.json").read_text())["parts"]
    assert again["train"]["figures"]["call 2"]["epochs"] == 4
    del again["train"], content["parts"]["train"]
    assert again == content["parts"]
    newest(back / "hef.tar", tmp_path)


def newest(tar: Path, tmp_path: Path) -> None:
    """What came back is a generator, and travels on the next time."""
    with tarfile.open(tar) as handle:
        handle.extractall(tmp_path / "came", filter="data")
    assert load_export(tmp_path / "came" / "hef", "hef").config.resolution == 256
    done = shell(
        "pack.sh", "--no-wheels", "--newest", str(tar), "--output", str(tmp_path / "next" / "carried")
    )
    assert done.returncode == 0, done.stderr
    names = [f["name"] for f in json.loads((tmp_path / "next/carried/manifest.json").read_text())["files"]]
    assert names == ["newest/hef/model.safetensors", "newest/hef/model.yaml"]
