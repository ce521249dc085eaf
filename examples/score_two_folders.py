"""Two methods' videos against the true ones, clip by clip, as a table.

python examples/score_two_folders.py ours theirs true scores
"""

import sys
from pathlib import Path

import numpy as np

from lit_emotalk.evaluate import command as evaluate
from lit_emotalk.evaluate.store import SET_KEY, read_results

COLUMNS = {"psnr": "PSNR, dB", "ssim": "SSIM", "m_lmd": "M-LMD, px", "f_lmd": "F-LMD, px"}


def main(arguments: list[str]) -> None:
    """`arguments`: two folders of generated videos, the folder of true ones, output folder; files of one name
    belong together."""
    first, second, true, output = map(Path, arguments)
    results = output / "results.jsonl"
    for folder in (first, second):
        pair = ["--generated", str(folder), "--reference", str(true), "--output", str(results)]
        evaluate.main([*pair, "--sync", "none", "--emotion-space", "none", "--workers", "1"])
    _, rows, _ = read_results(results)
    lines = [f"| method | clips | {' | '.join(COLUMNS.values())} |", "| --- " * (2 + len(COLUMNS)) + "|"]
    for method in (first.name, second.name):
        mine = [row for row in rows if row["method"] == method and row["key"] != SET_KEY]
        means = [np.mean([row["metrics"][name] for row in mine]) for name in COLUMNS]
        lines.append(f"| {method} | {len(mine)} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    (output / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
