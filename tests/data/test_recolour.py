"""Colours of a pair change alike, and only as far as is asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_emotalk.data import FramesDataModule
from lit_emotalk.data.recolour import PLAIN, Colours, Recolour, recoloured


def test_gains_and_gamma_are_what_they_say() -> None:
    picture = torch.rand(3, 8, 8) * 2 - 1
    made = recoloured(picture[None], Colours((0.5, 1.0, 2.0), 1.5).numbers[None])[0]
    light = ((picture + 1) / 2) ** 1.5 * torch.tensor([0.5, 1.0, 2.0])[:, None, None]
    torch.testing.assert_close(made, 2 * light.clamp(max=1) - 1)


def test_colours_spread_as_far_as_is_asked_for() -> None:
    choices = np.random.default_rng(0)
    drawn = [Recolour(light=0.2, tint=0.1).draw(choices) for _ in range(2000)]
    gains = np.log([one.gains for one in drawn])
    assert gains.std(0) == pytest.approx(np.hypot(0.2, 0.1), rel=0.08)
    assert (gains[:, 0] - gains[:, 1]).std() == pytest.approx(0.1 * np.sqrt(2), rel=0.08)
    assert np.log([one.gamma for one in drawn]).std() == pytest.approx(0.2, rel=0.08)
    assert Recolour().draw(choices) is PLAIN


def test_training_pairs_are_recoloured_alike_and_validation_is_not(tiny_shards: Path) -> None:
    def batches(**how: float) -> dict:
        module = FramesDataModule(
            tiny_shards, batch_size=2, resolution=32, window=9, recolour=Recolour(**how), num_workers=0
        )
        module.setup("fit")
        loaders = {"train": module.train_dataloader(), "val": module.val_dataloader()}
        return {name: module.on_after_batch_transfer(next(iter(each)), 0) for name, each in loaders.items()}

    plain, changed = batches(), batches(light=0.3)
    for name in ("source", "target"):
        assert torch.equal(plain["val"][name], changed["val"][name])
        before, after = (each["train"][name] for each in (plain, changed))
        assert (before - after).abs().mean() > 0.02
    ratios = [
        ((changed["train"][name] + 1).mean((1, 2, 3)) / (plain["train"][name] + 1).mean((1, 2, 3)))
        for name in ("source", "target")
    ]
    torch.testing.assert_close(*ratios, rtol=0.1, atol=0)
