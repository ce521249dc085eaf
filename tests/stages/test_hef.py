"""The HEF stage under Lightning: it learns, follows its schedule, resumes exactly, stops on NaN, writes
pictures.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, default_collate

from lit_emotalk.errors import UserError
from lit_emotalk.losses.reconstruction import change_l1
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.models.hef.discriminator import DiscriminatorConfig
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.stages.hef import HEFStage
from lit_emotalk.stages.hef_panel import COLUMNS, colour_flow
from lit_emotalk.stages.hef_weights import HEFWeights

SIZE = 16
JUDGE = DiscriminatorConfig(channels=4, layers=2, scales=1)


class Discs(Dataset):
    """Discs on a ground, moved by the pose's translation; item i is a function of i alone."""

    def __init__(self, length: int, first: int = 0, broken: int | None = None) -> None:
        self.length, self.first, self.broken = length, first, broken

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(self.first + index)
        colours = torch.rand(2, 3, 1, 1, generator=generator) * 2 - 1
        places = torch.rand(2, 2, generator=generator) - 0.5
        grid = torch.arange(SIZE) / (SIZE / 2) - 1
        pictures = []
        for x, y in places:
            disc = torch.sigmoid((0.2 - (grid[None] - x) ** 2 - (grid[:, None] - y) ** 2) * 20)
            pictures.append(disc * colours[0] + (1 - disc) * colours[1])
        coefficients = torch.zeros(2, 57)
        coefficients[:, -3:-1] = places
        region = torch.ones(1, SIZE, SIZE)
        region[:, 8:, 4:12] = 3
        if index == self.broken:
            pictures[1] = pictures[1] * float("nan")
        return {
            "source": pictures[0],
            "target": pictures[1],
            "source_coeffs": coefficients[0],
            "source_landmarks": torch.zeros(478, 3),
            "driving": coefficients[1].expand(9, -1),
            "region": region,
            "face_box": torch.tensor([2.0, 2, 14, 14]),
            "emotion": 0,
            "key": f"disc-{index}",
            "speaker": "disc",
        }


def stage(**changes: Any) -> HEFStage:
    torch.manual_seed(0)
    values: dict[str, Any] = {
        "network": HEFConfig(size="tiny", resolution=SIZE, window=9, guide="none"),
        "perceptual": "edges",
        "learning_rate": 4e-3,
        "warmup": 4,
        "ema_decay": 0.9,
    }
    return HEFStage(**(values | changes))


def trainer(folder: Path, epochs: int, **changes: Any) -> L.Trainer:
    values: dict[str, Any] = {
        "default_root_dir": folder,
        "max_epochs": epochs,
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "callbacks": [ModelCheckpoint(folder / "checkpoints", save_last=True)],
    }
    return L.Trainer(**(values | changes))


def loader(length: int, first: int = 0, broken: int | None = None) -> DataLoader:
    return DataLoader(Discs(length, first, broken), batch_size=4)


def test_beats_copying_writes_panels_and_exports_the_average(tmp_path: Path) -> None:
    network = stage()
    runner = trainer(tmp_path, 3)
    runner.fit(network, loader(80), loader(8, first=5000))
    assert runner.callback_metrics["val/gain"] > 1.0
    assert runner.callback_metrics["val/parts_l1"] < runner.callback_metrics["val/parts_l1_copy"]
    measured = {name: float(value) for name, value in runner.callback_metrics.items() if name[:4] == "val/"}
    (tested,) = trainer(tmp_path, 3).test(network, loader(8, first=5000), verbose=False)
    assert tested == pytest.approx({name.replace("val/", "test/"): v for name, v in measured.items()})
    assert tested["test/sharpness"] > 0
    from PIL import Image

    panel = Image.open(tmp_path / "panels" / "epoch-0002.png")
    assert panel.size == (SIZE * len(COLUMNS), SIZE * 4)
    assert network.ema is not None and network.exported() is network.ema.module
    save_export(tmp_path / "export", "hef", network.exported(), None)
    loaded = load_export(tmp_path / "export", "hef")
    assert isinstance(loaded, HEF) and loaded.config == network.network.config
    for name, value in network.ema.module.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value)


def test_schedule_warps_first_then_draws_then_competes(tmp_path: Path) -> None:
    network = stage(discriminator=JUDGE, warp_batches=2, adversarial_start=3, r1_every=2)
    seen: list[set[str]] = []
    network.log_losses = lambda losses, *_: seen.append(set(losses))  # type: ignore[method-assign, assignment]
    judge = {name: value.clone() for name, value in network.discriminator.state_dict().items()}  # type: ignore[union-attr]
    trainer(tmp_path, 1, limit_train_batches=3).fit(network, loader(12))
    assert "image" not in seen[0] and "image" not in seen[1] and {"image", "perceptual"} <= seen[2]
    assert all("adversarial" not in names for names in seen)
    for name, value in network.discriminator.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(value, judge[name])
    trainer(tmp_path, 1, limit_train_batches=2).fit(network, loader(8))
    assert {"adversarial", "discriminator_gan"} <= seen[3] and "discriminator_r1" not in seen[3]
    assert "discriminator_r1" in seen[4]


def test_the_first_batches_are_drawn_at_half_the_resolution(tmp_path: Path) -> None:
    def enlarged(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch = default_collate(rows)
        large = {
            name: F.interpolate(batch[name], scale_factor=2.0) for name in ("source", "target", "region")
        }
        return batch | large

    network = stage(coarse_batches=2, network=HEFConfig("tiny", 2 * SIZE, window=9, guide="none"))
    sides: list[int] = []
    network.network.register_forward_hook(lambda *call: sides.append(call[-1].image.shape[-1]))
    batches = DataLoader(Discs(16), batch_size=4, collate_fn=enlarged)
    trainer(tmp_path, 1, limit_train_batches=4).fit(network, batches)
    assert sides == [SIZE, SIZE, 2 * SIZE, 2 * SIZE]
    with pytest.raises(UserError, match="coarse_batches"):
        stage(coarse_batches=2)


def test_each_network_gets_only_its_own_gradient(tmp_path: Path) -> None:
    network = stage(discriminator=JUDGE, r1_every=1)
    network.clip = float("inf")
    before = {name: value.clone() for name, value in network.named_parameters()}
    trainer(tmp_path, 1, limit_train_batches=1).fit(network, loader(4))
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert any(name.startswith("network.") for name in moved)
    assert any(name.startswith("discriminator.") for name in moved)
    assert all(value.requires_grad for value in network.network.parameters())
    assert all(value.requires_grad for value in network.discriminator.parameters())  # type: ignore[union-attr]


def test_accumulated_batches_step_like_one(tmp_path: Path) -> None:
    weights = HEFWeights(perceptual=0.0, roughness=0.0, adversarial=0.0)
    halves = stage(accumulate=2, weights=weights, ema_decay=None, warmup=0)
    whole = stage(weights=weights, ema_decay=None, warmup=0)
    for network, size in ((halves, 4), (whole, 8)):
        network.rate_factor = lambda batch: 1.0  # type: ignore[method-assign]
        trainer(tmp_path, 1).fit(network, DataLoader(Discs(8), batch_size=size))
    for a, b in zip(halves.network.parameters(), whole.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-4, rtol=0)


def test_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    settings = {"discriminator": JUDGE, "adversarial_start": 1, "r1_every": 2}
    whole = stage(**settings)
    trainer(tmp_path / "whole", 2).fit(whole, loader(12))
    first = stage(**settings)
    first.total_batches = lambda: 6  # type: ignore[method-assign]
    trainer(tmp_path / "parts", 1).fit(first, loader(12))
    second = stage(**settings)
    last = tmp_path / "parts" / "checkpoints" / "last.ckpt"
    trainer(tmp_path / "parts", 2).fit(second, loader(12), ckpt_path=str(last))
    assert second.batches_done == whole.batches_done == 6
    expected = whole.state_dict()
    for name, value in second.state_dict().items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_batch(tmp_path: Path) -> None:
    network = stage()
    with pytest.raises(UserError, match=r"not finite at batch 1.*disc-5"):
        trainer(tmp_path, 1).fit(network, loader(12, broken=5))
    kept = torch.load(tmp_path / "stopped-batch1-rank0.pt")
    assert kept["batch"]["key"] == ["disc-4", "disc-5", "disc-6", "disc-7"]
    assert all(torch.isfinite(value).all() for value in network.network.parameters())


def test_absent_vgg_weights_and_wrong_values_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    with pytest.raises(UserError, match="vgg19"):
        stage(perceptual="vgg19")
    with pytest.raises(UserError, match="accumulate"):
        stage(accumulate=0)


def test_colours_of_flows() -> None:
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0, 1], flow[0, 0, 0, 2] = 1.0, -1.0
    colours = colour_flow(flow)[0, :, 0]
    torch.testing.assert_close(colours[:, 0], torch.ones(3))
    torch.testing.assert_close(colours[:, 1], torch.tensor([1.0, 0.25, 0.25]))
    torch.testing.assert_close(colours[:, 2], torch.tensor([0.0, 0.75, 0.75]))


def test_ablations_differ_from_the_full_model_in_their_variant_alone() -> None:
    folder = Path(__file__).parents[2] / "experiments" / "hef"
    full, *others = (
        yaml.safe_load((folder / f"{n}.yaml").read_text()) for n in ("embedded", "wo_res", "wo_hie")
    )
    for config, variant in zip(others, ("wo_res", "wo_hie"), strict=True):
        assert config["model"]["init_args"]["network"]["variant"] == variant
        config["model"]["init_args"]["network"]["variant"] = "full"
        assert config == full


def test_the_temporal_loss_punishes_a_flicker_and_names_what_it_needs() -> None:
    true = [torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.3)]
    region = torch.ones(1, 1, 8, 8)
    flicker = [true[0] + 0.1, true[1] - 0.1]
    assert change_l1([picture + 0.1 for picture in true], true, region) < 1e-6
    assert change_l1(flicker, true, region).item() == pytest.approx(0.2, abs=1e-5)

    module = stage(weights=HEFWeights(temporal=2.0))
    batch = next(iter(DataLoader(Discs(4), batch_size=4)))
    encoded = module.encode(module.network, batch)
    with pytest.raises(UserError, match="following to true"):
        module.draw_following(encoded, batch)
    batch |= {"following_target": batch["target"] + 0.5, "following_driving": batch["driving"]}
    following = module.draw_following(encoded, batch)
    losses = module.generator_losses(module.draw(module.network, batch), batch, following)
    assert losses["temporal"].item() == pytest.approx(0.5, abs=1e-4)
    assert stage().draw_following(encoded, batch) is None


def test_two_sources_need_a_second_frame_in_the_batch() -> None:
    module = stage(network=HEFConfig(size="tiny", resolution=SIZE, window=9, sources=2))
    batch = next(iter(DataLoader(Discs(4), batch_size=4)))
    with pytest.raises(UserError, match="second to true"):
        module.draw(module.network, batch)
    batch |= {"second": batch["target"]}
    batch |= {f"second_{name}": batch[f"source_{name}"] for name in ("coeffs", "landmarks")}
    batch["second"].requires_grad_()
    module.draw(module.network, batch).image.sum().backward()
    assert batch["second"].grad.abs().max() > 0


def test_half_precision_with_scaled_gradients_is_refused() -> None:
    refused = stage()
    refused.trainer = SimpleNamespace(precision="16-mixed")  # type: ignore[assignment]
    with pytest.raises(UserError, match="does not train in 16-mixed"):
        refused.on_fit_start()
