"""What is scored: exports of stage eac under an emotion given in several ways, and baselines without a
network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data import Clip
from lit_emotalk.data.decode import decode_jpg, frames_of, read_array
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.coefficients.clips import FaceClip
from lit_emotalk.evaluate.heard import heard
from lit_emotalk.evaluate.shards import other_clip
from lit_emotalk.models.eac import EAC, label_codes
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.picture import to_tensor
from lit_emotalk.models.prompts import WORDS

Condition = Literal["text", "label", "image", "audio"]
CONDITIONS: tuple[Condition, ...] = ("text", "label", "image", "audio")
Method = Callable[[FaceClip], np.ndarray]
"""A clip's predicted expression (T, 51)."""

PICTURE_SIZE = 224


class Convertor:
    """An emotion space and an EAC that was trained with it.

    `models` holds the exports `align` and `eac`; `eac` names another export of stage eac. An EAC of one-hot
    labels or without codes has the single condition `text`. Both run on `device`. Raises UserError where an
    export is missing or the two do not fit.
    """

    def __init__(self, models: Path, eac: Path | None = None, device: str = "cpu") -> None:
        self.space = cast(EmotionSpace, load_export(models / "align", "align", device))
        self.eac = cast(EAC, load_export(eac or models / "eac", "eac", device))
        if self.eac.config.codes == "space" and self.eac.config.code_dim != self.space.dim:
            raise UserError(
                f"{eac or models / 'eac'} takes codes of width {self.eac.config.code_dim}, "
                f"the emotion space in {models / 'align'} gives {self.space.dim}"
            )

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The ways in which the emotion can be given."""
        return CONDITIONS if self.eac.config.codes == "space" else CONDITIONS[:1]

    @torch.inference_mode()
    def code(
        self, clip: FaceClip, condition: Condition, clips: Sequence[FaceClip], more: Sequence[FaceClip] = ()
    ) -> torch.Tensor | None:
        """The clip's emotion code (D,), None where the network looks at none.

        text: "a person talking with a WORD expression"; label: the name, a compound by its parts; image:
        another of `clips`, or else of `more`, with that emotion, of another speaker where there is one, read
        as a single picture; audio: the clip's own sound. UserError where there is no label or no such clip.
        """
        if self.eac.config.codes == "none":
            return None
        if self.eac.config.codes == "one_hot":
            return label_codes([clip.emotion])[0]
        if not clip.emotion and condition != "audio":
            raise UserError(f"{clip.key} has no emotion label to give as {condition}; choose other shards")
        if condition == "label":
            return self.space.encode_label([clip.emotion])[0]
        if condition == "text":
            word = WORDS[clip.emotion][0] if clip.emotion in WORDS else clip.emotion
            return self.space.encode_text([f"a person talking with a {word} expression"])[0]
        if condition == "audio":
            return self.voice(clip)
        pools = ([one.signals for one in pool] for pool in (clips, more))
        other = next((found for pool in pools if (found := other_clip(clip.signals, pool))), None)
        if other is None:
            raise UserError(f"no other clip shows the emotion of {clip.key}")
        return self.picture(other)

    @torch.inference_mode()
    def voice(self, clip: FaceClip) -> torch.Tensor:
        """The code (D,) of a clip's own sound."""
        return self.space.encode_clip(torch.from_numpy(heard(clip.signals, self.space.hears)))

    @torch.inference_mode()
    def picture(self, other: Clip) -> torch.Tensor:
        """The code (D,) of a clip's key frame, read as a single picture. UserError: the space looks at
        pictures, and the shards have none."""
        if self.space.config.image == "open_clip":
            try:
                picture = decode_jpg(other, "jpg", PICTURE_SIZE)
            except SampleError as error:
                raise UserError(
                    f"{error}: this emotion space looks at pictures; give shards that have them"
                ) from error
            return self.space.encode_image(to_tensor(picture, self.space.device))[0]
        single = read_array(other, "single.npy", (frames_of(other), ARKIT.expression_size))
        shown = torch.from_numpy(single[int(other.record["key_frame"])])[None]
        return self.space.encode_units(shown.to(self.space.device))[0]

    def expression(self, clip: FaceClip, code: torch.Tensor | None, intensity: float) -> np.ndarray:
        """Predicted expression (T, 51) of a clip's sound."""
        device = self.space.device
        strength = torch.tensor([intensity], device=device)
        batch = torch.from_numpy(heard(clip.signals, self.eac.config.hears))[None].to(device)
        codes = None if code is None else code[None].to(device)
        return self.eac.predict(batch, codes, strength)[0].cpu().numpy()


@dataclass(frozen=True)
class Spoken:
    """A clip at an intensity -> its predicted expression, under fixed `codes` by key of the clip."""

    convertor: Convertor
    codes: Mapping[str, torch.Tensor | None]

    def __call__(self, clip: FaceClip, intensity: float) -> np.ndarray:
        """(T, 51)."""
        return self.convertor.expression(clip, self.codes[clip.key], intensity)


def mean_face(train: Sequence[FaceClip], level: bool) -> Method:
    """The mean face of each emotion in training (and of each level), held still; of an emotion or level that
    was not there the mean of the emotion, or of all."""

    def mean(chosen: list[FaceClip]) -> np.ndarray | None:
        return np.concatenate([clip.true for clip in chosen]).mean(0) if chosen else None

    whole = mean(list(train))
    assert whole is not None

    def method(clip: FaceClip) -> np.ndarray:
        same = [one for one in train if one.emotion == clip.emotion]
        nearest = mean([one for one in same if one.level == clip.level]) if level else None
        still = next(face for face in (nearest, mean(same), whole) if face is not None)
        return np.broadcast_to(still, clip.true.shape)

    return method


def nearest_clip(train: Sequence[FaceClip]) -> Method:
    """The expression of the training clip that sounds most alike, its last frame held where it is shorter.

    Among the clips of the emotion and level (of the emotion, of all, where there are none) the one with the
    smallest mean absolute difference of the log-mel, each less its mean, column by column over the clip's
    length; a shorter clip's last column is held.
    """

    def method(clip: FaceClip) -> np.ndarray:
        same = [one for one in train if one.emotion == clip.emotion]
        level = [one for one in same if one.level == clip.level]
        best = min(level or same or train, key=lambda one: _sound_distance(one.mel, clip.mel))
        return _held(best.true, len(clip.true))

    return method


def _sound_distance(mel: np.ndarray, asked: np.ndarray) -> float:
    held = _held(mel, len(asked))
    return float(np.abs((held - held.mean(0)) - (asked - asked.mean(0))).mean())


def _held(rows: np.ndarray, length: int) -> np.ndarray:
    return rows[np.minimum(np.arange(length), len(rows) - 1)]
