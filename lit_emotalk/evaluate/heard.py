"""What a network hears of a clip in shards."""

import numpy as np

from lit_emotalk.data import Clip
from lit_emotalk.data.decode import read_speech
from lit_emotalk.data.decode_frames import read_sound
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.models.hearing import hear
from lit_emotalk.schema import Hears


def heard(signals: Clip, hears: Hears) -> np.ndarray:
    """Log-mel (4T, 80) or Whisper's states (T, 768), float32; the latter are made of the sound where the
    shard lacks them. Raises UserError where the clip is damaged, and as `Whisper.load`."""
    try:
        if f"{hears}.npy" in signals.entries:
            return read_speech(signals, hears)
        return hear(read_sound(signals), hears)
    except SampleError as error:
        raise UserError(str(error)) from error
