"""Make the weights of `lit_emotalk.face`: python -m data_prep.train_tracker --output
lit_emotalk/face/tracker.safetensors

Renders heads whose units are drawn independently, finds their landmarks, fits the linear face and the
tracker's
network, and compares it with MediaPipe's raw scores on heads held out. The rendered set is kept and
continued.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from data_prep.tracker_fit import (
    Head,
    fit_basis,
    fit_network,
    fit_reference,
    make_examples,
    mirror_pairs,
)
from data_prep.tracker_set import SetPlan, load_set, make_set
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.face.basis import BASIS_FILE, LinearFace
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.files import atomic_path, write_text

FRAMES_PER_HEAD = 80
HELD_OUT = 0.15
REPORTED: tuple[str, ...] = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthFrown", "mouthStretch",
    "mouthPress",
    "mouthUpperUp", "mouthLowerDown", "mouthDimple", "mouthRollLower", "browDown", "browInnerUp",
    "browOuterUp",
    "eyeBlink", "eyeSquint", "eyeWide", "noseSneer", "cheekSquint",
)  # fmt: skip
"""The 20 units, both sides together, that move most in speech and emotion."""


def main() -> None:
    """Command line of the tracker's training."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.train_tracker", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("lit_emotalk/face/tracker.safetensors"))
    parser.add_argument("--work", type=Path, default=Path("outputs/tracker"), help="rendered set and report")
    parser.add_argument("--frames", type=int, default=16_000, help="rendered frames, 80 for each head")
    parser.add_argument("--steps", type=int, default=5_000, help="training steps of the network")
    parser.add_argument("--hidden", type=int, default=256, help="width of the network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="rendering processes")
    run_main(lambda: train(parser.parse_args()), "train_tracker")


def train(arguments: argparse.Namespace) -> None:
    """Render, fit, evaluate and write the weights. Raises UserError for absurd parameters."""
    heads_wanted = arguments.frames // FRAMES_PER_HEAD
    if heads_wanted < 10:
        raise UserError(f"--frames {arguments.frames} is too few; give at least {10 * FRAMES_PER_HEAD}")
    if arguments.workers < 1 or arguments.steps < 1 or arguments.hidden < 1:
        raise UserError("--workers, --steps and --hidden must be at least 1")
    plan = SetPlan(heads_wanted, FRAMES_PER_HEAD, arguments.seed)
    heads = load_set(make_set(plan, arguments.work, arguments.workers))
    held_out = max(2, round(HELD_OUT * len(heads)))
    train_heads, test_heads = heads[:-held_out], heads[-held_out:]

    mean, stable = fit_reference(train_heads)
    examples = make_examples(train_heads, mean, stable)
    pairs = mirror_pairs(mean)
    basis = fit_basis(examples, pairs)
    face = LinearFace(*(torch.from_numpy(array).half() for array in (mean, basis, stable)))
    network = fit_network(examples, face, pairs, arguments.steps, arguments.hidden, arguments.seed)

    basis_file = arguments.output.with_name(BASIS_FILE.name)
    with atomic_path(basis_file) as temporary:
        save_file({name: buffer.half() for name, buffer in face.named_buffers()}, temporary)
    with atomic_path(arguments.output) as temporary:
        save_file({name: tensor.half() for name, tensor in network.state_dict().items()}, temporary)
    report = evaluate(Tracker.load(arguments.output, basis_file), test_heads)
    report |= {"train_heads": len(train_heads), "train_frames": len(examples.weights)}
    write_text(arguments.work / "report.json", json.dumps(report, indent=2) + "\n")
    table = format_report(report)
    write_text(arguments.work / "report.md", table)
    print(table)


def evaluate(tracker: Tracker, heads: list[Head]) -> dict:
    """Per unit on held-out heads: correlation and slope of the tracker, with the rest it finds and without,
    and of the raw scores.

    The resting shape is estimated by `Tracker.rest` from a head's frames that are not neutral. The slope is
    the
    regression of the truth on the reading: 1 is calibrated. `gain` is that of the reading on the truth.
    """
    moving = [{name: array[~head["neutral"]] for name, array in head.items()} for head in heads]
    truth = np.concatenate([head["weights"] for head in moving])
    readings = {
        "with_rest": np.concatenate(
            [tracker.expression(head["landmarks"], tracker.rest(head["landmarks"])) for head in moving]
        ),
        "without_rest": np.concatenate([tracker.expression(head["landmarks"]) for head in moving]),
        "raw": np.concatenate([head["scores"] for head in moving]),
    }
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
    return {
        "test_heads": len(heads),
        "test_frames": len(truth),
        "summary": summary,
        "reported": grouped,
        "units": units,
    }


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
        "| unit | with rest: r | slope | without rest: r | slope | MediaPipe's raw score: r |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in report["reported"].items():
        ours, alone = row["with_rest"], row["without_rest"]
        lines.append(
            f"| {name} | {ours['correlation']:.2f} | {ours['slope']:.2f} | {alone['correlation']:.2f} "
            f"| {alone['slope']:.2f} | {row['raw']['correlation']:.2f} |"
        )
    summary = report["summary"]
    medians = {how: f"{values['median_correlation']:.2f}" for how, values in summary.items()}
    lines.append(f"| median | {medians['with_rest']} | | {medians['without_rest']} | | {medians['raw']} |")
    for how in ("with_rest", "without_rest"):
        values = summary[how]
        lines += [
            "",
            f"{how.replace('_', ' ')}: better than raw on {values['better_than_raw']} of {len(REPORTED)}, "
            f"slope within 0.8-1.2 on {values['calibrated']} of {len(REPORTED)}.",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
