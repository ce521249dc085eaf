import resource

import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.stages.callbacks import AtomicCheckpointIO
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
