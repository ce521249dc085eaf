"""Every Metric gives the same value on one process and on two, and in one batch or many."""

import importlib
import pkgutil

import numpy as np
import pytest
import torch
import torch.distributed
from torchmetrics import Metric

import lit_emotalk.metrics
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.metrics.base import ClipMean
from lit_emotalk.metrics.coefficient_error import CoefficientError
from lit_emotalk.metrics.coefficient_fid import ExpressionFID, PoseFID
from lit_emotalk.metrics.csim import CSIM, csim
from lit_emotalk.metrics.efd import EFD, efd
from lit_emotalk.metrics.emotion_accuracy import EmoAcc
from lit_emotalk.metrics.expression import ExpressionError
from lit_emotalk.metrics.fid import FrechetDistance
from lit_emotalk.metrics.lmd import FaceLMD, MouthLMD, lmd
from lit_emotalk.metrics.lpips import LPIPS, lpips_distance
from lit_emotalk.metrics.psnr import PSNR, psnr
from lit_emotalk.metrics.rhythm import BAS, SLCC
from lit_emotalk.metrics.shape_error import FDD, LVE, MHD
from lit_emotalk.metrics.sharpness import Sharpness
from lit_emotalk.metrics.ssim import SSIM, ssim
from lit_emotalk.metrics.sync import Sync
from lit_emotalk.metrics.temporal import TLPIPS, TOF, WarpingError
from lit_emotalk.metrics.theval import (
    EyebrowDynamics,
    HeadMotionDynamics,
    LipDynamics,
    LipSync,
    SilentLipStability,
    head_track,
)
from lit_emotalk.metrics.theval_score import THEval, clip_measures
from lit_emotalk.metrics.zero_shot import AverageRecall, ZeroShot
from tests.forked import begun, ended
from tests.metrics.talking import SIZE, landmarks, speech

CLIPS = 5


class Difference(torch.nn.Module):
    """In place of LPIPS' network: the mean difference of two pictures."""

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one - other).abs().mean((1, 2, 3), keepdim=True)


def make_metrics() -> dict[str, Metric]:
    """One of every Metric of the package, by its class' name."""
    plain = (
        CSIM,
        EFD,
        FaceLMD,
        MouthLMD,
        PSNR,
        SSIM,
        Sharpness,
        Sync,
        TOF,
        WarpingError,
        ExpressionError,
        AverageRecall,
        BAS,
        EmoAcc,
        EyebrowDynamics,
        FDD,
        HeadMotionDynamics,
        LVE,
        LipDynamics,
        LipSync,
        MHD,
        SLCC,
        SilentLipStability,
        THEval,
    )
    made = [
        *(metric() for metric in plain),
        *(distance(size=4) for distance in (FrechetDistance, ExpressionFID, PoseFID)),
        LPIPS(Difference()),
        TLPIPS(Difference()),
        ZeroShot(emotions=3, dim=4),
        CoefficientError(units=51),
    ]
    return {type(metric).__name__: metric for metric in made}


def values(clips: range, batch: int = 1000) -> dict[str, float]:
    """Every metric's value over some clips, reduced over the processes of the current group; what is not
    counted by clip is handed over in batches of `batch`."""
    metrics = make_metrics()
    words = torch.eye(4)[:3]
    for clip in clips:
        generator = torch.Generator().manual_seed(clip)
        frames = 4 + clip
        points = torch.randn(2, frames, 68, 2, generator=generator)
        pictures = (torch.rand(2, frames, 3, 24, 24, generator=generator) * 255).byte()
        features = torch.randn(2, 20 + clip, 4, generator=generator)
        arrays = pictures.permute(0, 1, 3, 4, 2).numpy()
        emotion = torch.arange(20 + clip) % 3
        for name in ("FaceLMD", "MouthLMD"):
            metrics[name].update(*points)
        faces = torch.rand(2, frames, 51, generator=generator)
        metrics["ExpressionError"].update(*faces)
        metrics["CoefficientError"].update(*faces, faces[1, :2])
        for name in ("PSNR", "SSIM", "Sharpness", "LPIPS", "TLPIPS"):
            metrics[name].update(*pictures)
        for name in ("EFD", "Sync"):
            metrics[name].update(*features)
        update_talking(metrics, clip)
        metrics["CSIM"].update(features[0], features[1, 0])
        metrics["TOF"].update(*arrays)
        metrics["WarpingError"].update(arrays[0])
        for made, true, label in zip(*(f.split(batch) for f in (*features, emotion)), strict=True):
            for name in ("FrechetDistance", "ExpressionFID", "PoseFID"):
                metrics[name].update(true, real=True)
                metrics[name].update(made, real=False)
            metrics["ZeroShot"].update(made, true, label, words)
            metrics["AverageRecall"].update(made[:, :3], label)
    computed = {name: metric.compute() for name, metric in metrics.items()}
    computed |= {f"coefficients {name}": value for name, value in computed.pop("CoefficientError").items()}
    for name in ("Sync", "ExpressionError", "ZeroShot", "THEval"):
        computed |= computed.pop(name)
    return {name: float(value) for name, value in computed.items()}


def update_talking(metrics: dict[str, Metric], clip: int) -> None:
    """The metrics that want a whole face and sound."""
    made, true = (torch.from_numpy(landmarks(30 + clip, seed)) for seed in (clip, clip + 90))
    sound = speech(np.arange(30 + clip) < 18, clip)
    size, face = (SIZE, SIZE), LinearFace.load()
    metrics["LipDynamics"].update(made, size)
    metrics["EyebrowDynamics"].update(made)
    metrics["HeadMotionDynamics"].update(*head_track(made, size, face))
    for name in ("LVE", "MHD"):
        metrics[name].update(made / 60, true / 60)
    metrics["FDD"].update(made / 60, true / 60, face.mean, face.upper_face)
    for name in ("LipSync", "SilentLipStability", "BAS", "SLCC"):
        metrics[name].update(made, sound)
    metrics["THEval"].update(*(clip_measures(marks, size, sound, face).values for marks in (made, true)))
    metrics["EmoAcc"].update(made[:, :3, 0], ("happy", "sad", "angry"), "sad")


def run_rank(rank: int, address: str, results: str) -> None:
    """One of the two processes: takes every second clip, saves the reduced values."""
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(values(range(rank, CLIPS, 2)), f"{results}.{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.ddp
def test_two_processes_equal_one(tmp_path):
    processes = begun(run_rank, f"file://{tmp_path}/rendezvous", str(tmp_path / "values"))
    expected = values(range(CLIPS))
    turned = values(range(CLIPS - 1, -1, -1), batch=7)
    assert expected == pytest.approx(turned, rel=1e-6), "whatever the order and the batches"
    ended(processes)
    for rank in range(2):
        assert torch.load(tmp_path / f"values.{rank}") == pytest.approx(expected, rel=1e-6)


def test_no_metric_is_forgotten():
    modules = [
        importlib.import_module(f"lit_emotalk.metrics.{found.name}")
        for found in pkgutil.iter_modules(lit_emotalk.metrics.__path__)
    ]
    classes = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Metric) and value not in (Metric, ClipMean)
    }
    assert classes == make_metrics().keys()


def test_a_batch_is_worth_its_pictures_one_by_one():
    generator = torch.Generator().manual_seed(9)
    pictures = (torch.rand(2, 5, 3, 24, 24, generator=generator) * 255).byte()
    boxes = torch.tensor([[2.0, 3.0, 20.0, 19.0]]).repeat(5, 1)
    points, features = (
        torch.randn(2, 5, 68, 2, generator=generator),
        torch.randn(2, 5, 8, generator=generator),
    )
    cases = [
        (psnr, (*pictures, boxes)),
        (ssim, (*pictures, boxes)),
        (lmd, points),
        (efd, features),
        (lambda made, true: lpips_distance(Difference(), made, true), pictures),
        (lambda made: csim(made, features[1, 0]), features[:1]),
    ]
    for function, arguments in cases:
        whole = function(*arguments)
        single = torch.cat([function(*(a[i : i + 1] for a in arguments)) for i in range(5)])
        assert torch.allclose(whole, single, rtol=1e-5)
