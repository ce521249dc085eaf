"""Training does not wait for the device where it need not: looks, agreements and constants are counted."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import TQDMProgressBar

from lit_emotalk.errors import UserError
from lit_emotalk.losses.lips import LipLoss
from lit_emotalk.losses.perceptual import EdgeDistance
from lit_emotalk.losses.reconstruction import detail_l1, flow_roughness
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.models.hef.guide import FaceGuide
from lit_emotalk.models.hef.styconv import StyConv
from lit_emotalk.models.picture import laplacian
from lit_emotalk.stages import callbacks, preemption
from lit_emotalk.stages.callbacks import CUDA_CHECK_INTERVAL, StopOnNaN, TerminalProgress, progress_callback
from lit_emotalk.stages.eac import MODALITIES, CodeDraw, EACStage
from lit_emotalk.stages.gradients import FiniteLosses
from lit_emotalk.stages.hef import HEFStage
from tests.fake_cuda import Counted, fake_cuda, on_cuda

BATCHES = 4 * CUDA_CHECK_INTERVAL


class Asked:
    """A trainer that counts how often its metrics are asked for; asking costs Lightning an `.item()`."""

    def __init__(self) -> None:
        self.times = 0

    @property
    def callback_metrics(self) -> dict[str, torch.Tensor]:
        self.times += 1
        return {"train/loss": torch.tensor(1.0)}


@pytest.mark.parametrize(("device", "times"), [("cuda", BATCHES // CUDA_CHECK_INTERVAL), ("cpu", BATCHES)])
def test_metrics_are_asked_for_seldom_on_cuda(device: str, times: int) -> None:
    trainer, module = Asked(), SimpleNamespace(device=torch.device(device))
    for batch in range(BATCHES):
        StopOnNaN().on_train_batch_end(trainer, module, None, {}, batch)  # type: ignore[arg-type]
    assert trainer.times == times


def test_a_terminals_numbers_are_read_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, reads = [0.0], [0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])

    def read(*_: Any) -> dict[str, float]:
        reads[0] += 1
        return {"train/loss": now[0]}

    monkeypatch.setattr(TQDMProgressBar, "get_metrics", read)
    (bar,) = progress_callback(lambda: True)
    assert isinstance(bar, TerminalProgress)
    for batch in range(100):
        now[0] = batch / 20
        assert now[0] - bar.get_metrics(None, None)["train/loss"] < 1  # type: ignore[arg-type]
    assert reads == [5]


def test_several_processes_agree_after_every_eighth_step() -> None:
    asked: list[bool] = []

    def decide(own: bool, all: bool) -> bool:
        asked.append(own)
        return own

    strategy = SimpleNamespace(reduce_boolean_decision=decide)
    trainer: Any = SimpleNamespace(strategy=strategy, world_size=2, received_sigterm=False)
    listening = preemption.Preemption()
    assert not any(listening.due(trainer) for _ in range(80)) and len(asked) == 10
    listening.asked = True
    assert [listening.due(trainer) for _ in range(8)] == [False] * 7 + [True]
    trainer.world_size = 1
    assert listening.due(trainer)


def test_losses_are_looked_at_together_and_the_first_bad_one_is_found() -> None:
    losses = FiniteLosses()
    for batch in range(6):
        value = torch.tensor(float("nan") if batch in (3, 4) else 1.0, requires_grad=True)
        losses.add(batch, {"loss": value}, [f"clip{batch}"])
    with Counted() as counted:
        found = losses.look()
    assert found is not None and found.batch == 3 and found.keys == ["clip3"] and losses.look() is None
    assert counted.waited.count("_local_scalar_dense") == 0
    assert not found.values["loss"].requires_grad


def loose_stage() -> HEFStage:
    """Stage hef without a training around it: its steps look at losses alone."""
    stage = HEFStage(HEFConfig("tiny", 16, window=9, guide="none"), perceptual="edges", accumulate=1000)
    stage._trainer = SimpleNamespace(  # type: ignore[assignment]
        strategy=None, is_last_batch=False, default_root_dir="nowhere", global_rank=0
    )
    stage.manual_backward = lambda loss: None  # type: ignore[method-assign, assignment]
    return stage


@pytest.mark.parametrize(("device", "looked"), [("cuda", [24, 49, 74, 99]), ("cpu", list(range(BATCHES)))])
def test_hef_looks_at_its_losses_seldom_on_cuda(
    device: str, looked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, looks = loose_stage(), list[int]()
    monkeypatch.setattr(FiniteLosses, "look", lambda self: looks.append(stage.batches_done))
    with fake_cuda():
        losses = {"loss": torch.zeros((), device=device)}
        for _ in range(BATCHES):
            for network in (stage.network, stage.network):
                stage.step(None, network, losses, {"key": ["a"]})
            stage.batches_done += 1
    assert sorted(set(looks)) == looked


def test_no_checkpoint_follows_a_loss_that_is_not_finite() -> None:
    stage = loose_stage()
    stage.finite.add(7, {"loss": torch.tensor(float("inf"))}, ["clip7"])
    with pytest.raises(UserError, match=r"not finite at batch 7 \(clip7\); lower"):
        stage.on_save_checkpoint({})


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape, device="cuda")


def test_what_hef_computes_brings_no_constants_to_the_device() -> None:
    network, guide, edges = HEF(HEFConfig("tiny", 64)), FaceGuide(), EdgeDistance()
    with fake_cuda() as mode:
        for module in (network, guide, edges):
            on_cuda(module, mode)
        pictures, region = zeros(2, 3, 64, 64), zeros(2, 1, 64, 64)
        with Counted() as counted:
            guide(zeros(2, 478, 3), zeros(2, 57), zeros(2, 57), [8, 16, 32, 64])
            source = network.encode_source(pictures, zeros(2, 478, 3))
            output = network(source, zeros(2, 57), zeros(2, 27, 57))
            detail_l1(output.image, pictures, region)
            edges(output.image, pictures, region)
            flow_roughness(output.flows)
    assert counted.brought == [] and counted.waited == []


def test_the_lips_bring_no_constants_to_the_device() -> None:
    loss = LipLoss()
    with fake_cuda() as mode:
        on_cuda(loss, mode)
        with Counted() as counted:
            loss(zeros(2, 9, 51), zeros(2, 9, 51), zeros(2, 9) > 0, zeros(2, 9) > 0)
    assert counted.brought == [] and counted.waited == []


def test_the_count_sees_a_constant_and_a_wait() -> None:
    with fake_cuda(), Counted() as counted:
        zeros(3) + torch.tensor([1.0, 2.0, 3.0], device="cuda")
        zeros(5, 3)[:, [0, 2]]
        zeros(2).cpu()
    assert len(counted.brought) >= 2 and counted.waited
    with fake_cuda(), Counted() as counted:
        torch.zeros(2).to("cuda", non_blocking=True)
    assert counted.brought == ["_to_copy"] and not counted.waited
    with Counted() as counted:
        torch.zeros(2)[torch.tensor([True, False])] = 3.0
    assert len(counted.waited) == 1


def test_eac_draws_modalities_where_their_number_is_needed() -> None:
    bank = torch.zeros(1, 1, 4)
    stage: Any = SimpleNamespace(
        codes=CodeDraw(text=1.0, image=1.0, audio=2.0),
        network=SimpleNamespace(config=SimpleNamespace(codes="space")),
        space=SimpleNamespace(bank=bank, dim=4),
        device=torch.device("cpu"),
    )
    stage.encode = lambda batch, modality, training: torch.full(
        (len(batch["emotion"]), 4), float(MODALITIES.index(modality))
    )
    stage.draw_modalities = lambda samples: EACStage.draw_modalities(stage, samples)
    torch.manual_seed(0)
    with Counted() as counted:
        codes, _ = EACStage.draw_codes(stage, {"emotion": torch.zeros(4000, dtype=torch.long)})
    assert "nonzero" not in counted.waited, "rows found on the device would be waited for"
    shares = [(codes[:, 0] == number).float().mean().item() for number in range(3)]
    assert shares == pytest.approx([0.25, 0.25, 0.5], abs=0.03) and (codes == codes[:, :1]).all()


def test_styconv_keeps_the_activations_precision() -> None:
    layer, x = StyConv(8, 8, 4), torch.randn(2, 8, 16, 16)
    with torch.autocast("cpu", torch.bfloat16), Counted() as counted:
        made = layer(x.bfloat16(), torch.randn(2, 4))
    assert made.dtype == torch.bfloat16
    assert counted.written.get(torch.float32, 0) < x.nbytes


@pytest.mark.parametrize("padding", [0, 1])
def test_laplacian_is_the_convolution(padding: int) -> None:
    pictures = torch.randn(2, 3, 9, 7)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).expand(3, 1, 3, 3)
    wanted = torch.nn.functional.conv2d(pictures, kernel, padding=padding, groups=3)
    torch.testing.assert_close(laplacian(pictures, padding), wanted, atol=1e-5, rtol=0)
