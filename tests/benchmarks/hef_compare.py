"""Several generators on the same pairs of unseen people: python -m tests.benchmarks.hef_compare --shards DIR
--models full=DIR/hef wo_res=DIR/hef ...

Pairs as in `hef_transfer`, from a person's neutral clip to others. Prints PSNR in the boxes of face and mouth
and the distance of the mouth's landmarks, of each generator and of copying the source, and what each has more
or less than the first one, with the 95 % intervals of these paired differences over people and pairs.
"""

import argparse
from pathlib import Path

import numpy as np
from torch import Tensor

from lit_emotalk.data.index import index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.evaluate.tables.spec import Bootstrap
from lit_emotalk.evaluate.tables.statistics import resample, weighted_estimate
from lit_emotalk.evaluate.transfer import (
    Pairs,
    across_clips,
    boxes_of,
    draw,
    mouth_distance,
    read_faces,
    read_pairs,
)
from lit_emotalk.losses.reconstruction import box_psnr
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hef.generator import HEF

COLUMNS = ("face dB", "mouth dB", "lips %")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hef_compare", description=__doc__)
    parser.add_argument("--models", nargs="+", required=True, metavar="NAME=DIR", help="the first: the base")
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=120, help="pairs")
    run_main(lambda: compare(parser.parse_args()), "tests.benchmarks.hef_compare")


def compare(arguments: argparse.Namespace) -> None:
    """Draw, measure and print. Raises UserError where there are no pairs, or resolutions differ."""
    networks: dict[str, HEF] = {}
    for value in arguments.models:
        name, _, folder = value.partition("=")
        network = load_export(folder, "hef")
        assert isinstance(network, HEF)
        networks[name] = network
    base, sizes = next(iter(networks)), {network.config.resolution for network in networks.values()}
    if len(sizes) > 1:
        raise UserError(f"generators of {sorted(sizes)} pixels cannot be compared; name those of one size")
    clips = index_split(read_manifest(arguments.shards), "frames", arguments.split)
    chosen = across_clips(clips, arguments.limit)
    if not chosen:
        raise UserError(f"{arguments.shards} has nobody with a neutral clip in split {arguments.split}")
    people = [str(choice.source.record["speaker"]) for choice in chosen]
    pairs = read_pairs(chosen, sizes.pop(), networks[base].config.window)
    true = read_faces(pairs.target)
    figures = {"copy": measured(pairs.source, pairs, true)}
    figures |= {name: measured(draw(network, pairs, name), pairs, true) for name, network in networks.items()}
    whole = np.isfinite(np.stack(list(figures.values()))).all((0, 1))
    speakers = [who for who, kept in zip(people, whole, strict=True) if kept]
    bootstrap = Bootstrap()
    weights = resample(speakers, bootstrap)
    print(f"{len(speakers)} pairs of {len(set(speakers))} people")
    for name, values in figures.items():
        cells = [f"{title} {row[whole].mean():.2f}" for title, row in zip(COLUMNS, values, strict=True)]
        print(f"{name}: {', '.join(cells)}")
        if name not in ("copy", base):
            for title, row in zip(COLUMNS, (values - figures[base])[:, whole], strict=True):
                found = weighted_estimate(row, weights, bootstrap, len(set(speakers)))
                print(f"  minus {base}: {title} {found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]")


def measured(drawn: Tensor, pairs: Pairs, true: np.ndarray) -> np.ndarray:
    """PSNR of face and mouth in dB, and the distance of the lips' points from the `true` ones (N, 478, 3) in
    percent of the inter-ocular distance, NaN where a face was not found: (3, N)."""
    boxes = boxes_of(pairs)
    psnr = [box_psnr(drawn, pairs.target, boxes[name]).numpy() for name in ("face", "mouth")]
    marks = read_faces(drawn)
    lips = [100 * mouth_distance(*pair) for pair in zip(marks[:, None], true[:, None], strict=True)]
    return np.stack([*psnr, np.array(lips)])


if __name__ == "__main__":
    main()
