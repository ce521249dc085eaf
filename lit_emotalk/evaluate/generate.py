"""Our videos of a clip: from its first frame, its sound, its head pose and an emotion given in one of
several ways."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.data.decode import frames_of, read_array
from lit_emotalk.data.index import SampleError
from lit_emotalk.emotions import intensity_of
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.settings import Condition
from lit_emotalk.evaluate.shards import LoadedClip, ShardClip
from lit_emotalk.pipeline import Emotion, Portrait, TalkingFace
from lit_emotalk.prompts import WORDS


class Generator:
    """Our three networks, and the emotion code of a clip under each condition (our choice of protocol).

    text: "a person talking with a WORD expression", WORD the clip's label. image: the coefficients, read
    without a resting shape, of the key frame of another clip of that emotion, of another speaker where there
    is one. audio: the clip's own sound. none: the label neutral, whatever the clip's emotion. The intensity
    is the clip's level's.
    """

    def __init__(self, models: Path, device: str) -> None:
        self.face = TalkingFace.load(models, device)

    def code(self, clip: ShardClip, condition: Condition, mel: np.ndarray) -> Tensor:
        """The emotion code (D,). Raises UserError where the clip has no label, or no other clip shows its
        emotion."""
        emotion = clip.facts["emotion"]
        if condition in ("text", "image") and not emotion:
            raise UserError(f"{clip.key} has no emotion label for the condition {condition}")
        if condition == "text":
            word = WORDS[emotion][0] if emotion in WORDS else emotion
            return self.face.code(Emotion(text=f"a person talking with a {word} expression"))
        if condition == "none":
            return self.face.code(Emotion(label="neutral"))
        device = self.face.device
        with torch.inference_mode():
            if condition == "audio":
                mask = torch.ones(1, len(mel) // 4, dtype=torch.bool, device=device)
                return self.face.space.encode_audio(torch.from_numpy(mel)[None].to(device), mask)[0]
            return self.face.space.encode_units(torch.from_numpy(shown_units(clip))[None].to(device))[0]

    def frames(self, clip: ShardClip, loaded: LoadedClip, condition: Condition) -> np.ndarray:
        """The video (T, S, S, 3) uint8 under `condition`; of the true frames and coefficients only the first
        and every frame's pose are used."""
        level = clip.facts["level"]
        intensity = 1.0 if level is None else intensity_of(level)
        portrait = Portrait(loaded.frames[0], loaded.coefficients[0])
        code = self.code(clip, condition, loaded.mel)
        pose = loaded.coefficients[:, -POSE_SIZE:]
        return np.stack(list(self.face.generate(portrait, loaded.mel, code, intensity, pose)))


def shown_units(clip: ShardClip) -> np.ndarray:
    """Coefficients (51,) of the key frame of the clip that shows the emotion; UserError where there is
    none."""
    other = clip.other
    if other is None:
        raise UserError(f"no other clip shows the emotion of {clip.key}")
    try:
        single = read_array(other, "single.npy", (frames_of(other), 51))
    except SampleError as error:
        raise UserError(str(error)) from error
    return single[int(other.record["key_frame"])]


@lru_cache(maxsize=1)
def generator(models: Path, device: str) -> Generator:
    """This process's networks."""
    return Generator(models, device)
