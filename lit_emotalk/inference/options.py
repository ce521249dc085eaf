"""How a video is to be made: everything beside the portrait, the speech and the output."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_emotion
from lit_emotalk.inference.motion.strength import MOST_STRENGTH
from lit_emotalk.inference.output.coefficients import format_of
from lit_emotalk.inference.output.provenance import Credentials

FRAMES = ("crop", "picture")
MOTIONS = ("natural", "speaking", "none")
SPEEDS = ("auto", "float32", "bfloat16", "compiled")
"""How frames are drawn, see `inference.speed`."""
LONGEST_SIDE = 1920
"""Pictures are scaled down to this side for the video: what phones and browsers decode without trouble."""


def to_stderr(line: str) -> None:
    """Print a line where it does not mix with results."""
    print(line, file=sys.stderr)


@dataclass(frozen=True)
class Options:
    """How a video is made.

    intensity: of emotions that have none of their own, in [0, 1]. strength: of the whole expression, speech
    included, from 0 (rest) over 1 (as the networks say) to `MOST_STRENGTH` (exaggerated). face: which face of
    the portrait, from the left from 0; None: the largest. second: another picture of the same person, say
    with an open mouth, for models of two sources. frame: `crop`, the face alone as the network draws it, or
    `picture`, the whole portrait with the face moving in it, at most `longest_side` pixels. motion:
    `natural` head motion and blinks from `seed`, `speaking` ones that follow speech and emotion, or
    `none`. pose_from: a video whose head motion the portrait takes over in place of that; with `eyes`
    also its blinks and gaze. coefficients_out: a file of the coefficients to write beside, in
    `coefficients_format` (one of `output.coefficients.FORMATS`; None: what its ending says). overwrite:
    replace an older output. mark: write "AI-generated" into the picture. credentials: sign the output by
    C2PA. progress: show it. watch: called with the frames done and their number; what it raises ends the
    work. tell: called with each line on what is doubtful about the wish; by default it goes to stderr.
    Raises UserError for a value that cannot be.
    """

    intensity: float = 1.0
    strength: float = 1.0
    face: int | None = None
    second: Path | str | None = None
    frame: str = "crop"
    motion: str = "natural"
    pose_from: Path | str | None = None
    eyes: bool = False
    seed: int = 0
    longest_side: int = LONGEST_SIDE
    coefficients_out: Path | str | None = None
    coefficients_format: str | None = None
    overwrite: bool = False
    mark: bool = False
    credentials: Credentials | None = None
    progress: bool = False
    watch: Callable[[int, int], None] | None = None
    tell: Callable[[str], None] = to_stderr

    def __post_init__(self) -> None:
        for name, value, known in (("frame", self.frame, FRAMES), ("motion", self.motion, MOTIONS)):
            if value not in known:
                raise UserError(f"{name} must be one of {', '.join(known)}, not '{value}'")
        if not 0 <= self.intensity <= 1:
            raise UserError(f"the intensity must be between 0 and 1, not {self.intensity}")
        if not 0 <= self.strength <= MOST_STRENGTH:
            raise UserError(f"the strength must be between 0 and {MOST_STRENGTH:g}, not {self.strength}")
        if self.coefficients_out is not None:
            format_of(self.coefficients_out, self.coefficients_format)
        elif self.coefficients_format is not None:
            raise UserError("a format of coefficients needs a file for them: give --coefficients-out")
        if self.seed < 0:
            raise UserError(f"the seed must be 0 or more, not {self.seed}")
        if self.longest_side < 64:
            raise UserError(f"the longest side must be at least 64 pixels, not {self.longest_side}")


def asked_for(
    emotion: str | Emotion | Schedule | None, speech: Path | str, intensity: float
) -> Emotion | Schedule:
    """What is meant by an emotion in words (one, a blend or a schedule); None: the voice of `speech`.

    Raises UserError as `parse_emotion` and `Schedule.parse`.
    """
    if emotion is None:
        return Emotion(audio=speech, intensity=intensity)
    if isinstance(emotion, Emotion | Schedule):
        return emotion
    if Schedule.is_written(emotion):
        return Schedule.parse(emotion, intensity)
    return parse_emotion(emotion, intensity)
