"""Deep3DFaceRecon's outputs: both forms, the slices, the timing, what is none."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from data_prep.clips.deep3d import SLICES, at_25_fps, find_coefficients, read_expression
from lit_emotalk.errors import UserError

SIZES = {"id": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "trans": 3}


def parts(frames: int) -> dict[str, np.ndarray]:
    """Every part's values tell which it is and where."""
    return {
        name: (index + np.arange(frames * size).reshape(frames, size) / 1e4).astype(np.float32)
        for index, (name, size) in enumerate(SIZES.items())
    }


def test_slices_are_the_release_s_order() -> None:
    whole = np.concatenate(list(parts(3).values()), 1)
    assert whole.shape[1] == 257
    for name, values in parts(3).items():
        np.testing.assert_array_equal(whole[:, SLICES[name]], values)


def test_both_forms_give_the_same(tmp_path: Path) -> None:
    known = parts(12)
    whole = np.concatenate(list(known.values()), 1)
    savemat(tmp_path / "array.mat", {"coeff": whole, "transform_params": np.zeros((12, 5))})
    savemat(tmp_path / "dictionary.mat", known)
    np.save(tmp_path / "plain.npy", whole)
    np.savez(tmp_path / "zipped.npz", coeff=whole)
    (tmp_path / "frames").mkdir()
    for index in range(12):
        savemat(
            tmp_path / f"frames/{index:06d}.mat",
            {name: rows[index : index + 1] for name, rows in known.items()},
        )
    for name in ("array", "dictionary", "plain", "zipped", "frames"):
        found = read_expression(find_coefficients(tmp_path, f"{name}.mp4"))
        np.testing.assert_array_equal(found, known["exp"], err_msg=name)


@pytest.mark.parametrize("fps", [25.0, 30000 / 1001, 30.0, 24.0, 50.0])
def test_rows_stay_in_time(fps: float) -> None:
    seconds = np.arange(round(60 * fps)) / fps
    at = at_25_fps(seconds[:, None], fps, 1500, Path("a"))[:, 0]
    assert np.abs(at[:-1] - np.arange(1499) / 25).max() <= 0.5 / fps + 1e-9
    resampled = np.arange(1500)[:, None]
    np.testing.assert_array_equal(at_25_fps(resampled, fps, 1500, Path("a")), resampled)


def test_rows_of_another_video_are_refused() -> None:
    with pytest.raises(UserError, match=r"100 rows for a video of 10.00 s at 29.97 fps"):
        at_25_fps(np.zeros((100, 64)), 29.97, 250, Path("a.mat"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"coeff": np.zeros((4, 64))}, r"expected \(N, 257\)"),
        ({"exp": np.zeros((4, 257))}, r"expected \(N, 64\)"),
        ({"lm68": np.zeros((4, 68))}, r"holds lm68; expected coeff"),
        ({"exp": np.full((4, 64), np.nan)}, "expression lies in"),
        ({"exp": np.full((4, 64), 99.0)}, "expression lies in"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, content: dict, words: str) -> None:
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(UserError, match=words):
        read_expression((tmp_path / "a.mat",))


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no coefficients: neither"):
        find_coefficients(tmp_path, "x/a.mp4")
    (tmp_path / "a.mat").write_bytes(b"no mat file")
    with pytest.raises(UserError, match=r"cannot read .*a\.mat"):
        read_expression((tmp_path / "a.mat",))
