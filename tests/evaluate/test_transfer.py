"""Pairs of true frames for the generator alone, and what is measured of a drawn one."""

import numpy as np
import pytest
import torch

from lit_emotalk.data.index import index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.evaluate.transfer import (
    SOURCE_FRAME,
    across_clips,
    draw,
    measure,
    mouth_distance,
    read_pairs,
    untrained,
    within_clips,
)
from lit_emotalk.face.regions import LIPS, OUTER_EYE_CORNERS
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.weights import fetch as weights

SIZE = 64


@pytest.fixture(scope="module")
def clips(tiny_shards):
    """Four clips of one speaker, one of them neutral, and two of another."""
    manifest = read_manifest(tiny_shards)
    return [clip for split in ("train", "test") for clip in index_split(manifest, "frames", split)]


def test_pairs_lead_from_the_neutral_clip_of_the_scene_to_the_others(clips):
    chosen = across_clips(clips)
    assert {choice.source.record["emotion"] for choice in chosen} == {"neutral"}
    assert {choice.target.record["speaker"] for choice in chosen} == {"M001"}
    assert len(chosen) == 9 and len({(c.target.key, c.frame) for c in chosen}) == 9
    assert [c.frame for c in across_clips(clips, 4)] == [c.frame for c in chosen[:4]]
    assert across_clips([clip for clip in clips if clip.record["emotion"] != "neutral"]) == []


def test_a_short_clip_gives_the_pairs_that_it_has(clips, monkeypatch):
    monkeypatch.setattr("lit_emotalk.evaluate.transfer.frames_of", lambda clip: 4)
    chosen = across_clips(clips)
    assert len({(choice.target.key, choice.frame) for choice in chosen}) == len(chosen) == 9
    assert {choice.frame for choice in chosen} <= {1, 2, 3}


def test_pairs_within_a_clip_lie_half_of_it_apart_and_take_turns(clips):
    chosen = within_clips(clips, 6)
    assert len({choice.source.key for choice in chosen}) == 6
    for choice in within_clips(clips):
        assert choice.source is choice.target
        assert choice.frame >= choice.target.record["frames"] / 2 > SOURCE_FRAME


def test_the_distance_of_mouths_is_free_of_place():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 5, 478, 3)).astype(np.float32)
    expected = []
    for made, true in zip(one, other, strict=True):
        middle = [points[list(LIPS), :2].mean(0) for points in (made, true)]
        steps = [np.hypot(*((made[i, :2] - middle[0]) - (true[i, :2] - middle[1]))) for i in LIPS]
        expected.append(np.mean(steps) / np.linalg.norm(np.diff(true[list(OUTER_EYE_CORNERS)], axis=0)))
    assert mouth_distance(one, other) == pytest.approx(np.mean(expected), rel=1e-5)
    assert mouth_distance(other + np.array([5, -3, 0]), other) == pytest.approx(0, abs=1e-5)


def test_the_truth_is_perfect_and_a_copy_shows_no_change(clips):
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    pairs = read_pairs(across_clips(clips), SIZE, 3)
    softer = torch.nn.functional.avg_pool2d(pairs.target, 3, 1, 1)
    ways = {"truth": pairs.target, "copy": pairs.source, "soft": softer}
    found, seen = measure(ways, pairs, Tracker.load())
    assert 3 <= seen <= len(pairs.source)
    truth, copy, soft = (found[name] for name in ways)
    assert truth.psnr_face == truth.psnr_mouth == pytest.approx(100)
    assert truth.sharp_face == truth.sharp_mouth == pytest.approx(100)
    assert truth.lips == 0 and truth.correlation == pytest.approx(1) and truth.strength == pytest.approx(1)
    assert copy.correlation is None and copy.strength == pytest.approx(0, abs=1e-6) and copy.lips > 0
    assert soft.sharp_face < 90 and soft.psnr_face < 60
    error = ((pairs.source - pairs.target) / 2).square().mean((1, 2, 3))
    whole = pairs._replace(landmarks=np.tile(np.linspace(0, 1, 478)[:, None], (len(error), 1, 3)))
    everywhere = measure({"copy": pairs.source}, whole, Tracker.load())[0]["copy"]
    assert everywhere.psnr_face == pytest.approx(float(-10 * error.log10().mean()), abs=1e-3)


def test_an_untrained_network_moves_the_source_as_its_guide_says(clips):
    network = HEF(HEFConfig(size="tiny", resolution=SIZE, window=3)).eval()
    pairs = read_pairs(across_clips(clips, 3), SIZE, 3)
    state = torch.random.get_rng_state()
    one, two = (draw(untrained(network), pairs) for _ in range(2))
    assert torch.equal(one, two) and torch.equal(torch.random.get_rng_state(), state)
    assert (one - pairs.source).abs().mean() > 0.01
    still = pairs._replace(driving=pairs.source_coeffs[:, None].repeat(1, 3, 1))
    assert (draw(untrained(network), still) - pairs.source).abs().mean() < 0.01
