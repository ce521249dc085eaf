import resource
from types import SimpleNamespace

import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.stages.callbacks import AtomicCheckpointIO, EveryMinutes
from lit_emotalk.stages.loggers import MetricsCsv


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "last.ckpt"
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"value": torch.ones(3)}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*last.ckpt"):
            writer.save_checkpoint({"value": torch.ones(1_000_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.equal(torch.load(path)["value"], torch.ones(3))
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_metrics_of_steps_done_again_are_replaced(tmp_path):
    path = tmp_path / "metrics.csv"
    first = MetricsCsv(path)
    for step in range(5):
        first.log_metrics({"loss": step}, step)
    first.finalize("failed")
    second = MetricsCsv(path)
    second.log_metrics({"loss": 30, "other": 1}, 3)
    second.finalize("success")
    assert path.read_text().split() == ["step,loss,other", "0,0,", "1,1,", "2,2,", "3,30,1"]


def test_what_is_written_every_minute_is_written_by_the_first_rank_after_a_batch():
    clock, written = [0.0], []
    callback = EveryMinutes(1.0, lambda: written.append(clock[0]), lambda: clock[0])
    first, other = SimpleNamespace(is_global_zero=True), SimpleNamespace(is_global_zero=False)
    clock[0] = 100.0
    callback.on_train_start(first, None)
    for now in (130.0, 159.0, 161.0, 170.0, 215.0, 400.0):
        clock[0] = now
        callback.on_train_batch_end(other, None, None, None, 0)
        callback.on_train_batch_end(first, None, None, None, 0)
    assert written == [161.0, 400.0]
