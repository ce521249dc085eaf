"""Do lips close when they must, and do they move with the sound? By the truth, and as the picture shows."""

from dataclasses import dataclass

import numpy as np

from data_prep.check_corpus.clips import CheckedClip
from data_prep.check_corpus.lines import Line, Share
from data_prep.synthetic.heads.head import Head
from data_prep.synthetic.heads.identity import Identity
from data_prep.synthetic.speech.espeak import BILABIALS
from lit_emotalk.data.decode import read_landmarks
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.face.regions import MOUTH_CORNERS, MOUTH_OPENING
from lit_emotalk.io.progress import track
from lit_emotalk.schema import FPS, SAMPLES_PER_FRAME

CLOSED_GAP, CLOSED_ASKED = 0.03, 0.90
UNEVEN_ASKED = 0.10
REACH = 8
"""Frames by which sound and lips are moved against each other."""
IN_STEP = (0, 1)
LAGS = np.arange(-REACH, REACH + 1)


@dataclass(frozen=True)
class LipReport:
    """Mean correlation of lip gap and loudness at `LAGS`, by the truth and by the landmarks in the picture;
    a positive lag: the lips move after the sound."""

    truth: np.ndarray
    picture: np.ndarray


def check_lips(clips: list[CheckedClip]) -> tuple[list[Line], LipReport]:
    """The lines on closures and step of all clips. Raises UserError where there is no closure at all."""
    heads: dict[str, Head] = {}
    closures = {"truth": [0, 0], "picture": [0, 0]}
    emotions: dict[str, list[int]] = {}
    frames = [0, 0]
    curves: dict[str, list[np.ndarray]] = {"truth": [], "picture": []}
    for clip in track(clips, "lips", len(clips), "clips"):
        if clip.speaker not in heads:
            heads[clip.speaker] = Head(Identity.from_json(clip.record["identity"]))
        gaps = {"truth": true_gap(heads[clip.speaker], clip.truth["weights"]), "picture": seen_gap(clip)}
        loudness = envelope(clip.samples)
        spans = closure_spans(clip.record["phonemes"], clip.frames)
        for name, gap in gaps.items():
            hits = sum(bool(gap[span].min() < CLOSED_GAP) for span in spans)
            counted = [closures[name]]
            if name == "truth":
                counted.append(emotions.setdefault(clip.emotion, [0, 0]))
            for count in counted:
                count[0] += hits
                count[1] += len(spans)
            curve = lag_correlations(loudness, gap)
            if np.isfinite(curve).all():
                curves[name].append(curve)
        frames[0] += sum(int((gaps["truth"][span] < CLOSED_GAP).sum()) for span in spans)
        frames[1] += sum(span.stop - span.start for span in spans)
    if not closures["truth"][1] or not curves["truth"] or not curves["picture"]:
        raise UserError("no clip has an m, b or p and lips that move; make a whole corpus")
    report = LipReport(np.mean(curves["truth"], 0), np.mean(curves["picture"], 0))
    return _lines(closures, emotions, frames, curves, report), report


def true_gap(head: Head, weights: np.ndarray) -> np.ndarray:
    """Opening between the inner lips beyond that at rest, by the mouth's width: (T, 51) -> (T,)."""
    return np.array([head.lip_gap(row) for row in weights])


def seen_gap(clip: CheckedClip) -> np.ndarray:
    """Opening between MediaPipe's middle lip points by the mouth's width, (T,)."""
    try:
        landmarks = read_landmarks(clip.sample)[..., :2]
    except SampleError as error:
        raise UserError(str(error)) from error
    upper, lower = MOUTH_OPENING
    right, left = MOUTH_CORNERS
    gap = np.linalg.norm(landmarks[:, upper] - landmarks[:, lower], axis=1)
    return gap / np.linalg.norm(landmarks[:, right] - landmarks[:, left], axis=1)


def closure_spans(phonemes: list[list], frames: int) -> list[slice]:
    """The frames of each m, b and p: those whose middle lies in it, else the one that holds its middle."""
    spans = []
    for name, start, end in phonemes:
        if str(name)[:1] not in BILABIALS:
            continue
        first, last = int(np.ceil(start * FPS - 0.5)), int(np.floor(end * FPS - 0.5))
        if last < first:
            first = last = int((start + end) / 2 * FPS)
        if first < frames:
            spans.append(slice(max(first, 0), min(last + 1, frames)))
    return spans


def envelope(samples: np.ndarray) -> np.ndarray:
    """Root mean square of each frame's sound: (640 T,) -> (T,)."""
    return np.sqrt((samples.reshape(-1, SAMPLES_PER_FRAME).astype(np.float64) ** 2).mean(1))


def lag_correlations(loudness: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Correlation of loudness (T,) at t and gap (T,) at t + lag for each of `LAGS`; NaN where one is flat."""
    found = []
    for lag in LAGS.tolist():
        a = loudness[max(-lag, 0) : len(loudness) - max(lag, 0)]
        b = gap[max(lag, 0) : len(gap) - max(-lag, 0)]
        spread = a.std() * b.std() if len(a) > 1 else 0.0
        found.append(((a - a.mean()) * (b - b.mean())).mean() / spread if spread > 1e-12 else np.nan)
    return np.array(found)


def _lines(
    closures: dict[str, list[int]],
    emotions: dict[str, list[int]],
    frames: list[int],
    curves: dict[str, list[np.ndarray]],
    report: LipReport,
) -> list[Line]:
    closed, seen, each = Share(*closures["truth"]), Share(*closures["picture"]), Share(*frames)
    rates = {emotion: hits / count for emotion, (hits, count) in emotions.items() if count}
    most, least = max(rates, key=rates.__getitem__), min(rates, key=rates.__getitem__)
    uneven = rates[most] - rates[least]
    lines = [
        Line(
            f"m, b, p with lips closed (gap under {CLOSED_GAP:.0%} of the mouth's width), truth",
            f"at least {CLOSED_ASKED:.0%}",
            str(closed),
            closed.value >= CLOSED_ASKED,
            closed.values(),
        ),
        Line(
            "largest difference of closed m, b, p between emotions, truth",
            f"at most {100 * UNEVEN_ASKED:.0f} points",
            f"{100 * uneven:.1f} points ({least} {rates[least]:.1%}, {most} {rates[most]:.1%})",
            uneven <= UNEVEN_ASKED,
            {"difference": uneven},
        ),
        Line("frames inside m, b, p with lips closed, truth", "", str(each), None, each.values()),
        Line("m, b, p with lips closed as MediaPipe sees them", "", str(seen), None, seen.values()),
    ]
    for name, curve in (("truth", report.truth), ("picture", report.picture)):
        best = int(LAGS[curve.argmax()])
        alone = np.array([LAGS[one.argmax()] for one in curves[name]])
        near = float(np.isin(np.abs(alone), IN_STEP).mean())
        lines.append(
            Line(
                f"lips after the sound, {name if name == 'truth' else 'as MediaPipe sees them'}",
                "0 or 1 frame" if name == "truth" else "",
                f"{best} frames (correlation {curve.max():.2f}; {near:.0%} of clips alone within 1)",
                abs(best) in IN_STEP if name == "truth" else None,
                {"lag": best, "correlation": float(curve.max()), "clips_within_1": near},
            )
        )
    return lines
