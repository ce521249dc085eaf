"""A face that speaks along with a sound file, drawn piece by piece in a window: what a live call would do.

python examples/stream_to_window.py outputs/demo/models me.jpg hello.wav happy
"""

import sys
import time
from collections.abc import Iterator

import cv2
import numpy as np

from lit_emotalk import TalkingFace
from lit_emotalk.io.audio import load_audio
from lit_emotalk.schema import FPS, SAMPLES_PER_FRAME

WINDOW = "lit_emotalk (q ends)"


def pieces(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The sound as a microphone would give it: 40 ms at a time, in real time."""
    began = time.monotonic()
    for number, start in enumerate(range(0, len(samples), SAMPLES_PER_FRAME)):
        time.sleep(max(0.0, began + number / FPS - time.monotonic()))
        yield samples[start : start + SAMPLES_PER_FRAME]


def main(arguments: list[str]) -> None:
    """`arguments`: models, portrait, speech, emotion."""
    models, portrait, speech, emotion = arguments
    face = TalkingFace.load(models)
    shown = 0
    for frame in face.stream(portrait, pieces(load_audio(speech)), emotion):
        cv2.imshow(WINDOW, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        shown += 1
        if cv2.waitKey(1) == ord("q"):
            break
    cv2.destroyAllWindows()
    print(f"{shown} frames")


if __name__ == "__main__":
    main(sys.argv[1:])
