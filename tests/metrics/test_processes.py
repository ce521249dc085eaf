"""Every Metric gives the same value on one process and on two."""

import pytest
import torch
import torch.distributed
import torch.multiprocessing as multiprocessing

from lit_emotalk.metrics.csim import CSIM
from lit_emotalk.metrics.efd import EFD
from lit_emotalk.metrics.expression import ExpressionError
from lit_emotalk.metrics.fid import FrechetDistance
from lit_emotalk.metrics.lmd import FaceLMD, MouthLMD
from lit_emotalk.metrics.lpips import LPIPS
from lit_emotalk.metrics.psnr import PSNR
from lit_emotalk.metrics.ssim import SSIM
from lit_emotalk.metrics.sync import Sync
from lit_emotalk.metrics.temporal import TOF, WarpingError
from lit_emotalk.metrics.zero_shot import ZeroShot

CLIPS = 5


class Difference(torch.nn.Module):
    """In place of LPIPS' network: the mean difference of two pictures."""

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one - other).abs().mean((1, 2, 3), keepdim=True)


def values(clips: range) -> dict[str, float]:
    """Every metric's value over some clips, reduced over the processes of the current group."""
    metrics = {
        m.__name__: m() for m in (CSIM, EFD, FaceLMD, MouthLMD, PSNR, SSIM, Sync, TOF, WarpingError)
    } | {
        "FrechetDistance": FrechetDistance(size=4),
        "LPIPS": LPIPS(Difference()),
        "ExpressionError": ExpressionError(),
        "ZeroShot": ZeroShot(emotions=3, dim=4),
    }
    words = torch.eye(4)[:3]
    for clip in clips:
        generator = torch.Generator().manual_seed(clip)
        frames = 4 + clip
        points = torch.randn(2, frames, 68, 2, generator=generator)
        pictures = (torch.rand(2, frames, 3, 24, 24, generator=generator) * 255).byte()
        features = torch.randn(2, 20 + clip, 4, generator=generator)
        arrays = pictures.permute(0, 1, 3, 4, 2).numpy()
        for name in ("FaceLMD", "MouthLMD"):
            metrics[name].update(*points)
        metrics["ExpressionError"].update(*torch.rand(2, frames, 51, generator=generator))
        metrics["ZeroShot"].update(features[0], features[1], torch.arange(20 + clip) % 3, words)
        for name in ("PSNR", "SSIM", "LPIPS"):
            metrics[name].update(*pictures)
        for name in ("EFD", "Sync"):
            metrics[name].update(*features)
        metrics["CSIM"].update(features[0], features[1, 0])
        metrics["TOF"].update(*arrays)
        metrics["WarpingError"].update(arrays[0])
        metrics["FrechetDistance"].update(features[0], real=True)
        metrics["FrechetDistance"].update(features[1], real=False)
    computed = {name: metric.compute() for name, metric in metrics.items()}
    for name in ("Sync", "ExpressionError", "ZeroShot"):
        computed |= computed.pop(name)
    return {name: float(value) for name, value in computed.items()}


def run_rank(rank: int, address: str, results: str) -> None:
    """One of the two processes: takes every second clip, saves the reduced values."""
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(values(range(rank, CLIPS, 2)), f"{results}.{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.ddp
def test_two_processes_equal_one(tmp_path):
    context = multiprocessing.spawn(
        run_rank, (f"file://{tmp_path}/rendezvous", str(tmp_path / "values")), nprocs=2, join=False
    )
    expected = values(range(CLIPS))
    assert expected == pytest.approx(values(range(CLIPS - 1, -1, -1)), rel=1e-6), "whatever the order"
    while not context.join():
        pass
    for rank in range(2):
        assert torch.load(tmp_path / f"values.{rank}") == pytest.approx(expected, rel=1e-6)
