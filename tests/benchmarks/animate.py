"""How fast a video is made, from a portrait to an mp4 with sound: `make benchmark-animate`, or
python -m tests.benchmarks.animate [--size realtime] [--resolution 256] [--seconds 20].

The generator is untrained (the cost is the same), emotion space and EAC are those of `--models`. Each step is
also done alone: its CPU time is what counts where others use the machine. `frames_per_second_of_cpu` is what
all cores would reach if nothing waited. Prints one table and writes outputs/benchmark_animate.json.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

START = time.perf_counter()
"""When this module began: interpreter start-up is not in it, imports are."""

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402

from data_prep.synthetic.heads.identity import draw_identity  # noqa: E402
from data_prep.synthetic.scenes.render import Renderer  # noqa: E402
from data_prep.synthetic.scenes.scene import draw_scene  # noqa: E402
from lit_emotalk.inference.emotion.request import Emotion  # noqa: E402
from lit_emotalk.inference.options import SPEEDS, Options  # noqa: E402
from lit_emotalk.inference.output.files import write_output  # noqa: E402
from lit_emotalk.inference.output.finish import Finish  # noqa: E402
from lit_emotalk.inference.talking_face import TalkingFace, coefficients_of  # noqa: E402
from lit_emotalk.io.audio import load_audio, log_mel  # noqa: E402
from lit_emotalk.io.files import write_text  # noqa: E402
from lit_emotalk.models.eac import EAC  # noqa: E402
from lit_emotalk.models.emotion_space import EmotionSpace  # noqa: E402
from lit_emotalk.models.handover import load_export  # noqa: E402
from lit_emotalk.models.hef.generator import HEF, HEFConfig  # noqa: E402
from lit_emotalk.schema import SAMPLE_RATE  # noqa: E402

EMOTION = "happy"
PICTURE_SIDE = 512


def portrait() -> np.ndarray:
    """A drawn head (512, 512, 3) uint8."""
    renderer = Renderer(draw_identity(3, 1), draw_scene(np.random.default_rng(3)), size=PICTURE_SIDE)
    return renderer.frame(np.zeros(51, np.float32), np.zeros(3), np.zeros(2))


def write_speech(path: Path, seconds: float) -> None:
    """Something like syllables."""
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    soundfile.write(
        path, 0.3 * np.sin(2 * np.pi * 180 * at) * (1 + np.sin(2 * np.pi * 4 * at)) / 2, SAMPLE_RATE
    )


def cpu(call: Callable[[], Any]) -> tuple[Any, float]:
    """What the call gives and the CPU seconds that all threads took."""
    before = time.process_time()
    result = call()
    return result, time.process_time() - before


def steps_alone(face: TalkingFace, picture: np.ndarray, speech: Path, folder: Path) -> dict[str, float]:
    """CPU seconds of every step by itself."""
    spent: dict[str, float] = {}
    mel, spent["read speech"] = cpu(lambda: log_mel(load_audio(speech)))
    source, spent["portrait"] = cpu(lambda: face.read_portrait(picture))
    code = face.code(Emotion(label=EMOTION))
    expression, spent["EAC"] = cpu(lambda: face.expression(mel, code, 1.0))
    driving = coefficients_of(expression, source.coefficients[-6:])
    drawn, spent["draw"] = cpu(lambda: list(face.render(source, driving)))
    paste = Finish(source, Options(frame="picture"), face.resolution)
    _, spent["paste back (if asked for)"] = cpu(lambda: [paste(each) for each in drawn])
    sound = load_audio(speech)
    _, spent["encode"] = cpu(lambda: write_output(folder / "alone.mp4", drawn, sound))
    return spent


def measure(models: Path, size: str, resolution: int, seconds: float, speed: str) -> dict[str, Any]:
    """All numbers of one run."""
    torch.manual_seed(0)
    space, eac = (load_export(models / stage, stage) for stage in ("align", "eac"))
    hef = HEF(HEFConfig(size=size, resolution=resolution)).eval()  # type: ignore[arg-type]
    face = TalkingFace(cast(EmotionSpace, space), cast(EAC, eac), hef, speed=speed)
    picture = portrait()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_speech(folder / "short.wav", 0.4)
        write_speech(folder / "speech.wav", seconds)
        face.talk(picture, folder / "short.wav", folder / "short.mp4", EMOTION)
        start_up = time.perf_counter() - START
        begun = time.perf_counter()
        made, spent = cpu(lambda: face.talk(picture, folder / "speech.wav", folder / "o.mp4", EMOTION))
        wall = time.perf_counter() - begun
        alone = steps_alone(face, picture, folder / "speech.wav", folder)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    per_frame = 1000 * spent / made.frames
    return {
        "size": size,
        "resolution": resolution,
        "frames": made.frames,
        "start_up_s": round(start_up, 2),
        "wall_frames_per_second": round(made.frames / wall, 1),
        "cpu_ms_per_frame": round(per_frame, 1),
        "cores": cores,
        "frames_per_second_of_cpu": round(cores * 1000 / per_frame, 1),
        "drawing_ways_ms": {k: round(1000 * v, 1) for k, v in face.drawing.timings.seconds.items()},
        "steps_cpu_ms_per_frame": {k: round(1000 * v / made.frames, 2) for k, v in alone.items()},
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.animate", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("outputs/demo/models"))
    parser.add_argument("--size", default="realtime")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--speed", choices=SPEEDS, default="auto")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark_animate.json"))
    args = parser.parse_args()
    row = measure(args.models, args.size, args.resolution, args.seconds, args.speed)
    content = {"device": platform.processor(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    write_text(args.output, json.dumps(content | row, indent=2) + "\n")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for key, value in row.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
