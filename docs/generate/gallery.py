"""The gallery's pictures: `make gallery`. Rendered heads, statues of the same kind, and paintings.

Each subject is a row: the picture that went in, and one frame of the speech under each emotion, given as
words. The heads are in no corpus and the sentence in no training; a statue is a head whose skin, hair and
eyes are of one material.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.acting.performance import perform
from data_prep.synthetic.heads.identity import Identity, draw_identity
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from data_prep.synthetic.speech.sentences import sentence_pool
from data_prep.synthetic.speech.voice import draw_voice
from docs.generate.paintings import paintings
from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.errors import run_main
from lit_emotalk.evaluate.figures.command import contact_sheet
from lit_emotalk.evaluate.showcase import PROMPTS, close_up
from lit_emotalk.inference.emotion.request import Emotion
from lit_emotalk.inference.talking_face import TalkingFace, coefficients_of, driving_windows
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import read_image

PROGRAM = "docs.generate.gallery"
FIRST_SEED = 30_000_001
"""Far from the seeds of all corpora."""
HEADS, STATUES = (3, 8, 12, 17), ((5, (0.80, 0.78, 0.74)), (10, (0.36, 0.27, 0.17)))
"""Seeds of the heads; of the statues, with their sRGB colour: marble and bronze."""
SENTENCE, SIZE, QUALITY = 12, 512, 88
INPUT = "portrait"
CLOSED = 0.05
"""A jaw that is open less than this is not speaking."""


@dataclass(frozen=True)
class Subject:
    """A picture to animate: its label in the sheet, and the picture (H, W, 3) uint8."""

    label: str
    picture: np.ndarray


def carved(identity: Identity, colour: tuple[float, float, float]) -> Identity:
    """The same person as a statue of one material."""
    dark = (0.8 * colour[0], 0.8 * colour[1], 0.8 * colour[2])
    hair = replace(identity.hair, colour=dark, grey=0.0, gloss=0.1)
    return replace(
        identity,
        hair=hair,
        skin=colour,
        lips=colour,
        iris=colour,
        brow_colour=dark,
        ruddiness=0.0,
        freckles=0.0,
        blotches=0.3,
        makeup=0.0,
        beard="none",
        glasses=None,
        teeth=colour,
    )


def rendered(identity: Identity, seed: int) -> np.ndarray:
    """A person at rest, looking into the camera."""
    renderer = Renderer(identity, draw_scene(np.random.default_rng(FIRST_SEED + seed)), SIZE)
    return renderer.frame(np.zeros(ARKIT.expression_size, np.float32), np.zeros(3), np.zeros(2))


def person(seed: int) -> Identity:
    """Who is drawn for a seed: even ones men, odd ones women."""
    return draw_identity(FIRST_SEED + seed, seed % 2)


def heads() -> Iterator[Subject]:
    """The rendered people."""
    for number, seed in enumerate(HEADS, 1):
        yield Subject(f"head {number}", rendered(person(seed), seed))


def statues() -> Iterator[Subject]:
    """The rendered statues."""
    for label, (seed, colour) in zip(("marble", "bronze"), STATUES, strict=True):
        yield Subject(label, rendered(carved(person(seed), colour), seed))


def speech() -> np.ndarray:
    """A sentence that no training holds, said calmly: samples (N,) in [-1, 1] at 16 kHz."""
    rng = np.random.default_rng(FIRST_SEED)
    voice = draw_voice(FIRST_SEED, 1, man=False)
    said = sentence_pool("test", False)[SENTENCE]
    return perform(said, "neutral", 1, voice, draw_manner(FIRST_SEED, 1), rng).samples


def speaking_frame(opening: np.ndarray) -> int:
    """The frame nearest to the middle in which the mouth is open at least as on average while speaking;
    `opening` (T,) of the jaw, in [0, 1]."""
    spoken = opening[opening > CLOSED]
    open_enough = np.flatnonzero(opening >= spoken.mean()) if len(spoken) else np.arange(len(opening))
    return int(min(open_enough, key=lambda frame: abs(frame - len(opening) // 2)))


def under_emotions(face: TalkingFace, subject: Subject, samples: np.ndarray) -> list[np.ndarray]:
    """The portrait as the models see it, and one frame of the speech under each emotion, close up.

    The frame is the one of `speaking_frame`, the same for all emotions.
    """
    portrait = face.read_portrait(subject.picture)
    heard, pose = face.hear(samples), portrait.coefficients[-POSE_SIZE:]
    expressions = {
        emotion: face.expression(heard, face.code(Emotion(text=prompt)), 1.0)
        for emotion, prompt in PROMPTS.items()
    }
    opening = expressions["neutral"][:, ARKIT.names.index("jawOpen")]
    time = speaking_frame(opening)
    frames = [portrait.image]
    for expression in expressions.values():
        windows = driving_windows(coefficients_of(expression, pose), face.hef.config.window)
        frames += face.drawing.frames(portrait, windows[time : time + 1])
    return close_up(frames, portrait.landmarks[None] * len(portrait.image))


def write_sheet(face: TalkingFace, subjects: Sequence[Subject], samples: np.ndarray, output: Path) -> None:
    """One picture of all subjects: portraits on the left, then emotions by columns."""
    shown = track(subjects, output.stem, len(subjects), "rows")
    rows: dict[str, Sequence[np.ndarray]] = {s.label: under_emotions(face, s, samples) for s in shown}
    sheet = Image.fromarray(contact_sheet(rows, (INPUT, *PROMPTS)))
    with atomic_path(output) as temporary:
        sheet.save(temporary, quality=QUALITY, optimize=True)
    print(f"wrote {output}: {output.stat().st_size // 1000} kB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(f"python -m {PROGRAM}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--models", type=Path, required=True, help="folder with the exports align, eac and hef"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the jpgs")
    parser.add_argument("--paintings", type=Path, help="folder with the files that paintings.yaml names")
    options = parser.parse_args(arguments)
    face, samples = TalkingFace.load(options.models, speed="float32"), speech()
    write_sheet(face, list(heads()), samples, options.output / "heads.jpg")
    write_sheet(face, list(statues()), samples, options.output / "statues.jpg")
    if options.paintings is not None:
        subjects = [Subject(p["name"], read_image(options.paintings / p["file"])) for p in paintings()]
        write_sheet(face, subjects, samples, options.output / "paintings.jpg")


if __name__ == "__main__":
    run_main(main, PROGRAM)
