"""THEval's five measures against plain loops, and its score."""

import itertools
import math
import statistics

import numpy as np
import pytest
import torch

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import LIPS
from lit_emotalk.metrics.speech import rms_loudness, speech_frames
from lit_emotalk.metrics.theval import (
    EyebrowDynamics,
    HeadMotionDynamics,
    LipDynamics,
    LipSync,
    SilentLipStability,
    eyebrow_dynamics,
    head_motion_dynamics,
    head_track,
    lip_dynamics,
    lip_sync,
    silent_frames,
    silent_lip_stability,
)
from lit_emotalk.metrics.theval_score import (
    MEASURES,
    NO_FACE,
    NO_SILENCE,
    NO_SOUND,
    NO_SPEECH,
    THEval,
    clip_measures,
    normalised,
    total,
)
from tests.metrics.talking import SAMPLES, SIZE, landmarks, speech

UPPER, LOWER = (191, 80, 81, 82, 13, 312, 311, 310), (95, 88, 178, 87, 14, 317, 402, 318)
FRAMES = 40
SPOKEN = np.arange(FRAMES) % 40 < 24
MEASURED = (SIZE, SIZE)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """A talking face, not seen in two frames."""
    found = landmarks(FRAMES)
    found[[7, 31]] = np.nan
    return found


def test_lip_dynamics_is_the_spread_of_distances(points):
    wide = points.copy()
    wide[..., 0] *= 1.5
    seen = [frame for frame in wide if np.isfinite(frame).all()]
    spreads = []
    for first, second in itertools.combinations(sorted(LIPS), 2):
        apart = [
            math.dist(*((f[p, 0] * 256 / 300, f[p, 1] * 256 / SIZE) for p in (first, second))) for f in seen
        ]
        spreads.append(statistics.pstdev(apart))
    assert len(spreads) == 780
    assert float(lip_dynamics(torch.from_numpy(wide), (SIZE, 300))) == pytest.approx(statistics.mean(spreads))


def test_eyebrow_dynamics_is_the_mean_change(points):
    eyes = {
        "right": (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
        "left": (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
    }
    brows = {
        "right": (46, 53, 52, 65, 55, 70, 63, 105, 66, 107),
        "left": (276, 283, 282, 295, 285, 300, 293, 334, 296, 336),
    }
    changes, last = [], {}
    for frame in points:
        middle = {side: frame[list(eye), :2].mean(0) for side, eye in eyes.items()}
        across = np.linalg.norm(middle["left"] - middle["right"])
        for side in eyes:
            height = np.linalg.norm(frame[list(brows[side]), :2].mean(0) - middle[side]) / across
            if side in last and np.isfinite(height - last[side]):
                changes.append(abs(height - last[side]))
            last[side] = height
    assert len(changes) == 2 * (FRAMES - 1 - 4)
    assert float(eyebrow_dynamics(torch.from_numpy(points))) == pytest.approx(statistics.mean(changes))


def test_silent_lips_is_the_deviation_in_silence(points):
    sound = speech(SPOKEN)
    silent = silent_frames(sound, FRAMES).numpy()
    assert silent[26:].all() and not silent[:24].any()
    openings = []
    for frame in points[silent]:
        if np.isfinite(frame).all():
            eyes = math.dist(frame[33, :2], frame[263, :2])
            pairs = zip(UPPER, LOWER, strict=True)
            openings.append(statistics.mean(abs(frame[a, 1] - frame[b, 1]) / eyes for a, b in pairs))
    mean = statistics.mean(openings)
    expected = statistics.median(abs(opening - mean) for opening in openings)
    assert float(silent_lip_stability(torch.from_numpy(points), sound)) == pytest.approx(expected)


def test_lip_sync_is_the_distance_of_opening_and_loudness(points):
    sound = speech(SPOKEN)
    spoken = speech_frames(sound, FRAMES)
    padded = np.concatenate([np.zeros(400), sound, np.zeros(4000)])
    windows = [math.sqrt(np.square(padded[k * 800 : k * 800 + 800]).mean()) for k in range(36)]
    openings, levels = [], []
    for t, frame in enumerate(points):
        place = t / 25 / 0.05
        low = int(place + 1e-9)
        level = windows[low] + (place - low) * (windows[low + 1] - windows[low])
        if spoken[t] and np.isfinite(frame).all():
            eyes = (frame[362, 0] + frame[263, 0]) / 2 - (frame[33, 0] + frame[133, 0]) / 2
            opening = np.mean([frame[p, 1] for p in UPPER]) - np.mean([frame[p, 1] for p in LOWER])
            openings.append(abs(opening) / eyes)
            levels.append(level)

    def unit(values: list[float]) -> np.ndarray:
        return (np.array(values) - min(values)) / (max(values) - min(values))

    expected = np.abs(unit(openings) - unit(levels)).mean()
    assert float(lip_sync(torch.from_numpy(points), sound)) == pytest.approx(expected)
    assert 0 < expected < 1


def test_lips_that_follow_the_loudness_are_in_step():
    sound = speech(np.ones(FRAMES, bool))
    found = landmarks(FRAMES)
    for lip, side in ((UPPER, -1), (LOWER, 1)):
        still = found[0, list(lip), 1].copy()
        found[:, list(lip), 1] = still
        found[:, list(lip), 1] += side * 10 * rms_loudness(sound, FRAMES).numpy()[:, None]
    found[:, [33, 133, 362, 263]] = found[0, [33, 133, 362, 263]]
    assert float(lip_sync(torch.from_numpy(found), sound)) == pytest.approx(0, abs=1e-6)


def test_head_motion_by_hand():
    angles = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 4, 0], [2, 0, 0]])
    places = torch.tensor([[0.0, 0], [2, 0], [0, 0], [2, 0]])
    spread = (1 + math.sqrt(3) + 0) / 3
    jumps = (statistics.pvariance([2, -2, 2]) + statistics.pvariance([0, 4, -4]) + 0) / 3
    expected = math.sqrt(spread * jumps + (1 + 0) / 2)
    assert float(head_motion_dynamics(angles, places)) == pytest.approx(expected)
    gap = torch.cat([angles, torch.full((1, 3), math.nan), angles[:1]])
    away = torch.cat([places, torch.full((1, 2), math.nan), places[:1]])
    assert float(head_motion_dynamics(gap, away)) == pytest.approx(
        math.sqrt(
            (np.std([0, 2, 0, 2, 0]) + np.std([0, 0, 4, 0, 0])) / 3 * jumps + np.var([0, 2, 0, 2, 0]) / 2
        )
    ), "a change across a gap does not count"


def test_head_track_reads_the_turn_and_the_place():
    face = LinearFace.load()
    mean = face.mean.double().numpy()
    turns = np.radians([-20, 0, 15])
    points = np.stack(
        [
            mean @ np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]).T * 60
            for a in turns
        ]
    )
    points[..., :2] += [90, 110]
    points = np.concatenate([points, np.full((1, 478, 3), np.nan)])
    angles, places = head_track(torch.from_numpy(points), (400, 200), face)
    assert angles[:3, 1].tolist() == pytest.approx([-20, 0, 15], abs=0.01)
    assert angles[:3, [0, 2]].abs().max() < 0.01
    assert angles[3].isnan().all() and places[3].isnan().all()
    low, high = points[1, :, :2].min(0), points[1, :, :2].max(0)
    assert places[1].tolist() == pytest.approx((low + high) / 2 * [256 / 200, 256 / 400])


def test_the_score_of_the_truth_is_one_and_falls_with_the_distance():
    true = {"lip_dynamics": 2.0, "head_motion": 10.0, "lip_sync": 0.25}
    assert total(normalised(true, true)) == 1
    found = normalised({"lip_dynamics": 1.0, "head_motion": 40.0, "eyebrow_dynamics": 3.0}, true)
    assert found == {"lip_dynamics": 0.5, "head_motion": -2.0}
    assert total(found) == -0.75
    assert normalised({"lip_dynamics": 1.0}, {"lip_dynamics": 0.0}) == {}
    assert math.isnan(total({}))


def test_the_metric_pairs_clips_and_takes_means():
    metric = THEval()
    metric.update({"lip_dynamics": 1.0, "lip_sync": 0.2}, {"lip_dynamics": 2.0, "lip_sync": 0.25})
    metric.update({"lip_dynamics": 2.0}, {"lip_dynamics": 2.0, "lip_sync": 0.9})
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found == pytest.approx({"lip_dynamics": 0.75, "lip_sync": 0.8, "total": 0.775})


def test_what_cannot_be_taken_has_a_reason(points):
    face = LinearFace.load()

    def measure(marks: np.ndarray, samples: np.ndarray | None) -> tuple[set[str], dict[str, str]]:
        found = clip_measures(torch.from_numpy(marks), MEASURED, samples, face)
        assert found.values.keys() | found.missing.keys() == set(MEASURES)
        assert all(math.isfinite(value) for value in found.values.values())
        return set(found.values), found.missing

    whole, missing = measure(points, speech(SPOKEN))
    assert whole == set(MEASURES) and not missing
    _, missing = measure(points, None)
    assert missing == {"silent_lips": NO_SOUND, "lip_sync": NO_SOUND}
    _, missing = measure(points, speech(np.zeros(FRAMES, bool)))
    assert missing == {"lip_sync": NO_SPEECH}
    _, missing = measure(points, speech(np.ones(FRAMES, bool)))
    assert missing == {"silent_lips": NO_SILENCE}
    for few in (points[:1], np.full((FRAMES, 478, 3), np.nan)):
        known, missing = measure(few, speech(SPOKEN))
        assert not known and missing["lip_dynamics"] == missing["head_motion"] == NO_FACE


def test_the_metrics_are_their_functions(points):
    marks, sound = torch.from_numpy(points), speech(SPOKEN)
    track = head_track(marks, MEASURED, LinearFace.load())
    for metric, inputs, function in (
        (LipDynamics(), (marks, MEASURED), lip_dynamics),
        (EyebrowDynamics(), (marks,), eyebrow_dynamics),
        (SilentLipStability(), (marks, sound), silent_lip_stability),
        (LipSync(), (marks, sound), lip_sync),
        (HeadMotionDynamics(), track, head_motion_dynamics),
    ):
        metric.update(*inputs)
        assert float(metric.compute()) == pytest.approx(float(function(*inputs)))
        assert metric.PROTOCOL.arrow == "→" and metric.higher_is_better is None


def test_sound_shorter_than_the_video_ends_in_silence(points):
    sound = speech(np.ones(20, bool))
    assert len(sound) == 20 * SAMPLES
    assert silent_frames(sound, FRAMES)[23:].all()
