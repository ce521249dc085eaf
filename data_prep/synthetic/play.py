"""Coefficients as a synthetic head, several side by side: what stage eac predicts, beside the truth.

Command line: python -m data_prep.synthetic.play --coefficients [NAME=]FACE.csv ... --output HEAD.mp4
[--speech SOUND] [--shards DIR --clip KEY]
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data import index_split, read_manifest
from lit_emotalk.data.decode import frames_of, read_array
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.coefficient_table import read_coefficients
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import write_video
from lit_emotalk.schema import FPS, SPLITS


def play(faces: Sequence[np.ndarray], size: int, seed: int) -> Iterator[np.ndarray]:
    """Frames (size, N size, 3) uint8 of one head that N sets of coefficients (T, 57) move, side by side.

    As long as the shortest. Poses are taken from the first frame on, so that the head begins in the middle.
    """
    renderer = Renderer(draw_identity(seed, 1), draw_scene(np.random.default_rng(seed)), size)
    for time in range(min(len(face) for face in faces)):
        row = []
        for face in faces:
            pose = face[time, ARKIT.pose] - face[0, ARKIT.pose]
            row.append(renderer.frame(face[time, ARKIT.expression], pose[:3], pose[3:5]))
        yield np.concatenate(row, 1)


def true_coefficients(shards: Path, key: str) -> np.ndarray:
    """Coefficients (T, 57) of a clip of shards; UserError where there is no such clip."""
    manifest = read_manifest(shards)
    for split in SPLITS:
        for clip in index_split(manifest, "signals", split):
            if clip.key == key:
                try:
                    return read_array(clip, "coeffs.npy", (frames_of(clip), ARKIT.size))
                except SampleError as error:
                    raise UserError(str(error)) from error
    raise UserError(f"{shards} has no clip {key}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Render and write the video."""
    parser = argparse.ArgumentParser("python -m data_prep.synthetic.play", description=__doc__)
    parser.add_argument("--coefficients", type=Path, nargs="+", required=True, metavar="CSV")
    parser.add_argument("--shards", type=Path, help="with --clip: the true coefficients, first from the left")
    parser.add_argument("--clip", help="the clip's key")
    parser.add_argument("--speech", type=Path, help="the video's sound")
    parser.add_argument("--size", type=int, default=256, help="pixels of a head's side (default 256)")
    parser.add_argument("--seed", type=int, default=3, help="which head")
    parser.add_argument("--output", type=Path, required=True, help="the mp4 to write")
    options = parser.parse_args(arguments)
    if (options.shards is None) != (options.clip is None):
        raise UserError("--shards and --clip go together")
    faces = [read_coefficients(path) for path in options.coefficients]
    if options.shards is not None:
        faces.insert(0, true_coefficients(options.shards, options.clip))
    sound = load_audio(options.speech) if options.speech is not None else None
    count = min(len(face) for face in faces)
    frames = track(play(faces, options.size, options.seed), "frames", count, "frames")
    write_video(options.output, frames, fps=FPS, audio=sound)
    print(f"wrote {options.output}: {len(faces)} heads, {count / FPS:.2f} s")


if __name__ == "__main__":
    run_main(main, "data_prep.synthetic.play")
