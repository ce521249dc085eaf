"""The sync expert finds shifted sound on the demo's unseen speakers; it is trained for that here."""

from pathlib import Path

import pytest

from lit_emotalk.training import command as training
from tests.benchmarks.sync_shifts import measure
from tests.forked import ROOT

SHARDS = ROOT / "outputs" / "demo" / "shards"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not (SHARDS / "manifest.json").is_file(), reason="needs the shards of make demo")
def test_nine_of_ten_shifts_are_found_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    training.main(["fit", "--config", "experiments/sync/demo_long.yaml", "--runs", str(tmp_path)])
    found = measure(SHARDS, tmp_path / "sync" / "default" / "export", "test", None)
    right = [offset == shift for shift, offsets in found.items() for offset in offsets]
    assert sum(right) / len(right) >= 0.9
