"""Contact sheet of a corpus: `python -m data_prep.synthetic.sheet --corpus DIR --output PNG`.

Rows are speakers, columns emotions at their levels; each cell is the frame in which the emotion shows most.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_prep.synthetic.make import CORPUS_FILE
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.video import read_frames

EMOTION_UNITS = (
    "brow",
    "cheek",
    "eyeSquint",
    "eyeWide",
    "mouthSmile",
    "mouthFrown",
    "mouthStretch",
    "noseSneer",
)
LABEL_HEIGHT, LABEL_WIDTH = 22, 54
_COLUMNS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(EMOTION_UNITS)]
_BLINK = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith("eyeBlink")]


def draw_sheet(corpus: Path, speakers: int, cell: int) -> Image.Image:
    """The sheet of a corpus' first `speakers` speakers, cells of `cell` pixels.

    Raises UserError where there is no corpus.
    """
    if not (corpus / CORPUS_FILE).is_file():
        raise UserError(
            f"{corpus} holds no corpus (no {CORPUS_FILE}); make one with python -m data_prep.synthetic"
        )
    clips = sorted(corpus.glob("*/video/front/*/level_*/001.mp4"))
    names = sorted({clip.relative_to(corpus).parts[0] for clip in clips}, key=lambda name: name[1:])[
        :speakers
    ]
    order = (*EMOTIONS, *COMPOUNDS)
    acts = sorted(
        {(clip.parts[-3].replace("_", " "), int(clip.parent.name[-1])) for clip in clips},
        key=lambda act: (order.index(act[0]), act[1]),
    )
    if not names:
        raise UserError(f"{corpus} has no clips yet; make them with python -m data_prep.synthetic")
    sheet = Image.new("RGB", (LABEL_WIDTH + cell * len(acts), LABEL_HEIGHT + cell * len(names)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (emotion, level) in enumerate(acts):
        pen.text((LABEL_WIDTH + cell * column + 4, 3), f"{emotion} {level}", "black", font)
        for row, name in enumerate(names):
            clip = corpus / name / "video/front" / emotion.replace(" ", "_") / f"level_{level}" / "001.mp4"
            if clip.is_file():
                picture = Image.fromarray(_apex(clip)).resize((cell, cell), Image.Resampling.LANCZOS)
                sheet.paste(picture, (LABEL_WIDTH + cell * column, LABEL_HEIGHT + cell * row))
    for row, name in enumerate(names):
        pen.text((4, LABEL_HEIGHT + cell * row + cell // 2 - 8), name, "black", font)
    return sheet


def _apex(clip: Path) -> np.ndarray:
    """The frame of a clip, by its truth, in which the emotion's units are highest and the eyes open."""
    with np.load(clip.with_suffix(".npz")) as truth:
        weights = truth["weights"]
    shown = weights[:, _COLUMNS].sum(1) - 3 * weights[:, _BLINK].mean(1)
    return list(read_frames(clip))[int(shown.argmax())]


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a contact sheet of a corpus."""
    parser = argparse.ArgumentParser(
        "python -m data_prep.synthetic.sheet", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--output", type=Path, required=True, help="picture to write, png or jpg")
    parser.add_argument("--speakers", type=int, default=8, help="rows (default: 8)")
    parser.add_argument("--cell", type=int, default=96, help="pixels of a cell's side (default: 96)")
    options = parser.parse_args(arguments)
    if options.speakers < 1 or not 16 <= options.cell <= 512:
        raise UserError("--speakers must be at least 1 and --cell 16 to 512")
    sheet = draw_sheet(options.corpus, options.speakers, options.cell)
    with atomic_path(options.output) as temporary:
        sheet.save(temporary)


if __name__ == "__main__":
    run_main(main, "data_prep.synthetic.sheet")
