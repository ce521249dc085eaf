"""Pictures of the emotion space: what is counted, where the map's axes lie, and that pictures show it."""

import numpy as np

from lit_emotalk.stages.space_plots import (
    Heard,
    confusion,
    draw_attention,
    draw_confusions,
    draw_map,
    principal_axes,
)


def test_confusion_counts_true_by_row():
    table = confusion(np.array([1, 1, 0, 2]), np.array([0, 1, 0, 2]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_every_set_weighs_the_same_in_the_axes():
    rng = np.random.default_rng(0)
    few = rng.normal(0, [3, 0.1, 0.1, 0.1], (20, 4))
    many = rng.normal(0, [0.1, 1, 0.1, 0.1], (5000, 4))
    mean, axes = principal_axes([few, many])
    np.testing.assert_allclose(mean, (few.mean(0) + many.mean(0)) / 2)
    assert abs(axes[0, 0]) > 0.99 and abs(axes[1, 1]) > 0.95
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    assert (np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1) > 0).all()


def test_pictures_are_pixels_that_change_with_what_they_show():
    names = ("neutral", "happy", "sad")
    right, wrong = (
        draw_confusions({"sound": table}, names) for table in (np.eye(3, dtype=int), np.ones((3, 3)))
    )
    assert right.dtype == np.uint8 and right.shape == wrong.shape and (right != wrong).any()
    rng = np.random.default_rng(0)
    codes = {name: (rng.normal(size=(9, 6)), np.arange(9) % 3) for name in ("text", "audio", "image")}
    assert draw_map(codes, names).shape[2] == 3
    wave = rng.normal(size=4000)
    early, late = (
        draw_attention([Heard("a", wave, ramp), Heard("b", wave, ramp)])
        for ramp in (np.linspace(1, 0, 25), np.linspace(0, 1, 25))
    )
    assert early.shape == late.shape and (early != late).any()
    assert draw_attention([Heard("a", wave, np.ones(25))]).shape[0] < early.shape[0]
