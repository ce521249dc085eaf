"""A portrait, a speech clip and an emotion in words become a video.

python examples/animate.py outputs/demo/models me.jpg hello.wav "a furious person" hello.mp4
"""

import sys

from lit_emotalk import TalkingFace
from lit_emotalk.inference.options import Options


def main(arguments: list[str]) -> None:
    """`arguments`: models, portrait, speech, emotion, output."""
    models, portrait, speech, emotion, output = arguments
    face = TalkingFace.load(models)
    made = face.talk(portrait, speech, output, emotion, Options(motion="speaking", overwrite=True))
    print(f"{made.output}: {made.frames} frames of {made.size[1]}x{made.size[0]} pixels")


if __name__ == "__main__":
    main(sys.argv[1:])
