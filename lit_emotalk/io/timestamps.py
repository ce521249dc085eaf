"""What the times of a file's frames must keep to."""

from pathlib import Path

from lit_emotalk.errors import UserError

JUMP_SECONDS = 1.0
"""By so much times may run backwards: frames out of order, parts that overlap a little (our choice)."""


def check_forwards(path: Path, before: float | None, now: float | None) -> None:
    """Raises UserError where a frame's time in seconds lies far before that of the one before it (None: not
    known), as in parts that were joined as bytes: what comes after would be in nobody's time."""
    if before is not None and now is not None and now < before - JUMP_SECONDS:
        raise UserError(
            f"the time of {path} runs back from {before:.1f} to {now:.1f} s, as in parts joined as bytes; "
            "join them again with new timestamps (ffmpeg -f concat) or give them one by one"
        )
