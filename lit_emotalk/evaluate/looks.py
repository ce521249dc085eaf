"""What the landmarks of a video say, and the numbers that rest on it alone."""

from dataclasses import dataclass

import numpy as np
import torch

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.evaluate.reads import Reader, Reads
from lit_emotalk.evaluate.scores import Scores, rounded
from lit_emotalk.face.tracker import Rest
from lit_emotalk.metrics.efd import efd
from lit_emotalk.metrics.emotion_accuracy import emotion_named
from lit_emotalk.metrics.rhythm import beat_alignment, loudness_correlation
from lit_emotalk.metrics.shape_error import fdd, lve, mhd
from lit_emotalk.metrics.theval_score import NO_FACE, NO_SOUND, ClipMeasures, clip_measures

NO_COMMON_FACE = "needs frames with a face in both videos"
NO_BEATS = "needs an onset in the sound and three frames with a face"
NO_LOUDNESS = "needs sound that is not silent and three frames with a face"
NO_LABEL = "needs the clip's emotion: a label, or a name that tells it"


@dataclass(frozen=True, eq=False)
class Look:
    """A video of T frames, seen through its landmarks.

    coefficients: (T, 57) float32, the expression relative to the true speaker's rest, and pose. points: (T,
    478, 3) float64 without head pose, in inter-ocular distances. Both NaN without a face. measures: THEval's.
    """

    coefficients: np.ndarray
    points: np.ndarray
    measures: ClipMeasures

    def head(self, frames: int) -> "Look":
        """The look at the first `frames` frames; the measures stay the whole video's."""
        return Look(self.coefficients[:frames], self.points[:frames], self.measures)


def look_of(
    reads: Reads, rest: Rest | None, size: tuple[int, int], samples: np.ndarray | None, reader: Reader
) -> Look:
    """Look at a video's reads: `rest` is the true speaker's, `size` the frames' (height, width), `samples`
    the sound (N,)."""
    found, tracker = reads.found, reader.tracker
    coefficients = np.full((len(found), ARKIT.size), np.nan, np.float32)
    points = np.full((len(found), *reads.landmarks.shape[1:]), np.nan)
    if found.any():
        coefficients[found, ARKIT.pose] = tracker.pose(reads.landmarks[found] / max(size))
        points[found] = tracker.align(reads.landmarks[found]).aligned
    if rest is not None:
        coefficients[:, ARKIT.expression] = reader.expression(reads, rest)
    measures = clip_measures(torch.from_numpy(reads.landmarks), size, samples, tracker.face)
    return Look(coefficients, points, measures)


def score_looks(scores: Scores, own: Look, true: Look, rest: Rest | None, reader: Reader) -> None:
    """EFD, LVE, FDD, MHD and THEval's measures of a generated video beside the true one."""
    expressions = (torch.from_numpy(look.coefficients[:, ARKIT.expression]) for look in (own, true))
    scores.put("efd", efd(*expressions), NO_COMMON_FACE)
    made, real = (torch.from_numpy(look.points) for look in (own, true))
    scores.put("lve", lve(made, real), NO_COMMON_FACE)
    scores.put("mhd", mhd(made, real), NO_COMMON_FACE)
    face = reader.tracker.face
    still = face.mean if rest is None else torch.from_numpy(rest.shape)
    scores.put("fdd", fdd(made, real, still, face.upper_face), NO_COMMON_FACE)
    for name, value in own.measures.values.items():
        scores.put(f"theval_{name}", np.array(value), NO_FACE)
    scores.missing |= {f"theval_{name}": reason for name, reason in own.measures.missing.items()}
    scores.truth = {f"theval_{name}": rounded(value) for name, value in true.measures.values.items()}
    scores.coefficients = own.coefficients


def score_rhythm(scores: Scores, own: Reads, samples: np.ndarray | None) -> None:
    """BAS and SLCC of a video with its sound (N,) at 16 kHz."""
    if samples is None:
        scores.missing |= {"bas": NO_SOUND, "slcc": NO_SOUND}
        return
    landmarks = torch.from_numpy(own.landmarks)
    scores.put("bas", beat_alignment(landmarks, samples), NO_BEATS)
    scores.put("slcc", loudness_correlation(landmarks, samples), NO_LOUDNESS)


def score_emotion(scores: Scores, own: Reads, asked: str | None, reader: Reader) -> None:
    """EmoAcc by every network that is there: 100 where it names the emotion that was asked for, else 0."""
    for name, known in reader.emotions.known.items():
        if not asked:
            scores.missing[name] = NO_LABEL
        elif asked not in known:
            scores.missing[name] = f"the network does not know '{asked}'"
        else:
            found = torch.from_numpy(own.emotions[name])
            scores.put(name, 100 * emotion_named(found, known, asked), NO_FACE)
