"""How well HEF alone carries an expression over, on unseen speakers: python -m tests.benchmarks.hef_transfer
--models outputs/demo/models/hef --shards outputs/demo/shards

The source is a frame of a neutral clip, the target a frame of another clip of the same speaker and scene,
driven by the target's tracked coefficients. Prints the figures of `lit_emotalk.evaluate.transfer` beside
those of copying the source, at three crops: as prepared, closer, and farther off to one side.
"""

import argparse
from pathlib import Path

from torch import Tensor

from lit_emotalk.data.index import index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.data.reframe import STILL, Similarity
from lit_emotalk.evaluate.transfer import MOST_MOVING, Pairs, across_clips, draw, measure, read_pairs
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hef.generator import HEF

CROPS: dict[str, Similarity] = {
    "as prepared": STILL,
    "closer": Similarity(1.15, 0.0, (0.0, 0.0)),
    "farther, to one side, turned": Similarity(0.87, 0.1, (0.1, -0.05)),
}


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
    clips = index_split(read_manifest(arguments.shards), "frames", arguments.split)
    chosen = across_clips(clips, arguments.limit)
    for name, move in CROPS.items():
        print(f"{name}:")
        pairs = read_pairs(chosen, config.resolution, config.window, move)
        report(draw(network, pairs), tracker, pairs)


def report(made: Tensor, tracker: Tracker, pairs: Pairs) -> None:
    """Print how well the pairs were drawn."""
    found, seen = measure({"ours": made, "copy": pairs.source}, pairs, tracker)
    ours, copied = found["ours"], found["copy"]
    for name in ("face", "mouth"):
        one, other = (getattr(each, f"psnr_{name}") for each in (ours, copied))
        print(f"PSNR {name}: {one:.2f} dB, copy {other:.2f} dB: {one - other:+.2f} dB")
        one, other = (getattr(each, f"sharp_{name}") for each in (ours, copied))
        print(f"sharpness {name}: {one:.0f} % of the truth's, copy {other:.0f} %")
    nearer = 100 * (ours.lips / copied.lips - 1)
    print(f"mouth landmarks: {ours.lips:.4f}, copy {copied.lips:.4f}: {nearer:+.0f} %")
    print(f"change of expression, {MOST_MOVING} most moving units: median r {ours.correlation:.2f}")
    print(f"their strength: median slope {ours.strength:.2f}")
    print("  " + ", ".join(f"{unit} {r:.2f} x {slope:.2f}" for unit, (r, slope) in ours.units.items()))
    print(f"{seen} of {len(made)} pairs with a face in all pictures")


if __name__ == "__main__":
    main()
