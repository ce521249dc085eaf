"""A made-up corpus in RAVDESS's layout and names, and two methods that are known to be bad:
python -m tests.benchmarks.ravdess_like --output DIR

24 rendered people, eight emotions, two intensities, two short trials each. `root` holds the videos; `blurred`
and `moved` the same under a blur, and some frames late and some pixels aside. Then:

    make table-ravdess ROOT=DIR/root PC_AVS=DIR/blurred EAMM=DIR/moved

The table must call the blurred videos soft and the moved ones out of place: PSNR and SSIM above all lower for
the moved ones, sharpness and CSIM for the blurred ones, both worse than the truth by every distance. What it
gave stands in docs/paper.md.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from data_prep.ravdess import ACTORS
from data_prep.synthetic.acting.emotion_faces import emotional_face
from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import RAVDESS_CODES
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import write_video
from tests.data_prep.heads import hum

SEED = 5_300_000
SIZE = 256
MARGIN = 48
"""Pixels on either side: the pictures are no squares, as RAVDESS's are none."""
FRAMES = 18
LATE, ASIDE, RADIUS = 3, 8, 1.5
JAW = ARKIT.columns("jawOpen")[0]


def trials(actor: int) -> list[tuple[str, str]]:
    """Two of an actor's trials: codes of emotion and intensity. All actors together have every pair."""
    codes = list(RAVDESS_CODES)
    pairs = [(code, level) for code in codes for level in ("01", "02") if (code, level) != ("01", "02")]
    return [pairs[2 * actor % len(pairs)], pairs[(2 * actor + 1) % len(pairs)]]


def recording(actor: int, renderer: Renderer, emotion: str, intensity: str) -> np.ndarray:
    """Frames (18, 256, 352, 3) of an actor who shows an emotion, opens the mouth and turns a little."""
    level = {"01": 2, "02": 3}[intensity]
    face = emotional_face(RAVDESS_CODES[emotion], level, draw_manner(SEED, actor))
    frames = []
    for index in range(FRAMES):
        weights = face.copy()
        weights[JAW] = np.clip(weights[JAW] + 0.25 * (1 + np.sin(index * 0.8)), 0, 1)
        turn = np.array([0.04, 0.12 * np.sin(index * 0.25), 0.0], np.float32)
        frames.append(renderer.frame(weights.astype(np.float32), turn, np.zeros(2, np.float32)))
    return np.pad(np.stack(frames), ((0, 0), (0, 0), (MARGIN, MARGIN), (0, 0)), mode="edge")


def blurred(frames: np.ndarray) -> np.ndarray:
    """The frames under a gaussian blur."""
    blur = ImageFilter.GaussianBlur(RADIUS)
    return np.stack([np.asarray(Image.fromarray(frame).filter(blur)) for frame in frames])


def moved(frames: np.ndarray) -> np.ndarray:
    """The frames late and aside."""
    late = np.concatenate([np.repeat(frames[:1], LATE, 0), frames[:-LATE]])
    return np.roll(late, ASIDE, axis=2)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ravdess_like", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    folder = parser.parse_args().output
    for actor in track(ACTORS, "rendering", len(ACTORS), "people"):
        scene = draw_scene(np.random.default_rng(SEED + actor))
        renderer = Renderer(draw_identity(SEED, actor), scene, size=SIZE)
        for emotion, intensity in trials(actor):
            name = f"01-01-{emotion}-{intensity}-01-01-{actor:02d}.mp4"
            true = recording(actor, renderer, emotion, intensity)
            made = {
                folder / "root" / f"Actor_{actor:02d}" / name: true,
                folder / "blurred" / name: blurred(true),
                folder / "moved" / name: moved(true),
            }
            for path, frames in made.items():
                write_video(path, list(frames), audio=hum(FRAMES), crf=10)


if __name__ == "__main__":
    main()
