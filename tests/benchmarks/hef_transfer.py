"""How well HEF alone carries an expression over, on unseen speakers: python -m tests.benchmarks.hef_transfer
--models outputs/demo/models/hef --shards outputs/demo/shards

The source is a frame of a neutral clip, the target a frame of another clip of the same speaker and scene,
driven by the target's tracked coefficients. Prints PSNR in the boxes of face and mouth beside that of
copying the source, their sharpness, the distance of the mouth's landmarks (mean-centred, in inter-ocular
distances) beside the copy's, and how the tracked change of expression agrees with the true one over the 20
units that change most: its correlation, and its strength as the slope against the true change. All of it at
three crops: as prepared, closer, and farther off to one side.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.data.decode import frames_of, picture, read_array, read_landmarks
from lit_emotalk.data.decode_frames import companions_of, driving_window
from lit_emotalk.data.index import Clip, index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.data.reframe import STILL, Similarity
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.regions import LIPS, OUTER_EYE_CORNERS, region_boxes
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.losses.reconstruction import box_psnr
from lit_emotalk.metrics.sharpness import relative_sharpness
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hef.generator import HEF

SOURCE_FRAME, FIRST_TARGET, TARGETS_PER_CLIP = 2, 8, 3
MOST_MOVING = 20
BATCH = 16


class Pairs(NamedTuple):
    """Sources and targets, each (N, ...): images, coefficients, driving windows, landmarks in crop units."""

    source: Tensor
    target: Tensor
    source_coeffs: Tensor
    driving: Tensor
    source_landmarks: Tensor
    landmarks: np.ndarray


CROPS: dict[str, Similarity] = {
    "as prepared": STILL,
    "closer": Similarity(1.15, 0.0, (0.0, 0.0)),
    "farther, to one side, turned": Similarity(0.87, 0.1, (0.1, -0.05)),
}


def read_pairs(
    shards: Path, split: str, size: int, window: int, limit: int, move: Similarity = STILL
) -> Pairs:
    """Pairs from a neutral clip to the other clips of its scene, the same for every model, their crops
    moved."""
    clips = index_split(read_manifest(shards), "frames", split)
    companions, choices = companions_of(clips), np.random.default_rng(0)
    chosen: list[tuple[Clip, Clip, int]] = []
    for clip in clips:
        neutral = [other for other in companions[clip.key] if other.record["emotion"] == "neutral"]
        if clip.record["emotion"] != "neutral" and neutral:
            frames = choices.choice(np.arange(FIRST_TARGET, frames_of(clip)), TARGETS_PER_CLIP, replace=False)
            chosen += [(neutral[0], clip, int(frame)) for frame in frames]
    order = choices.permutation(len(chosen))[:limit]
    rows = []
    for source, clip, frame in (chosen[i] for i in order):
        own = read_array(source, "coeffs.npy", (frames_of(source), ARKIT.size))[[SOURCE_FRAME]]
        driving = driving_window(read_array(clip, "coeffs.npy", (frames_of(clip), ARKIT.size)), frame, window)
        rows.append(
            (
                move.picture(picture(source, f"{SOURCE_FRAME:04d}.jpg", size)),
                move.picture(picture(clip, f"{frame:04d}.jpg", size)),
                torch.from_numpy(move.coefficients(own)[0]),
                torch.from_numpy(move.coefficients(driving)),
                torch.from_numpy(move.landmarks(read_landmarks(source)[SOURCE_FRAME])).float(),
                torch.from_numpy(move.landmarks(read_landmarks(clip)[frame])),
            )
        )
    *tensors, landmarks = (torch.stack(column) for column in zip(*rows, strict=True))
    return Pairs(*tensors, landmarks.numpy())


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
    """Mean distance of the lips' points, each mouth on its own middle, in inter-ocular distances."""
    right, left = OUTER_EYE_CORNERS
    unit = np.linalg.norm(other[:, left] - other[:, right], axis=-1)
    mouths = [points[:, list(LIPS), :2] for points in (one, other)]
    one, other = (mouth - mouth.mean(1, keepdims=True) for mouth in mouths)
    return float((np.linalg.norm(one - other, axis=-1).mean(1) / unit).mean())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hef_transfer", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("outputs/demo/models/hef"))
    parser.add_argument("--shards", type=Path, default=Path("outputs/demo/shards"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=120, help="pairs")
    arguments = parser.parse_args()
    network = load_export(arguments.models, "hef")
    assert isinstance(network, HEF)
    tracker, config = Tracker.load(), network.config
    for name, move in CROPS.items():
        print(f"{name}:")
        place = (arguments.shards, arguments.split, config.resolution, config.window, arguments.limit)
        report(network, tracker, read_pairs(*place, move))


def report(network: HEF, tracker: Tracker, pairs: Pairs) -> None:
    """Draw the pairs and print how well."""
    drawn = []
    with torch.inference_mode():
        for start in range(0, len(pairs.source), BATCH):
            part = slice(start, start + BATCH)
            encoded = network.encode_source(pairs.source[part], pairs.source_landmarks[part])
            drawn.append(network(encoded, pairs.source_coeffs[part], pairs.driving[part]).image)
    made = torch.cat(drawn)
    for name in ("face", "mouth"):
        boxes = torch.from_numpy(region_boxes(pairs.landmarks)[name] * network.config.resolution).float()
        ours, copied = (box_psnr(image, pairs.target, boxes).mean() for image in (made, pairs.source))
        print(f"PSNR {name}: {ours:.2f} dB, copy {copied:.2f} dB: {ours - copied:+.2f} dB")
        ours, copied = (
            relative_sharpness(127.5 * (image + 1), 127.5 * (pairs.target + 1), boxes).nanmean()
            for image in (made, pairs.source)
        )
        print(f"sharpness {name}: {ours:.0f} % of the truth's, copy {copied:.0f} %")
    marks = [read_faces(images) for images in (made, pairs.target, pairs.source)]
    seen = np.isfinite(np.stack(marks)).all((0, 2, 3))
    ours, true, source = (points[seen] for points in marks)
    distance, copied = mouth_distance(ours, true), mouth_distance(source, true)
    print(f"mouth landmarks: {distance:.4f}, copy {copied:.4f}: {100 * (distance / copied - 1):+.0f} %")
    read = [tracker.expression(points) for points in (ours, true, source)]
    change, wanted = read[0] - read[2], read[1] - read[2]
    moving = wanted.std(0).argsort()[::-1][:MOST_MOVING]
    agreement = [np.corrcoef(change[:, i], wanted[:, i])[0, 1] for i in moving]
    print(f"change of expression, {MOST_MOVING} most moving units: median r {np.median(agreement):.2f}")
    strength = [np.polyfit(wanted[:, i], change[:, i], 1)[0] for i in moving]
    print(f"their strength: median slope {np.median(strength):.2f}")
    rows = zip(moving, agreement, strength, strict=True)
    print("  " + ", ".join(f"{ARKIT_NAMES[i]} {r:.2f} x {slope:.2f}" for i, r, slope in rows))
    print(f"{seen.sum()} of {len(seen)} pairs with a face in all pictures")


if __name__ == "__main__":
    main()
