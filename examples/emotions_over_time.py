"""Emotions that change while a face speaks, as a video and as a glTF head that any 3D viewer plays.

python examples/emotions_over_time.py outputs/demo/models me.jpg hello.wav changing
"""

import sys

from lit_emotalk import TalkingFace
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_blend
from lit_emotalk.inference.options import Options
from lit_emotalk.io.audio import load_audio


def main(arguments: list[str]) -> None:
    """`arguments`: models, portrait, speech, output's name without ending."""
    models, portrait, speech, output = arguments
    face = TalkingFace.load(models)
    samples = load_audio(speech)
    third = len(samples) / 16_000 / 3
    schedule = Schedule(
        (
            (0.0, Emotion(label="neutral")),
            (third, Emotion(text="a furious person", intensity=0.8)),
            (2 * third, parse_blend("happy:0.7,surprised:0.3")),
        )
    )
    expression = face.scheduled(face.hear(samples), schedule)
    for number, part in enumerate(("neutral", "furious", "happily surprised")):
        rows = expression[len(expression) * number // 3 : len(expression) * (number + 1) // 3]
        smile, frown = (ARKIT.mean_of(rows, name).mean() for name in ("mouthSmile", "browDown"))
        print(f"{part}: smile {smile:.2f}, brows down {frown:.2f}")
    options = Options(coefficients_out=f"{output}.glb", overwrite=True)
    print(face.talk(portrait, speech, f"{output}.mp4", schedule, options).output)


if __name__ == "__main__":
    main(sys.argv[1:])
