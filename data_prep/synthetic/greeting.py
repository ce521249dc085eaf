"""The starter's portrait and voice: `python -m data_prep.synthetic.greeting --output lit_emotalk/starter`.

A rendered person whom no corpus has, at rest, as `portrait.jpg`, and a sentence that no training holds,
spoken calmly by a voice of ours, as `speech.flac`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.acting.performance import perform
from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.rays.device import get_device
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from data_prep.synthetic.speech.sentences import sentence_pool
from data_prep.synthetic.speech.voice import draw_voice
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import atomic_path
from lit_emotalk.schema import SAMPLE_RATE
from lit_emotalk.weights.starter import PORTRAIT, SPEECH

PROGRAM = "data_prep.synthetic.greeting"
FIRST_SEED = 20_000_003
"""Added to the seed: nobody here is in a corpus."""
SIZE, QUALITY = 384, 90
PERSON = 1
REST = np.zeros(51, np.float32)


def draw_portrait(seed: int, size: int) -> np.ndarray:
    """The person of `seed` at rest, (size, size, 3) uint8."""
    scene = draw_scene(np.random.default_rng(FIRST_SEED + seed))
    renderer = Renderer(draw_identity(FIRST_SEED + seed, PERSON), scene, size=size)
    return renderer.frame(REST, np.zeros(3), np.zeros(2))


def speak(seed: int, sentence: str) -> np.ndarray:
    """The person of `seed` saying `sentence` without emotion: samples (N,) in [-1, 1] at 16 kHz."""
    woman = draw_identity(FIRST_SEED + seed, PERSON).woman
    voice = draw_voice(FIRST_SEED + seed, PERSON, man=not woman)
    manner = draw_manner(FIRST_SEED + seed, PERSON)
    return perform(sentence, "neutral", 1, voice, manner, np.random.default_rng(FIRST_SEED + seed)).samples


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    spoken = sentence_pool("test", False)
    parser = argparse.ArgumentParser(f"python -m {PROGRAM}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--seed", type=int, default=19, help="which person (default: 19)")
    parser.add_argument(
        "--sentence", type=int, default=25, help=f"which sentence, 0 to {len(spoken) - 1} (default: 25)"
    )
    options = parser.parse_args(arguments)
    if options.seed < 0 or not 0 <= options.sentence < len(spoken):
        raise UserError(f"--seed must be 0 or more, --sentence between 0 and {len(spoken) - 1}")
    get_device("cpu")
    with atomic_path(options.output / PORTRAIT) as temporary:
        Image.fromarray(draw_portrait(options.seed, SIZE)).save(temporary, quality=QUALITY)
    with atomic_path(options.output / SPEECH) as temporary:
        soundfile.write(temporary, speak(options.seed, spoken[options.sentence]), SAMPLE_RATE)
    print(f"wrote {options.output / PORTRAIT} and {options.output / SPEECH}: {spoken[options.sentence]}")


if __name__ == "__main__":
    run_main(main, PROGRAM)
