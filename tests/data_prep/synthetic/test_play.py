"""Coefficients drawn as a synthetic head."""

import numpy as np
import pytest

from data_prep.synthetic.play import main
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.io.coefficient_table import write_coefficients
from lit_emotalk.io.video import read_frames


def test_heads_stand_side_by_side_and_move_as_told(tmp_path):
    still = np.zeros((3, ARKIT.size), np.float32)
    open_mouth = still.copy()
    open_mouth[1:, ARKIT.columns("jawOpen")] = 0.8
    write_coefficients(tmp_path / "a.csv", still)
    write_coefficients(tmp_path / "b.csv", open_mouth)
    tables = ["--coefficients", str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    main([*tables, "--size", "64", "--output", str(tmp_path / "o.mp4")])
    frames = np.stack(list(read_frames(tmp_path / "o.mp4"))).astype(int)
    assert frames.shape == (3, 64, 128, 3)
    left, right = (np.abs(frames[2] - frames[0]).mean(-1)[:, part] for part in (slice(0, 64), slice(64, 128)))
    assert right.mean() > 2 * left.mean()
    assert np.abs(frames[0, :, :64] - frames[0, :, 64:]).mean() < 4


def test_wrong_input_is_named(tiny_shards, tmp_path):
    write_coefficients(tmp_path / "a.csv", np.zeros((2, ARKIT.size)))
    given = ["--coefficients", str(tmp_path / "a.csv"), "--output", str(tmp_path / "o.mp4")]
    for more, said in (
        (["--clip", "x"], "go together"),
        (["--clip", "x", "--shards", str(tiny_shards)], "no clip x"),
    ):
        with pytest.raises(UserError, match=said):
            main([*given, *more])
    assert not (tmp_path / "o.mp4").exists()
