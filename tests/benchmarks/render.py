"""What a frame of the embedded corpus costs, by resolution: python -m tests.benchmarks.render

CPU milliseconds a frame of one process, which other work on the machine does not change much: drawing, and
encoding to H.264; and from both the frames a second of two such processes.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from data_prep.synthetic.corpus import Parameters, plan_corpus
from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.make import act
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import write_video
from lit_emotalk.schema import FPS

SIZES = (128, 256, 512)
PROCESSES = 2


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.render", description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    acted = act(0, plan_corpus(Parameters(0, 1, "demo", 256)).clips[0])
    poses = list(zip(acted.weights, acted.rotation, acted.translation, strict=True))[: arguments.frames]
    print("| size | drawing, ms | encoding, ms | frames/s, two processes |")
    print("| ---: | ---: | ---: | ---: |")
    for size in SIZES:
        scene = draw_scene(np.random.default_rng(0))
        renderer = Renderer(draw_identity(0, 0), scene, size=size, device=arguments.device)
        renderer.frame(*poses[0])
        began = time.process_time()
        frames = [renderer.frame(*pose) for pose in track(poses, f"{size} px", len(poses), "frames")]
        drawn = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            write_video(Path(folder) / "clip.mp4", frames, fps=FPS, audio=acted.samples[: 640 * len(frames)])
        encoded = time.process_time()
        draw, encode = ((b - a) / len(frames) * 1000 for a, b in ((began, drawn), (drawn, encoded)))
        print(f"| {size} | {draw:.1f} | {encode:.1f} | {PROCESSES * 1000 / (draw + encode):.0f} |")


if __name__ == "__main__":
    main()
