"""From what is asked for to a code: texts, pictures, sounds, videos, labels, blends."""

from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.emotions import canonical
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.emotion.doubts import Doubts
from lit_emotalk.inference.emotion.request import Emotion
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.video import probe, read_frames, read_image
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hearing import hear
from lit_emotalk.models.picture import to_tensor
from lit_emotalk.schema import FPS, ROWS
from lit_emotalk.weights.starter import models_folder

CLIP_CROP = 224
SHORTEST_SOUND = 0.5
"""Seconds of sound that an emotion is read from at the least; less is a vowel, not a tone of voice."""

LONGEST_SOUND = 20.0
"""Longer sound is read in equal parts of at most so many seconds, whose codes are averaged (our choice)."""

VIDEO_FRAMES = 16
"""Frames of a video that are read, evenly spread; the codes of those with one face are averaged."""

MOST_FRAMES = 10_000
"""A video is read up to this frame."""


class EmotionReader:
    """Reads emotions with an emotion space and the face tracker."""

    def __init__(self, space: EmotionSpace, tracker: Tracker | None = None) -> None:
        self.space = space
        self._tracker = tracker
        self.doubts = Doubts(space)

    @classmethod
    def load(cls, models: Path | str | None = None, device: str = "cpu") -> "EmotionReader":
        """From the export of stage align in `models`, in `models/align`, or of the starter; UserError where
        there is none."""
        folder = models_folder(models)
        inner = folder / "align"
        return cls(cast(EmotionSpace, load_export(inner if inner.is_dir() else folder, "align", device)))

    @property
    def tracker(self) -> Tracker:
        """The face tracker, loaded on first use."""
        if self._tracker is None:
            self._tracker = Tracker.load()
        return self._tracker

    @torch.inference_mode()
    def code(self, emotion: Emotion) -> Tensor:
        """The emotion's code (D,), of unit length.

        Raises UserError for an unknown label, an empty or overlong text, a picture without exactly one face,
        a video without any frame of one face, silent sound or sound shorter than half a second, and files
        that cannot be read.
        """
        if emotion.blend is not None:
            return self.space.blend([(self.code(part), weight) for part, weight in emotion.blend])
        if emotion.text is not None:
            return self.space.encode_text([emotion.text])[0]
        if emotion.label is not None:
            return self.space.encode_label([canonical(emotion.label)])[0]
        if emotion.audio is not None:
            return self._sound(emotion.audio)
        if emotion.image is not None:
            return self._picture(emotion.image)
        assert emotion.video is not None
        return self._video(emotion.video)

    def _sound(self, path: Path | str) -> Tensor:
        speech, rows = hear(load_audio(path), self.space.hears), ROWS[self.space.hears]
        frames = len(speech) // rows
        if frames < SHORTEST_SOUND * FPS:
            raise UserError(
                f"{path} holds {frames / FPS:.2f} s of sound, too short to hear an emotion in; "
                f"give at least {SHORTEST_SOUND} s"
            )
        parts = np.array_split(np.arange(frames), int(np.ceil(frames / (LONGEST_SOUND * FPS))))
        codes = [
            self.space.encode_clip(torch.from_numpy(speech[rows * part[0] : rows * (part[-1] + 1)]))
            for part in parts
        ]
        return self.space.blend([(code, float(len(part))) for code, part in zip(codes, parts, strict=True)])

    def _picture(self, path: Path | str) -> Tensor:
        image = read_image(path)
        with Landmarker(video=False) as landmarker:
            faces = landmarker.detect(image)
        if not faces:
            raise UserError(f"no face found in {path}; use a picture with one clear, roughly frontal face")
        if len(faces) > 1:
            raise UserError(f"{path} shows {len(faces)} faces; cut out the one whose emotion is meant")
        return self._face(image, faces[0])

    def _video(self, path: Path | str) -> Tensor:
        total = min(max(round(probe(path).duration * FPS), 1), MOST_FRAMES)
        wanted = set(np.linspace(0, total - 1, VIDEO_FRAMES).round().astype(int).tolist())
        codes, crowd = [], 0
        with Landmarker(video=False) as landmarker:
            for number, frame in enumerate(islice(read_frames(path), total)):
                faces = landmarker.detect(frame) if number in wanted else []
                crowd = max(crowd, len(faces))
                if len(faces) == 1:
                    codes.append(self._face(frame, faces[0]))
        if not codes:
            seen = f"{crowd} faces at a time" if crowd else "no face"
            raise UserError(f"{path} shows {seen}; use a video of one clear, roughly frontal face")
        return self.space.blend([(code, 1.0) for code in codes])

    def _face(self, image: np.ndarray, face: Face) -> Tensor:
        if self.space.config.image == "open_clip":
            cut = clip_crop(face.landmarks[None], image.shape[:2]).cut(image, CLIP_CROP)
            return self.space.encode_image(to_tensor(cut, self.space.device))[0]
        marks = face.landmarks[None]
        expression = self.tracker.expression(marks, None, self.tracker.faces([image], marks))
        return self.space.encode_units(torch.from_numpy(expression).to(self.space.device))[0]
