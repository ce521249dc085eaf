"""The frame of a clip that shows its emotion best."""

import numpy as np

from lit_emotalk.coefficients import ARKIT

APEX_SMOOTHING_FRAMES = 7
APEX_UNITS = (
    "brow", "cheek", "eyeSquint", "eyeWide", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch",
    "mouthPress", "mouthUpperUp", "noseSneer",
)  # fmt: skip
"""Units that show emotion more than speech, gaze or blinking."""
BLINKING = 0.5
BLINK_RISE = 0.15
"""Eyes that are this much more closed than in the middle of a clip's frames blink, whatever they read."""


def find_apex(expression: np.ndarray, lost: np.ndarray, emotion: str | None) -> int:
    """The frame that shows the emotion best: expression (T, 51), lost (T,) bool -> index.

    The units that show emotion are smoothed over `APEX_SMOOTHING_FRAMES`; the frame farthest from rest is
    taken, for a neutral clip the nearest; frames that were filled in, or less than half a smoothing window
    from a blink, only where there is no other (our choice).
    """
    units = expression[:, ARKIT.columns(*APEX_UNITS)]
    half = APEX_SMOOTHING_FRAMES // 2
    padded = np.pad(units, ((half, half), (0, 0)), mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, APEX_SMOOTHING_FRAMES, axis=0).mean(-1)
    strength = np.linalg.norm(smooth, axis=1)
    if emotion == "neutral":
        strength = -strength
    closed = ARKIT.mean_of(expression, "eyeBlink")
    blinks = np.pad(closed > min(BLINKING, np.median(closed) + BLINK_RISE), half)
    unfit = lost | np.lib.stride_tricks.sliding_window_view(blinks, 2 * half + 1).any(-1)
    if not unfit.all():
        strength = np.where(unfit, -np.inf, strength)
    return int(np.argmax(strength))
