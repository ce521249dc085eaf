"""Our videos of a clip: from its first frame, its sound, its head pose and an emotion given in one of
several ways."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.data.decode import decode_jpg, frames_of, read_array
from lit_emotalk.data.index import Clip, SampleError
from lit_emotalk.emotions import intensity_of
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.heard import heard
from lit_emotalk.evaluate.settings import Condition
from lit_emotalk.evaluate.shards import LoadedClip, ShardClip
from lit_emotalk.inference.talking_face import Emotion, Portrait, TalkingFace
from lit_emotalk.models.picture import to_tensor
from lit_emotalk.models.prompts import WORDS

PICTURE_SIZE = 224


class Generator:
    """Our three networks, and the emotion of a clip under each condition (our choice of protocol).

    text: "a person talking with a WORD expression", WORD the clip's label. image: the key frame of another
    clip of that emotion, of another speaker where there is one, read as a single picture. audio: the clip's
    own sound. own: as text where the clip has a label, else its own key frame as a picture. none: no emotion
    is asked for (the EAC's null code). The intensity is the clip's level's.
    """

    def __init__(self, models: Path, device: str) -> None:
        self.face = TalkingFace.load(models, device, speed="float32")

    @torch.inference_mode()
    def code(self, clip: ShardClip, condition: Condition) -> Tensor | None:
        """The emotion code (D,), None for none. UserError: the clip has no label, or no other clip shows its
        emotion."""
        emotion = clip.facts["emotion"]
        if condition in ("text", "image") and not emotion:
            raise UserError(f"{clip.key} has no emotion label for the condition {condition}")
        if condition == "text" or (condition == "own" and emotion):
            word = WORDS[emotion][0] if emotion in WORDS else emotion
            return self.face.code(Emotion(text=f"a person talking with a {word} expression"))
        if condition == "image":
            if clip.other is None:
                raise UserError(f"no other clip shows the emotion of {clip.key}")
            return self._shown(clip.other)
        if condition == "own":
            return self._shown(clip.signals)
        if condition == "audio":
            space = self.face.space
            return space.encode_clip(torch.from_numpy(heard(clip.signals, space.hears)))
        return None

    def _shown(self, signals: Clip) -> Tensor:
        """The code of a clip's key frame, read as a single picture."""
        space, device = self.face.space, self.face.device
        try:
            if space.config.image == "open_clip":
                return space.encode_image(to_tensor(decode_jpg(signals, "jpg", PICTURE_SIZE), device))[0]
            single = read_array(signals, "single.npy", (frames_of(signals), ARKIT.expression_size))
        except SampleError as error:
            raise UserError(str(error)) from error
        units = torch.from_numpy(single[int(signals.record["key_frame"])])
        return space.encode_units(units[None].to(device))[0]

    def frames(self, clip: ShardClip, loaded: LoadedClip, condition: Condition) -> np.ndarray:
        """The video (T, S, S, 3) uint8 under `condition`; of the true frames and coefficients only the first
        and every frame's pose are used."""
        level = clip.facts["level"]
        intensity = 1.0 if level is None else intensity_of(level)
        code = self.code(clip, condition)
        speech = heard(clip.signals, self.face.eac.config.hears)
        if code is None:
            batch = torch.from_numpy(speech)[None].to(self.face.device)
            strength = torch.tensor([intensity], device=self.face.device)
            expression = self.face.eac.predict(batch, None, strength)[0].cpu().numpy()
        else:
            expression = self.face.expression(speech, code, intensity)
        driving = np.concatenate([expression, loaded.coefficients[:, -POSE_SIZE:]], 1)
        portrait = Portrait(loaded.frames[0], loaded.coefficients[0], loaded.landmarks[0])
        return np.stack(list(self.face.render(portrait, driving)))


@lru_cache(maxsize=1)
def generator(models: Path, device: str) -> Generator:
    """This process's networks."""
    return Generator(models, device)
