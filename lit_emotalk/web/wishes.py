"""The emotion that a visitor asks for: words, blends and schedules, or what an upload of theirs shows, never
another file of the server."""

from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_emotion
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.sessions import Kind


def read_wish(text: str, intensity: float, limits: Limits) -> Emotion | Schedule:
    """An emotion as `--emotion` and `--emotion-schedule` of `lit-emotalk animate` take it.

    UserError where it cannot be read, is too long, or names a file.
    """
    if len(text) > limits.letters:
        raise UserError(f"the emotion is too long: at most {limits.letters} letters")
    if Schedule.is_timed(text):
        schedule = Schedule.parse(text, intensity)
        for _, emotion in schedule.entries:
            _check(emotion)
        return schedule
    return _check(parse_emotion(text, intensity))


def read_emotion(text: str, intensity: float, limits: Limits) -> Emotion:
    """As `read_wish`, for one emotion alone."""
    wish = read_wish(text, intensity, limits)
    if isinstance(wish, Schedule):
        raise UserError("one emotion at a time; send a change when the time has come")
    return wish


def emotion_of(kind: Kind, path: Path, intensity: float) -> Emotion:
    """The emotion that an upload of one of the kinds `emotion-*` shows."""
    if kind == "emotion-picture":
        return Emotion(image=path, intensity=intensity)
    if kind == "emotion-sound":
        return Emotion(audio=path, intensity=intensity)
    return Emotion(video=path, intensity=intensity)


def _check(emotion: Emotion) -> Emotion:
    if (emotion.image or emotion.audio or emotion.video) is not None:
        raise UserError("describe the emotion in words; files of the server cannot be named")
    for part, _ in emotion.blend or ():
        _check(part)
    return emotion
