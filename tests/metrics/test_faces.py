"""LMD, EFD and CSIM: hand-computed cases, invariances, missing frames."""

import math

import pytest
import torch

from lit_emotalk.metrics.csim import CSIM, csim
from lit_emotalk.metrics.efd import EFD, efd
from lit_emotalk.metrics.lmd import FaceLMD, MouthLMD, lmd


def test_lmd_by_hand():
    reference = torch.tensor([[[0.0, 0.0], [4.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]]])
    generated = torch.tensor([[[1.0, 5.0], [7.0, 5.0]], [[0.0, 3.0], [4.0, -3.0]]])
    assert lmd(generated, reference).tolist() == pytest.approx([1.0, 3.0])


def test_lmd_ignores_where_the_face_is_but_not_its_size():
    points = torch.randn(5, 20, 2, generator=torch.Generator().manual_seed(0))
    assert lmd(points + torch.tensor([3.0, -8.0]), points).abs().max() < 1e-5
    assert (lmd(1.1 * points, points) > 0.05).all()


def test_lmd_grows_with_the_opening():
    points = torch.randn(1, 20, 2, generator=torch.Generator().manual_seed(0))
    move = torch.zeros(20, 2)
    move[10:, 1] = 1.0
    values = [float(lmd(points + step * move, points)) for step in (0.0, 1.0, 2.0, 4.0)]
    assert values == pytest.approx([0.0, 0.5, 1.0, 2.0], abs=1e-5)


def test_frames_without_a_face_do_not_count():
    reference = torch.zeros(3, 68, 2)
    generated = torch.zeros(3, 68, 2)
    generated[0, 0, 0] = 68.0
    generated[2] = math.nan
    metric = FaceLMD()
    metric.update(generated, reference)
    assert metric.compute() == pytest.approx(float(lmd(generated, reference)[:2].mean()))
    metric.update(torch.full((2, 68, 2), math.nan), torch.zeros(2, 68, 2))
    assert metric.clips == 1


def test_efd_is_the_distance_of_the_coefficients():
    reference = torch.zeros(2, 51)
    generated = torch.zeros(2, 51)
    generated[0, :2] = torch.tensor([0.3, 0.4])
    assert efd(generated, reference).tolist() == pytest.approx([0.5, 0.0])
    metric = EFD()
    metric.update(generated, reference)
    assert metric.compute() == pytest.approx(0.25)


def test_csim_is_the_cosine():
    source = torch.tensor([2.0, 0.0])
    frames = torch.tensor([[5.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    assert csim(frames, source).tolist() == pytest.approx([1.0, math.sqrt(0.5), 0.0], abs=1e-6)
    metric = CSIM()
    metric.update(frames, source)
    assert metric.compute() == pytest.approx((1 + math.sqrt(0.5)) / 3)


def test_every_metric_declares_its_protocol():
    for metric in (MouthLMD, FaceLMD, EFD, CSIM):
        assert metric.PROTOCOL.backbone and metric.PROTOCOL.text
        assert metric().higher_is_better == (metric.PROTOCOL.better == "higher")
    assert MouthLMD.PROTOCOL.arrow == "↓" and CSIM.PROTOCOL.arrow == "↑"
