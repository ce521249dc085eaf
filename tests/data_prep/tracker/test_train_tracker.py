"""Fitting the tracker on made-up heads of known units: reference, unit shapes and network come back."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.clips.record import jpg_bytes
from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.acting.random_faces import OPPOSITES, draw_acted, draw_units
from data_prep.tracker.tracker_fit import (
    Head,
    Looks,
    fit_basis,
    fit_network,
    fit_reference,
    make_examples,
    mirror_pairs,
)
from data_prep.tracker.tracker_set import NEUTRAL_FRAMES, load_set
from data_prep.train_tracker import evaluate, train, unit_scores
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.errors import UserError
from lit_emotalk.face.alignment import rotation_matrices
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.look import LOOK_SIZE, LookNetwork
from lit_emotalk.face.tracker import Tracker

FACE = LinearFace.load()
GREY = jpg_bytes(np.full((256, 256, 3), 128, np.uint8))


def made_up_head(rng: np.random.Generator, frames: int) -> Head:
    """A person: the linear face, changed smoothly, with random units in two thirds of the frames (a resting
    shape is found from the others), head turns and noisy points."""
    mean, basis = FACE.mean.numpy(), FACE.basis.numpy()
    person = mean + 0.03 * np.sin(mean @ rng.normal(size=(3, 3)) * 2 + rng.uniform(0, 6, 3))
    moving = (np.arange(frames) >= NEUTRAL_FRAMES) & (rng.random(frames) < 2 / 3)
    weights = np.stack([draw_units(rng) * moves for moves in moving])
    rotation = rng.normal(size=(frames, 3)) * 0.15
    points = person + np.einsum("tk,kpd->tpd", weights, basis) + rng.normal(size=(frames, 478, 3)) * 0.002
    points = 60 * points @ rotation_matrices(rotation).transpose(0, 2, 1) + 128
    return {
        "landmarks": points.astype(np.float32),
        "weights": weights,
        "rotation": rotation.astype(np.float32),
        "scores": np.zeros_like(weights),
        "neutral": ~moving,
        "independent": moving,
        "jpg": np.frombuffer(GREY * frames, np.uint8),
        "jpg_sizes": np.full(frames, len(GREY)),
    }


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    rng = np.random.default_rng(0)
    return [made_up_head(rng, 60) for _ in range(20)]


def test_fit_learns_to_read_units_of_new_heads(heads: list[Head]) -> None:
    mean, stable = fit_reference(heads[:16])
    assert np.abs(mean - FACE.mean.numpy()).mean() < 0.03
    assert stable.min() >= 0 and stable.sum() == pytest.approx(1)
    pairs = mirror_pairs(mean)
    assert pairs[33] == 263 and pairs[61] == 291 and np.array_equal(pairs[pairs], np.arange(478))
    examples = make_examples(heads[:16], mean, stable)
    basis = fit_basis(examples, pairs)
    truth = FACE.basis.numpy()
    assert np.corrcoef(basis.ravel(), truth.ravel())[0, 1] > 0.9
    face = LinearFace(*(torch.from_numpy(array) for array in (mean, basis, stable)))
    frames = len(examples.weights)
    blank = Looks(
        torch.zeros(2, 1, frames, LOOK_SIZE), torch.zeros(2, frames, LOOK_SIZE), torch.zeros(51, LOOK_SIZE)
    )
    network = fit_network(examples, blank, face, pairs, steps=400, hidden=64, seed=0)
    report = evaluate(Tracker(face, network, LookNetwork()), heads[16:])
    assert report["reported"]["jawOpen"]["landmarks_only"]["correlation"] > 0.7
    assert report["summary"]["landmarks_only"]["median_correlation"] > 0.5
    assert report["summary"]["landmarks_only"]["better_than_raw"] == 20


def test_drawn_units_are_sparse_independent_and_possible() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_units(rng) for _ in range(3000)])
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert ((drawn > 0.5).mean(0) > 0.02).all(), "every unit is strong now and then"
    jaw, close = (drawn[:, ARKIT_NAMES.index(name)] for name in ("jawOpen", "mouthClose"))
    assert (close <= jaw).all()
    for one, other in OPPOSITES:
        assert not ((drawn[:, ARKIT_NAMES.index(one)] > 0) & (drawn[:, ARKIT_NAMES.index(other)] > 0)).any()
    groups = ("browDown", "browInnerUp", "mouthSmile", "cheekSquint", "noseSneer", "jawOpen", "eyeBlink")
    correlation = np.corrcoef(np.stack([ARKIT.mean_of(drawn, group) for group in groups]))
    assert np.abs(correlation - np.eye(len(groups))).max() < 0.25


def test_acted_faces_are_possible_and_speak() -> None:
    rng, manner = np.random.default_rng(0), draw_manner(0, 0)
    drawn = np.stack([draw_acted(manner, rng) for _ in range(400)])
    assert drawn.min() >= 0 and drawn.max() <= 1 and drawn.dtype == np.float32
    assert drawn[:, ARKIT_NAMES.index("jawOpen")].max() > 0.25
    brows, sneer = ARKIT.mean_of(drawn, "browDown"), ARKIT.mean_of(drawn, "noseSneer")
    assert np.corrcoef(brows, sneer)[0, 1] > 0.25, "units of one emotion go together"


def test_mirror_swaps_sides_only() -> None:
    swap = ARKIT.mirrored()
    assert np.array_equal(swap[swap], np.arange(51))
    assert ARKIT_NAMES[swap[ARKIT_NAMES.index("jawLeft")]] == "jawRight"
    assert swap[ARKIT_NAMES.index("jawOpen")] == ARKIT_NAMES.index("jawOpen")


def test_unit_scores_against_known_lines() -> None:
    truth = np.linspace(0, 1, 11)
    assert unit_scores(0.5 * truth + 0.1, truth) == pytest.approx({"correlation": 1, "slope": 2, "gain": 0.5})
    assert unit_scores(np.zeros(11), truth)["correlation"] == 0


def test_heads_that_were_hardly_seen_are_left_out(tmp_path: Path, heads: list[Head]) -> None:
    few = {name: array[:8] for name, array in heads[0].items()}
    for index, head in enumerate((heads[0], few, {name: array[:0] for name, array in few.items()})):
        np.savez(tmp_path / f"{index}.npz", allow_pickle=False, **head)
    assert len(load_set(sorted(tmp_path.glob("*.npz")))) == 1


def test_absurd_parameters_are_refused() -> None:
    with pytest.raises(UserError, match="--frames 10 is too few"):
        train(argparse.Namespace(frames=10))
