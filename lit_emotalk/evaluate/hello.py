"""`lit-emotalk hello`: one portrait says one sentence with eight emotions, given as words, in under a minute.

Writes `hello.mp4`, the eight faces side by side with the sound, and `contact_sheet.png`. Without arguments it
is the starter's models, and the portrait and the voice that ship with them: nobody's.
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import track
from lit_emotalk.schema import FPS, SAMPLES_PER_FRAME
from lit_emotalk.weights.starter import FOLDER, HELP, PORTRAIT, SPEECH

COLUMNS = 4
LABEL_HEIGHT = 28
LETTERS = 18
VIDEO, SHEET = "hello.mp4", "contact_sheet.png"


def hello(models: Path | None, portrait: Path, speech: Path, output: Path) -> float:
    """Make the video and the sheet in `output`; returns the seconds of sound. UserError where models,
    portrait or speech cannot be used."""
    from lit_emotalk.evaluate.figures.command import contact_sheet
    from lit_emotalk.evaluate.showcase import PROMPTS, close_up, spread
    from lit_emotalk.inference.emotion.request import Emotion
    from lit_emotalk.inference.motion.natural import add_natural_motion
    from lit_emotalk.inference.output.files import write_output
    from lit_emotalk.inference.talking_face import TalkingFace, coefficients_of
    from lit_emotalk.io.audio import load_audio

    face = TalkingFace.load(models)
    source = face.read_portrait(portrait)
    samples = load_audio(speech)
    heard = face.hear(samples)
    videos: dict[str, list[np.ndarray]] = {}
    for emotion, prompt in track(PROMPTS.items(), "emotions", len(PROMPTS), "videos"):
        expression = face.expression(heard, face.code(Emotion(text=prompt)), 1.0)
        coefficients = coefficients_of(expression, source.coefficients[-POSE_SIZE:])
        videos[emotion] = list(face.render(source, add_natural_motion(coefficients, 0)))
    count = len(next(iter(videos.values())))
    write_output(output / VIDEO, side_by_side(videos), samples[: count * SAMPLES_PER_FRAME])
    landmarks = source.landmarks[None] * face.resolution
    sheet = contact_sheet({name: close_up(spread(frames), landmarks) for name, frames in videos.items()})
    with atomic_path(output / SHEET) as temporary:
        Image.fromarray(sheet).save(temporary)
    return count / FPS


def side_by_side(videos: dict[str, list[np.ndarray]]) -> Iterator[np.ndarray]:
    """Frames of videos (H, W, 3) uint8 of one size and length in rows of `COLUMNS`, with their names below:
    ((H + LABEL_HEIGHT) R, W COLUMNS, 3) uint8."""
    names = list(videos)
    height, width = videos[names[0]][0].shape[:2]
    rows = -(-len(names) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, rows * (height + LABEL_HEIGHT)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(LETTERS)
    places = []
    for index, name in enumerate(names):
        row, column = divmod(index, COLUMNS)
        top, left = row * (height + LABEL_HEIGHT), column * width
        places.append((slice(top, top + height), slice(left, left + width)))
        pen.text((left + width / 2, top + height + LABEL_HEIGHT / 2), name, "black", font, anchor="mm")
    ground = np.asarray(sheet)
    for frames in zip(*videos.values(), strict=True):
        picture = ground.copy()
        for place, frame in zip(places, frames, strict=True):
            picture[place] = frame
        yield picture


def next_line(speech: Path) -> str:
    """What to type for one's own picture, as this command was called."""
    program = shlex.quote(_near(Path(sys.argv[0])))
    return f"{program} hello --portrait me.jpg --speech {shlex.quote(_near(speech))} --output outputs/me"


def _near(path: Path) -> str:
    """A path as one would type it here."""
    short = os.path.relpath(path)
    return str(path) if short.startswith("..") else short


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk hello", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--portrait", type=Path, default=FOLDER / PORTRAIT, help="default: one drawn by us")
    parser.add_argument("--speech", type=Path, default=FOLDER / SPEECH, help="default: a voice made by us")
    parser.add_argument("--models", type=Path, help=f"folder with the exports align, eac and hef ({HELP})")
    parser.add_argument("--output", type=Path, default=Path("outputs/hello"), help="default: outputs/hello")
    args = parser.parse_args(argv)
    began = time.monotonic()
    seconds = hello(args.models, args.portrait, args.speech, args.output)
    spent = time.monotonic() - began
    made = f"{args.output / VIDEO} (eight emotions, {seconds:.1f} s) and {args.output / SHEET}"
    print(f"wrote {made} in {spent:.0f} s")
    print(f"your own picture:\n  {next_line(args.speech)}")
