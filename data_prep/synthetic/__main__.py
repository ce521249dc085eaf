"""The corpus maker: `python -m data_prep.synthetic --output DIR --speakers N --scale demo|full --seed S`.

Writes MEAD's layout (`M001/video/front/angry/level_3/001.mp4`, sound in its own track) with the truth beside
each clip: `001.json` (speaker, emotion, level, text, phonemes and visemes with times, identity, scene, voice,
manner) and `001.npz` (weights, rotation, translation, closed lips, 68 landmarks, frame by frame);
`splits.json` and `corpus.json` at the root.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep.synthetic.corpus import SCALES, Parameters, plan_corpus
from data_prep.synthetic.make import make_corpus
from lit_emotalk.errors import UserError, run_main

PROGRAM = "data_prep.synthetic"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(f"{message}; --help tells the options")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Raises UserError for a value that makes no sense."""
    parser = _Parser(f"python -m {PROGRAM}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder of the corpus")
    parser.add_argument(
        "--scale", choices=SCALES, default="demo", help="how much each speaker says (default: demo)"
    )
    parser.add_argument("--speakers", type=int, help="default: 22 for demo, 48 for full")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal corpora (default: 0)")
    parser.add_argument("--size", type=int, default=256, help="side of the frames in pixels (default: 256)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--device", default="cpu", help="where to render: cpu or cuda (default: cpu)")
    options = parser.parse_args(arguments)
    if options.speakers is None:
        options.speakers = SCALES[options.scale].speakers
    if not 1 <= options.workers <= 256:
        raise UserError(f"--workers must be between 1 and 256, not {options.workers}")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a corpus, or what is missing of it."""
    options = parse_arguments(arguments)
    parameters = Parameters(options.seed, options.speakers, options.scale, options.size)
    make_corpus(plan_corpus(parameters), options.output, options.workers, options.device)


if __name__ == "__main__":
    run_main(main, PROGRAM)
