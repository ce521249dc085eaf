"""How much memory a long speech takes: python -m tests.benchmarks.memory [--minutes 10].

One video is made of speech that long; the process's resident memory is read while frames come. Prints what it
was after the first minute of sound and how far it rose from there.
"""

import argparse
import tempfile
import threading
from pathlib import Path

import psutil

from lit_emotalk.inference.options import SPEEDS, Options
from lit_emotalk.inference.steps import Steps
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.schema import FPS
from tests.benchmarks.animate import EMOTION, portrait, write_speech

MIB = 2**20


class Watch:
    """Resident memory in MiB, every fifth of a second, with the frames drawn by then."""

    def __init__(self, face: TalkingFace) -> None:
        self.seen: list[tuple[int, float]] = []
        self._frames = 0
        self._over = threading.Event()
        render = face.render

        def counted(*given):
            for frame in render(*given):
                self._frames += 1
                yield frame

        face.render = counted  # type: ignore[method-assign]

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.2):
            self.seen.append((self._frames, process.memory_info().rss / MIB))


def main() -> None:
    """Command line of the measurement."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("outputs/demo/models"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--motion", default="natural")
    parser.add_argument("--speed", choices=SPEEDS, default="auto")
    args = parser.parse_args()
    face = TalkingFace.load(args.models, speed=args.speed)
    with tempfile.TemporaryDirectory() as name:
        speech = Path(name) / "speech.wav"
        write_speech(speech, 60 * args.minutes)
        steps = Steps()
        with Watch(face) as watch:
            made = face.talk(
                portrait(), speech, Path(name) / "o.mp4", EMOTION, Options(motion=args.motion), steps
            )
    for minute in range(1, int(args.minutes) + 1):
        now = max((mib for frames, mib in watch.seen if 0 < frames <= minute * 60 * FPS), default=0.0)
        print(f"up to minute {minute}: {now:.0f} MiB")
    first = max(mib for frames, mib in watch.seen if frames <= 60 * FPS)
    last = max(mib for _, mib in watch.seen)
    print(
        f"{made.frames} frames; after the first minute it grew by {last - first:.0f} MiB; {steps.summary()}"
    )


if __name__ == "__main__":
    main()
