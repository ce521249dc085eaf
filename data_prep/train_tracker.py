"""Make the weights of `lit_emotalk.face`: python -m data_prep.train_tracker --output
lit_emotalk/face/tracker.safetensors

Renders heads whose units are drawn independently, finds their landmarks, fits the linear face and the
tracker's network, and compares it with MediaPipe's raw scores on heads held out. The rendered set is kept and
continued. The linear face is that of true weights: shards read by the new tracker calibrate it
(`python -m data_prep.tracker.basis_fit`).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from data_prep.tracker.look_fit import fit_look, load_faces, pictures_of, read_looks
from data_prep.tracker.tracker_fit import (
    Head,
    fit_basis,
    fit_network,
    fit_reference,
    make_examples,
    mirror_pairs,
)
from data_prep.tracker.tracker_set import SetPlan, load_set, make_set
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.face.basis import BASIS_FILE, LinearFace
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.io.files import write_text
from lit_emotalk.io.progress import track

FRAMES_PER_HEAD = 60
HELD_OUT = 0.15
REPORTED: tuple[str, ...] = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthFrown", "mouthStretch",
    "mouthPress",
    "mouthUpperUp", "mouthLowerDown", "mouthDimple", "mouthRollLower", "browDown", "browInnerUp",
    "browOuterUp",
    "eyeBlink", "eyeSquint", "eyeWide", "noseSneer", "cheekSquint",
)  # fmt: skip
"""The 20 units, both sides together, that move most in speech and emotion."""

HOW: dict[str, str] = {
    "with_rest": "pictures and rest",
    "without_rest": "pictures, no rest",
    "landmarks_only": "landmarks and rest",
    "raw": "MediaPipe's raw score",
}
"""The readings that are compared, and their titles."""


def main() -> None:
    """Command line of the tracker's training."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.train_tracker", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("lit_emotalk/face/tracker.safetensors"))
    parser.add_argument("--work", type=Path, default=Path("outputs/tracker"), help="rendered set and report")
    parser.add_argument(
        "--frames", type=int, default=24_000, help=f"rendered frames, {FRAMES_PER_HEAD} for each head"
    )
    parser.add_argument("--steps", type=int, default=8_000, help="training steps of the network")
    parser.add_argument("--look-steps", type=int, default=3_000, help="training steps of the look network")
    parser.add_argument("--hidden", type=int, default=256, help="width of the network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="rendering processes")
    run_main(lambda: train(parser.parse_args()), "train_tracker")


def train(arguments: argparse.Namespace) -> None:
    """Render, fit, evaluate and write the weights. Raises UserError for absurd parameters."""
    heads_wanted = arguments.frames // FRAMES_PER_HEAD
    if heads_wanted < 10:
        raise UserError(f"--frames {arguments.frames} is too few; give at least {10 * FRAMES_PER_HEAD}")
    if min(arguments.workers, arguments.steps, arguments.look_steps, arguments.hidden) < 1:
        raise UserError("--workers, --steps, --look-steps and --hidden must be at least 1")
    plan = SetPlan(heads_wanted, FRAMES_PER_HEAD, arguments.seed)
    heads = load_set(make_set(plan, arguments.work, arguments.workers))
    held_out = max(2, round(HELD_OUT * len(heads)))
    train_heads, test_heads = heads[:-held_out], heads[-held_out:]

    tracker = fit_tracker(
        train_heads, arguments.steps, arguments.look_steps, arguments.hidden, arguments.seed
    )
    basis_file = arguments.output.with_name(BASIS_FILE.name)
    tracker.save(arguments.output, basis_file)
    report = evaluate(Tracker.load(arguments.output, basis_file), test_heads)
    report |= {"train_heads": len(train_heads), "train_frames": sum(map(frames_of, train_heads))}
    write_text(arguments.work / "report.json", json.dumps(report, indent=2) + "\n")
    table = format_report(report)
    write_text(arguments.work / "report.md", table)
    print(table)


def fit_tracker(heads: list[Head], steps: int, look_steps: int, hidden: int, seed: int) -> Tracker:
    """A tracker from rendered heads: the linear face, then the network that looks at faces, then the one that
    reads units."""
    mean, stable = fit_reference(heads)
    examples = make_examples(heads, mean, stable)
    pairs = mirror_pairs(mean)
    basis = fit_basis(examples, pairs)
    face = LinearFace(*(torch.from_numpy(array).half() for array in (mean, basis, stable)))
    generator = torch.Generator().manual_seed(seed)
    faces = [load_faces(head, mean, stable, generator) for head in track(heads, "faces", unit="heads")]
    eye = fit_look(faces, look_steps, seed)
    network = fit_network(examples, read_looks(eye, faces), face, pairs, steps, hidden, seed)
    return Tracker(face, network, eye)


def frames_of(head: Head) -> int:
    """How many frames a head has."""
    return len(head["weights"])


def evaluate(tracker: Tracker, heads: list[Head]) -> dict:
    """Per unit on held-out heads: correlation and slope of the tracker, with and without pictures and the
    rest it finds, and of the raw scores.

    The rest is estimated by `Tracker.rest` from the same frames: a head's, with units drawn independently.
    The slope is the regression of the truth on the reading: 1 is calibrated. `gain` is that of the reading on
    the truth.
    """
    moving = [head["independent"] for head in heads]
    truth = np.concatenate([head["weights"][rows] for head, rows in zip(heads, moving, strict=True)])
    readings: dict[str, list[np.ndarray]] = {how: [] for how in HOW}
    for head, rows in zip(heads, moving, strict=True):
        points = head["landmarks"][rows]
        faces = tracker.faces(pictures_of(head), head["landmarks"])[rows]
        readings["with_rest"].append(tracker.expression(points, tracker.rest(points, faces), faces))
        readings["without_rest"].append(tracker.expression(points, None, faces))
        readings["landmarks_only"].append(tracker.expression(points, tracker.rest(points)))
        readings["raw"].append(head["scores"][rows])
    return {"test_heads": len(heads), "test_frames": len(truth)} | compare(
        {how: np.concatenate(parts) for how, parts in readings.items()}, truth
    )


def compare(readings: dict[str, np.ndarray], truth: np.ndarray) -> dict:
    """Scores of readings (N, 51), `raw` among them, against the truth (N, 51): per unit, per reported group
    (both sides' mean), and a summary over these."""
    units = {
        name: {how: unit_scores(reading[:, i], truth[:, i]) for how, reading in readings.items()}
        for i, name in enumerate(ARKIT_NAMES)
    }
    grouped = {
        prefix: {
            how: {
                score: float(np.mean([units[ARKIT_NAMES[i]][how][score] for i in ARKIT.columns(prefix)]))
                for score in ("correlation", "slope", "gain")
            }
            for how in readings
        }
        for prefix in REPORTED
    }
    summary = {
        how: {
            "median_correlation": float(np.median([grouped[p][how]["correlation"] for p in REPORTED])),
            "better_than_raw": sum(
                grouped[p][how]["correlation"] > grouped[p]["raw"]["correlation"] for p in REPORTED
            ),
            "calibrated": sum(0.8 <= grouped[p][how]["slope"] <= 1.2 for p in REPORTED),
        }
        for how in readings
    }
    return {"summary": summary, "reported": grouped, "units": units}


def unit_scores(reading: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Correlation, slope (truth on reading) and gain (reading on truth) of two series; zero where one is
    constant."""
    covariance = np.cov(reading.astype(np.float64), truth.astype(np.float64))
    if covariance[0, 0] < 1e-9 or covariance[1, 1] < 1e-9:
        return {"correlation": 0.0, "slope": 0.0, "gain": 0.0}
    return {
        "correlation": float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])),
        "slope": float(covariance[0, 1] / covariance[0, 0]),
        "gain": float(covariance[0, 1] / covariance[1, 1]),
    }


def format_report(report: dict) -> str:
    """The report as a Markdown table."""
    lines = [
        f"Held-out heads: {report['test_heads']}, frames: {report['test_frames']}; "
        f"training heads: {report['train_heads']}, frames: {report['train_frames']}.",
        "",
        "| unit | " + " | ".join(f"{title}: r | slope" for title in HOW.values()) + " |",
        "|---" * (1 + 2 * len(HOW)) + "|",
    ]
    for name, row in report["reported"].items():
        cells = [f"{row[how]['correlation']:.2f} | {row[how]['slope']:.2f}" for how in HOW]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    summary = report["summary"]
    medians = [f"{summary[how]['median_correlation']:.2f} |" for how in HOW]
    lines.append("| median | " + " | ".join(medians) + " |")
    for how, title in HOW.items():
        values = summary[how]
        lines += [
            "",
            f"{title}: better than raw on {values['better_than_raw']} of {len(REPORTED)}, "
            f"slope within 0.8-1.2 on {values['calibrated']} of {len(REPORTED)}.",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
