"""The basis of read weights: what shrunken readings stand for comes back, and how well is told."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.tracker.basis_fit import Motion, fit_basis, main, read_motion, score
from data_prep.tracker.tracker_fit import mirror_pairs
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.face.alignment import align, rotation_matrices
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.look import FACE_PIXELS
from lit_emotalk.face.regions import LANDMARKS, LIPS
from lit_emotalk.face.tracker import Rest, Tracker

TRACKER = Tracker.load()
MEAN = TRACKER.face.mean.double().numpy()
TRUE = TRACKER.network.basis.double().numpy()
STABLE = TRACKER.face.stable.numpy()
SHRUNK = 0.7


class Told:
    """A clip as the shards give it, made of landmarks; its pictures show nothing."""

    def __init__(self, speaker: str, landmarks: np.ndarray) -> None:
        self.key, self.record = speaker, {"speaker": speaker, "scene": None, "frames": len(landmarks)}
        self._landmarks = landmarks

    def read(self, name: str) -> bytes:
        buffer = io.BytesIO()
        if name.endswith(".jpg"):
            Image.new("RGB", (32, 32)).save(buffer, "jpeg")
        else:
            np.save(buffer, self._landmarks.astype(np.float32))
        return buffer.getvalue()


class Shrinking(Tracker):
    """Reads the true weights off the landmarks, too weak."""

    def rest(self, landmarks: np.ndarray, faces: np.ndarray | None = None, lasting: float = 0.0) -> Rest:
        """The shape that leaves no weights in the weakest frames, as if it were known."""
        aligned = align(landmarks, MEAN, STABLE).aligned
        shape = np.median(aligned - np.tensordot(solved(aligned - aligned.mean(0)), TRUE, 1), 0)
        return Rest(shape)

    def reading(self, landmarks: np.ndarray, rest: Rest, faces: np.ndarray) -> np.ndarray:
        assert faces.shape == (len(landmarks), FACE_PIXELS, FACE_PIXELS)
        return SHRUNK * solved(align(landmarks, rest.shape, STABLE).aligned - rest.shape)


def solved(moved: np.ndarray) -> np.ndarray:
    """Weights (T, 51) of a movement (T, 478, 3) by the true shapes."""
    flat = TRUE.reshape(len(TRUE), -1)
    return np.linalg.lstsq(flat.T, moved.reshape(len(moved), -1).T, rcond=None)[0].T


READS_WEAKLY = Shrinking(TRACKER.face, TRACKER.network, TRACKER.eye)


def clip(seed: int) -> Told:
    """Somebody's true motion, turned and placed."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 0.6, (120, 51)) * (rng.random((120, 51)) < 0.3)
    person = MEAN + 0.03 * np.sin(MEAN @ rng.normal(size=(3, 3)) * 2)
    turns = rotation_matrices(rng.normal(size=(120, 3)) * 0.1).transpose(0, 2, 1)
    return Told(f"P{seed}", 0.25 * (person + np.tensordot(weights, TRUE, 1)) @ turns + 0.5)


@pytest.fixture(scope="module")
def motion() -> Motion:
    return read_motion([clip(seed) for seed in range(8)], READS_WEAKLY)


def test_shrunken_readings_get_shapes_that_move_as_far_as_was_seen(motion: Motion) -> None:
    unseen = read_motion([clip(99)], READS_WEAKLY)
    assert score(unseen, TRUE, LIPS).slope > 0.9 / SHRUNK
    found = score(unseen, fit_basis(motion, TRUE, MEAN, ridge=0.01), LIPS)
    assert found.slope == pytest.approx(1, abs=0.1) and found.explained > 0.9


def test_the_fit_is_the_ridge_regression_of_both_sides(motion: Motion) -> None:
    basis = fit_basis(motion, TRUE, MEAN, ridge=3.0)
    np.testing.assert_allclose(basis[ARKIT.mirrored()][:, 291, 1], basis[:, 61, 1], atol=1e-6)
    few = Motion(motion.weights[:200], motion.moved[:200])
    pairs = mirror_pairs(MEAN)
    mirrored = few.moved[:, pairs] * np.array([-1.0, 1, 1])
    rows = np.concatenate([few.weights, few.weights[:, ARKIT.mirrored()], np.sqrt(6.0) * np.eye(51)])
    wanted = np.concatenate([few.moved, mirrored, np.sqrt(6.0) * TRUE]).reshape(len(rows), -1)
    solved = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    np.testing.assert_allclose(fit_basis(few, TRUE, MEAN, 3.0).reshape(51, -1), solved, atol=1e-5)
    still = Motion(0 * motion.weights[:1], 0 * motion.moved[:1])
    np.testing.assert_allclose(fit_basis(still, TRUE, MEAN), TRUE, atol=1e-9)


def test_scores_of_a_basis_against_numpy(motion: Motion) -> None:
    basis = 0.5 * TRUE
    points = [13, 14, 61]
    made = np.einsum("tk,kpd->tpd", motion.weights, basis)[:, points, :2].ravel()
    seen = motion.moved[:, points, :2].ravel()
    found = score(motion, basis, points)
    assert found.explained == pytest.approx(1 - ((seen - made) ** 2).sum() / (seen**2).sum(), rel=1e-4)
    assert found.slope == pytest.approx(np.linalg.lstsq(made[:, None], seen, rcond=None)[0][0], rel=1e-4)


def test_the_command_writes_a_face_and_says_how_well_it_fits(
    tiny_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main(
        [
            "--shards",
            str(tiny_shards),
            "--check",
            str(tiny_shards),
            "--output",
            str(tmp_path / "basis.safetensors"),
        ]
    )
    made = LinearFace.load(tmp_path / "basis.safetensors")
    assert made.basis.shape == (ARKIT.expression_size, LANDMARKS, 3)
    np.testing.assert_allclose(made.mean, TRACKER.face.mean)
    said = capsys.readouterr().out
    assert "true shapes" in said and "fitted" in said and "slope" in said


def test_shards_without_training_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        main(["--shards", str(tmp_path)])


def test_the_shipped_face_moves_farther_than_true_shapes() -> None:
    """It was fitted on what the tracker reads off pictures."""
    moved = LinearFace.load().basis.norm(dim=-1).mean(1)
    true = TRACKER.network.basis.norm(dim=-1).mean(1)
    assert 1.0 < (moved.sum() / true.sum()) < 1.8
