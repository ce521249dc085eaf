"""How well a generator alone carries an expression over: pairs of true frames, drawn and measured.

The source is a frame of a person, the target another one, driven by the target's tracked coefficients. What
is measured of a drawn target (our protocol): PSNR in the boxes of face and mouth; sharpness there; the
distance of the mouth's landmarks (mean-centred, in inter-ocular distances); and how the tracked change of
expression from the source agrees with the true one over the units that change most, as its correlation over
the pairs and as its strength, the slope on the true change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.data.decode import frames_of, picture, read_array, read_landmarks
from lit_emotalk.data.decode_frames import companions_of, driving_window
from lit_emotalk.data.index import Clip
from lit_emotalk.data.reframe import STILL, Similarity
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.regions import LIPS, OUTER_EYE_CORNERS, region_boxes
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.io.progress import track
from lit_emotalk.losses.reconstruction import box_psnr
from lit_emotalk.metrics.sharpness import relative_sharpness
from lit_emotalk.models.hef.generator import HEF

SOURCE_FRAME, FIRST_TARGET, TARGETS_PER_CLIP = 2, 8, 3
MOST_MOVING = 20
FEWEST_PAIRS = 3
"""Over fewer pairs no correlation is taken."""
STILL_UNIT = 1e-4
"""A unit whose change has no larger standard deviation over the pairs does not move."""
BATCH = 16


class Choice(NamedTuple):
    """A pair: the source's clip, the target's clip and the target's frame; the source is frame 2."""

    source: Clip
    target: Clip
    frame: int


class Pairs(NamedTuple):
    """Sources and targets, each (N, ...): images, coefficients, driving windows, landmarks in crop units."""

    source: Tensor
    target: Tensor
    source_coeffs: Tensor
    driving: Tensor
    source_landmarks: Tensor
    landmarks: np.ndarray


@dataclass(frozen=True)
class Transfer:
    """The figures of one way to draw N pairs; None where they were not to be had.

    `psnr_face`, `psnr_mouth` in dB and `sharp_face`, `sharp_mouth` in percent of the truth's, means over the
    pairs. Over the pairs with a face in every picture: `lips`, the distance of the lips' points in
    inter-ocular distances; `correlation` and `strength`, the medians over the units that change most, and
    `units`, unit -> its own two.
    """

    psnr_face: float
    psnr_mouth: float
    sharp_face: float | None
    sharp_mouth: float | None
    lips: float | None
    correlation: float | None
    strength: float | None
    units: dict[str, tuple[float, float]]


def across_clips(clips: Sequence[Clip], limit: int | None = None) -> list[Choice]:
    """Pairs from a person's neutral clip to frames of their other clips of its scene; `limit` of them, the
    same at every call."""
    companions, choices = companions_of(list(clips)), np.random.default_rng(0)
    chosen: list[Choice] = []
    for clip in clips:
        neutral = [other for other in companions[clip.key] if other.record["emotion"] == "neutral"]
        if clip.record["emotion"] != "neutral" and neutral:
            total = frames_of(clip)
            later = np.arange(min(FIRST_TARGET, max(total - TARGETS_PER_CLIP, 0)), total)
            frames = choices.choice(later, min(TARGETS_PER_CLIP, total), replace=False)
            chosen += [Choice(neutral[0], clip, int(frame)) for frame in frames]
    return [chosen[i] for i in choices.permutation(len(chosen))[:limit]]


def within_clips(clips: Sequence[Clip], limit: int | None = None) -> list[Choice]:
    """Pairs of frames of one clip, the target in its second half; `limit` of them, spread over the clips."""
    choices = np.random.default_rng(0)
    chosen: list[list[Choice]] = []
    for clip in clips:
        total = frames_of(clip)
        later = np.arange(max((total + 1) // 2, SOURCE_FRAME + 1), total)
        frames = choices.choice(later, min(TARGETS_PER_CLIP, len(later)), replace=False)
        chosen.append([Choice(clip, clip, int(frame)) for frame in frames])
    order = choices.permutation(len(chosen))
    turns = [chosen[i][turn] for turn in range(TARGETS_PER_CLIP) for i in order if turn < len(chosen[i])]
    return turns[:limit]


def read_pairs(chosen: Sequence[Choice], size: int, window: int, move: Similarity = STILL) -> Pairs:
    """The pairs' pictures of `size` pixels and driving windows, their crops moved. SampleError where a clip
    is damaged."""
    rows = []
    for first, clip, frame in chosen:
        still = read_array(first, "coeffs.npy", (frames_of(first), ARKIT.size))[[SOURCE_FRAME]]
        driving = driving_window(read_array(clip, "coeffs.npy", (frames_of(clip), ARKIT.size)), frame, window)
        rows.append(
            (
                move.picture(picture(first, f"{SOURCE_FRAME:04d}.jpg", size)),
                move.picture(picture(clip, f"{frame:04d}.jpg", size)),
                torch.from_numpy(move.coefficients(still)[0]),
                torch.from_numpy(move.coefficients(driving)),
                torch.from_numpy(move.landmarks(read_landmarks(first)[SOURCE_FRAME])).float(),
                torch.from_numpy(move.landmarks(read_landmarks(clip)[frame])),
            )
        )
    source, target, coeffs, windows, own, marks = (torch.stack(column) for column in zip(*rows, strict=True))
    return Pairs(source, target, coeffs, windows, own, marks.numpy())


def untrained(network: HEF) -> HEF:
    """A network of the same configuration that has seen nothing: its guide alone moves the face."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HEF(network.config).eval()


@torch.inference_mode()
def draw(network: HEF, pairs: Pairs, label: str = "drawing") -> Tensor:
    """The drawn targets (N, 3, S, S) in [-1, 1]."""
    drawn = []
    starts = range(0, len(pairs.source), BATCH)
    for start in track(starts, label, len(starts), "batches"):
        part = slice(start, start + BATCH)
        encoded = network.encode_source(pairs.source[part], pairs.source_landmarks[part])
        drawn.append(network(encoded, pairs.source_coeffs[part], pairs.driving[part]).image)
    return torch.cat(drawn)


def boxes_of(pairs: Pairs) -> dict[str, Tensor]:
    """The targets' `region_boxes` in pixels, each (N, 4)."""
    size = pairs.target.shape[-1]
    return {
        name: torch.from_numpy(corners * size).float()
        for name, corners in region_boxes(pairs.landmarks).items()
    }


def measure(drawn: dict[str, Tensor], pairs: Pairs, tracker: Tracker) -> tuple[dict[str, Transfer], int]:
    """The figures of several ways to draw the same pairs, name -> images (N, 3, S, S); and the number of
    pairs that have a face in all of these pictures, source and target, on which landmarks are compared."""
    marks = {name: read_faces(images) for name, images in drawn.items()}
    true, source = read_faces(pairs.target), read_faces(pairs.source)
    seen = np.isfinite(np.stack([*marks.values(), true, source])).all((0, 2, 3))
    boxes = boxes_of(pairs)
    found = {}
    for name, images in drawn.items():
        values: dict[str, Any] = {"lips": None, "correlation": None, "strength": None, "units": {}}
        for region in ("face", "mouth"):
            values[f"psnr_{region}"] = float(box_psnr(images, pairs.target, boxes[region]).mean())
            sharp = relative_sharpness(127.5 * (images + 1), 127.5 * (pairs.target + 1), boxes[region])
            values[f"sharp_{region}"] = _number(sharp.nanmean().item())
        if seen.any():
            values["lips"] = mouth_distance(marks[name][seen], true[seen])
            values |= _change(tracker, marks[name][seen], true[seen], source[seen])
        found[name] = Transfer(**values)
    return found, int(seen.sum())


def _change(tracker: Tracker, made: np.ndarray, true: np.ndarray, source: np.ndarray) -> dict[str, Any]:
    """Correlation and strength of the change of expression, of landmarks (N, 478, 3)."""
    if len(made) < FEWEST_PAIRS:
        return {}
    read = [tracker.expression(points) for points in (made, true, source)]
    change, wanted = read[0] - read[2], read[1] - read[2]
    moving = [i for i in wanted.std(0).argsort()[::-1][:MOST_MOVING] if wanted[:, i].std() > STILL_UNIT]
    strength = {i: float(np.polyfit(wanted[:, i], change[:, i], 1)[0]) for i in moving}
    agreement = {
        i: float(np.corrcoef(change[:, i], wanted[:, i])[0, 1])
        for i in moving
        if change[:, i].std() > STILL_UNIT
    }
    return {
        "correlation": float(np.median(list(agreement.values()))) if agreement else None,
        "strength": float(np.median(list(strength.values()))) if strength else None,
        "units": {ARKIT_NAMES[i]: (r, strength[i]) for i, r in agreement.items()},
    }


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def read_faces(images: Tensor) -> np.ndarray:
    """Landmarks (N, 478, 3) in pixels of images (N, 3, S, S), NaN where no face is found."""
    found = np.full((len(images), 478, 3), np.nan, np.float32)
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    with Landmarker() as landmarker:
        for row, image in enumerate(pixels):
            faces = landmarker.detect(image)
            if faces:
                found[row] = faces[0].landmarks
    return found


def mouth_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of the lips' points of landmarks (N, 478, 3), each mouth on its own middle, in the
    other's inter-ocular distances."""
    right, left = OUTER_EYE_CORNERS
    unit = np.linalg.norm(other[:, left] - other[:, right], axis=-1)
    mouths = [points[:, list(LIPS), :2] for points in (one, other)]
    one, other = (mouth - mouth.mean(1, keepdims=True) for mouth in mouths)
    return float((np.linalg.norm(one - other, axis=-1).mean(1) / unit).mean())
