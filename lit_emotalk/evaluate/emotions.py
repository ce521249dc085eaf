"""Which emotion a video shows, by a network that others trained and by the emotion space's picture side."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.evaluate.settings import NO_SPACE, Settings
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.models import face_expression
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.picture import to_tensor

PICTURE_SIZE = 224

Scored = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class EmotionReader:
    """The networks that name emotions, by column: `emo_net` (face-api's, where its weights are) and
    `emo_space` (where an export of stage align is given)."""

    def __init__(self, settings: Settings, tracker: Tracker) -> None:
        self._settings = settings
        self._tracker = tracker
        self.known: dict[str, tuple[str, ...]] = {}
        self._networks: dict[str, Scored] = {}
        if face_expression.available():
            self.known["emo_net"] = face_expression.EMOTIONS
            network = face_expression.load_face_expression(settings.device)
            self._networks["emo_net"] = lambda frames, marks, _: network.probabilities(frames, marks)
        if settings.space != NO_SPACE:
            self.known["emo_space"] = EMOTIONS
            self._networks["emo_space"] = self._by_space

    @cached_property
    def _space(self) -> EmotionSpace:
        space = load_export(self._settings.space, "align", self._settings.device)
        assert isinstance(space, EmotionSpace)
        return space

    def read(self, frames: np.ndarray, landmarks: np.ndarray, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Scores of frames that all show a face: (K, H, W, 3) uint8, landmarks (K, 478, 3) in pixels, what
        the tracker looks at (K, 96, 96) -> (K, E) float32 by column, K >= 1."""
        return {name: network(frames, landmarks, faces) for name, network in self._networks.items()}

    @torch.inference_mode()
    def _by_space(self, frames: np.ndarray, landmarks: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Cosines of single pictures to the nine emotions (K, 9)."""
        space = self._space
        if space.config.image == "open_clip":
            pictures = [to_tensor(_square(frame), space.device) for frame in frames]
            codes = torch.cat([space.encode_image(picture) for picture in pictures])
        else:
            units = self._tracker.expression(landmarks, None, faces)
            codes = space.encode_units(torch.from_numpy(units).to(space.device))
        return (codes @ space.emotion_codes().T).cpu().numpy()


def _square(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) scaled to what the image tower takes."""
    from PIL import Image

    size = (PICTURE_SIZE, PICTURE_SIZE)
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))
