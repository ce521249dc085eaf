"""What a network hears of a clip in shards."""

import numpy as np

from lit_emotalk.data import Clip
from lit_emotalk.data.decode import read_speech
from lit_emotalk.data.decode_frames import read_sound
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.models.hearing import hear
from lit_emotalk.schema import HEARD, Hears


def heard(signals: Clip, hears: Hears) -> np.ndarray:
    """The clip's speech as `hears` says, float32 as `hear`; made of the sound where the shard lacks any
    of it. Raises UserError where the clip is damaged, and as `Whisper.load`."""
    try:
        if all(f"{entry}.npy" in signals.entries for entry in HEARD[hears]):
            return read_speech(signals, hears)
        return hear(read_sound(signals), hears)
    except SampleError as error:
        raise UserError(str(error)) from error
