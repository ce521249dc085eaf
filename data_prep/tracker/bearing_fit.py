"""How each emotion holds and moves the head, fitted on the training clips of shards: numbers for
`lit_emotalk.inference.motion.bearing`.

Command line: python -m data_prep.tracker.bearing_fit --shards DIR [--output FILE]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data import Clip, index_split, read_manifest
from lit_emotalk.data.decode import frames_of, read_array
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.inference.motion.bearing import BEARINGS_FILE, Bearing, save_bearings, standard_loudness
from lit_emotalk.schema import FPS, MEL_BANDS, MEL_PER_FRAME

LAG = 4
"""Frames at which the wander's autocorrelation tells its pace."""

BLINK_RISE = 0.4
"""A blink: the lids close by this beyond the clip's median."""

SHRINK_MINUTES = 0.5
"""An emotion's blinks are mixed with those of all, as if it had so many more minutes of them."""


def fit_bearings(clips: Sequence[Clip]) -> dict[str, Bearing]:
    """The bearing of every canonical emotion in `clips`. UserError where none is neutral."""
    by_emotion: dict[str, list[Clip]] = {}
    for clip in clips:
        by_emotion.setdefault(str(clip.record["emotion"]), []).append(clip)
    if "neutral" not in by_emotion:
        raise UserError("the training split has no neutral clip to compare with")
    read = {e: [_read(clip) for clip in by_emotion[e]] for e in EMOTIONS if e in by_emotion}
    minutes = {e: sum(len(pose) for pose, *_ in some) / FPS / 60 for e, some in read.items()}
    blinks = {e: sum(_blinks(lids) for _, lids, _ in some) for e, some in read.items()}
    rate = sum(blinks.values()) / sum(minutes.values())
    chin = {e: np.concatenate([pose[:, 0] for pose, *_ in some]).mean() for e, some in read.items()}
    return {
        emotion: Bearing(
            hold=float(chin[emotion] - chin["neutral"]),
            blinks=float((blinks[emotion] + SHRINK_MINUTES * rate) / (minutes[emotion] + SHRINK_MINUTES)),
            **_wander(some),
        )
        for emotion, some in read.items()
    }


def _read(clip: Clip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotation (T, 3), lids (T,), standard loudness (T,)."""
    total = frames_of(clip)
    coeffs = read_array(clip, "coeffs.npy", (total, ARKIT.size))
    mel = read_array(clip, "mel.npy", (MEL_PER_FRAME * total, MEL_BANDS))
    return coeffs[:, ARKIT.pose][:, :3], ARKIT.mean_of(coeffs, "eyeBlink"), standard_loudness(mel)


def _wander(clips: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, float]:
    moved = [pose - pose.mean(0) for pose, *_ in clips]
    loud = np.concatenate([one - one.mean() for *_, one in clips])
    nod = float((np.concatenate(moved)[:, 0] * loud).sum() / max((loud**2).sum(), 1e-9))
    rest = [
        pose - np.outer(one - one.mean(), [nod, 0, 0]) for pose, (*_, one) in zip(moved, clips, strict=True)
    ]
    spread = np.concatenate(rest).std(0)
    together = sum((pose[LAG:] * pose[:-LAG]).sum() for pose in rest)
    alike = together / max(sum((pose[LAG:] ** 2).sum() for pose in rest), 1e-9)
    pace = LAG / np.sqrt(-4 * np.log(np.clip(alike, 0.05, 0.98))) / FPS
    pitch, yaw, roll = (float(value) for value in spread)
    return {"pitch": pitch, "yaw": yaw, "roll": roll, "pace": float(pace), "nod": nod}


def _blinks(lids: np.ndarray) -> int:
    closed = lids > np.median(lids) + BLINK_RISE
    return int((closed[1:] & ~closed[:-1]).sum() + closed[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write, and print a line for each emotion."""
    parser = argparse.ArgumentParser("python -m data_prep.tracker.bearing_fit", description=__doc__)
    parser.add_argument("--shards", type=Path, required=True, help="with faces")
    parser.add_argument("--output", type=Path, default=BEARINGS_FILE)
    options = parser.parse_args(arguments)
    manifest = read_manifest(options.shards)
    if manifest.layout != ARKIT.name:
        raise UserError(f"{options.shards} holds no faces in the layout {ARKIT.name}")
    found = fit_bearings(index_split(manifest, "signals", "train"))
    save_bearings(found, options.output)
    for emotion, bearing in found.items():
        print(f"{emotion:<10} {bearing}")


if __name__ == "__main__":
    run_main(main, "data_prep.tracker.bearing_fit")
