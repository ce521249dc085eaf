"""Does the tracker read what the face shows? Its units against the truth, beside MediaPipe's raw scores."""

from dataclasses import dataclass

import numpy as np

from data_prep.check_corpus.clips import CheckedClip
from data_prep.check_corpus.lines import Line
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.errors import UserError
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import read_frames
from lit_emotalk.schema import FPS

UNITS = 20
CORRELATION_ASKED, BETTER_ASKED = 0.85, 18
SLOPE_LOW, SLOPE_HIGH = 0.8, 1.2
STEMS: tuple[str, ...] = tuple(
    dict.fromkeys(name.removesuffix("Left").removesuffix("Right") for name in ARKIT_NAMES)
)
"""Units without their side; jawLeft and jawRight, mouthLeft and mouthRight are `jaw` and `mouth`."""


@dataclass(frozen=True)
class UnitScore:
    """A unit's readings against the truth, the mean over its sides: `spread` of the truth, `correlation`,
    `slope` of the truth on the reading (1: calibrated), mean absolute `error`; `raw` the correlation of
    MediaPipe's score and `beside_raw` the tracker's on the same frames, None where they were not read."""

    name: str
    spread: float
    correlation: float
    slope: float
    error: float
    raw: float | None = None
    beside_raw: float | None = None


def check_units(clips: list[CheckedClip], raw_clips: int) -> tuple[list[Line], list[UnitScore]]:
    """The lines on the tracker, and the scores of the `UNITS` that move most, most first, on test speakers.

    `raw_clips` test clips are looked at again for MediaPipe's scores; 0 for none. Raises UserError where
    truth and shards do not have the same frames.
    """
    test = [clip for clip in clips if clip.split == "test"]
    truth = np.concatenate([clip.truth["weights"] for clip in test])
    read = np.concatenate([clip.coeffs[:, ARKIT.expression] for clip in test])
    if len(truth) != len(read):
        raise UserError("the sidecars of the test clips have fewer frames than the shards; prepare again")
    raw = _raw(test, raw_clips) if raw_clips else None
    by_spread = sorted(STEMS, key=lambda stem: -truth[:, sides_of(stem)].std(0).mean())[:UNITS]
    scores = [unit_score(stem, truth, read, raw) for stem in by_spread]
    return _lines(scores), scores


def sides_of(stem: str) -> list[int]:
    """Columns of a unit's sides."""
    return [i for i, name in enumerate(ARKIT_NAMES) if name in (stem, f"{stem}Left", f"{stem}Right")]


def unit_score(
    stem: str, truth: np.ndarray, read: np.ndarray, raw: tuple[np.ndarray, ...] | None
) -> UnitScore:
    """A unit's score: truth and readings (N, 51); `raw` for the frames that MediaPipe's scores were read of:
    truth, readings, scores (M, 51)."""
    columns = sides_of(stem)
    pairs = [(truth[:, i].astype(np.float64), read[:, i].astype(np.float64)) for i in columns]
    score = UnitScore(
        stem,
        float(np.mean([true.std() for true, _ in pairs])),
        float(np.mean([correlation(*pair) for pair in pairs])),
        float(np.mean([slope(*pair) for pair in pairs])),
        float(np.mean([np.abs(true - seen).mean() for true, seen in pairs])),
    )
    if raw is None:
        return score
    true, ours, theirs = raw
    return UnitScore(
        score.name,
        score.spread,
        score.correlation,
        score.slope,
        score.error,
        float(np.mean([correlation(true[:, i], theirs[:, i]) for i in columns])),
        float(np.mean([correlation(true[:, i], ours[:, i]) for i in columns])),
    )


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two series, 0 where one does not vary."""
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 1e-9 else 0.0


def slope(truth: np.ndarray, reading: np.ndarray) -> float:
    """Slope of the truth on the reading, 0 where the reading does not vary."""
    centred = reading - reading.mean()
    variance = (centred**2).mean()
    return float(((truth - truth.mean()) * centred).mean() / variance) if variance > 1e-9 else 0.0


def _raw(test: list[CheckedClip], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, readings and MediaPipe's scores (M, 51) of the found frames of `count` clips, evenly spread."""
    places = np.linspace(0, len(test) - 1, min(count, len(test))).round().astype(int)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for place in track(places, "MediaPipe's scores", len(places), "clips"):
        clip = test[place]
        truth, read = clip.truth["weights"], clip.coeffs[:, ARKIT.expression]
        with Landmarker(video=True) as landmarker:
            for t, frame in zip(range(clip.frames), read_frames(clip.video), strict=False):
                faces = landmarker.track(frame, t * 1000 // FPS)
                if faces:
                    rows.append((truth[t], read[t], faces[0].scores))
    if not rows:
        raise UserError("MediaPipe finds no face in the test clips; look at the corpus")
    truth, read, scores = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return truth, read, scores


def _lines(scores: list[UnitScore]) -> list[Line]:
    middle = float(np.median([score.correlation for score in scores]))
    calibrated = sum(SLOPE_LOW <= score.slope <= SLOPE_HIGH for score in scores)
    lines = [
        Line(
            f"tracker against the truth, median correlation of the {len(scores)} units that move most",
            f"at least {CORRELATION_ASKED}",
            f"{middle:.2f}",
            middle >= CORRELATION_ASKED,
            {"median_correlation": middle},
        ),
        Line(
            f"units with a slope of {SLOPE_LOW} to {SLOPE_HIGH} (truth on reading)",
            f"{len(scores)} of {len(scores)}",
            f"{calibrated} of {len(scores)}",
            calibrated == len(scores),
            {"calibrated": calibrated, "units": len(scores)},
        ),
    ]
    if all(score.raw is not None for score in scores):
        better = sum((score.beside_raw or 0) > (score.raw or 0) for score in scores)
        lines.append(
            Line(
                "units read better than MediaPipe's raw score (correlation, same frames)",
                f"at least {BETTER_ASKED} of {UNITS}",
                f"{better} of {len(scores)}",
                better >= BETTER_ASKED,
                {"better": better, "units": len(scores)},
            )
        )
    return lines
