"""TalkingFace: emotion space, EAC and HEF joined: portrait + speech + emotion -> coefficients -> frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch

from lit_emotalk.audio import load_audio, log_mel
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import canonical
from lit_emotalk.errors import UserError
from lit_emotalk.export import load_export
from lit_emotalk.face.crop import clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.models.eac import EAC
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.hef import HEF
from lit_emotalk.schema import MEL_PER_FRAME
from lit_emotalk.video import read_image

RENDER_BATCH = 8
CLIP_CROP = 224


@dataclass(frozen=True)
class Emotion:
    """The emotion asked for: exactly one of text, image, audio and label; intensity in [0, 1].

    Raises UserError where none or several are given, or the intensity is out of range.
    """

    text: str | None = None
    image: Path | str | None = None
    audio: Path | str | None = None
    label: str | None = None
    intensity: float = 1.0

    def __post_init__(self) -> None:
        given = [name for name in ("text", "image", "audio", "label") if getattr(self, name) is not None]
        if len(given) != 1:
            raise UserError(
                f"give exactly one of text, image, audio and label as the emotion, not {given or 'none'}"
            )
        if self.text is not None and not self.text.strip():
            raise UserError("the emotion's text is empty; describe it in a few words")
        if not 0.0 <= self.intensity <= 1.0:
            raise UserError(f"the intensity must be between 0 and 1, not {self.intensity}")


@dataclass(frozen=True)
class Portrait:
    """A source face: square crop (S, S, 3) uint8; coefficients (57,), pose in units of that crop; landmarks
    (478, 3) in crop units."""

    image: np.ndarray
    coefficients: np.ndarray
    landmarks: np.ndarray


class TalkingFace:
    """The three networks joined for inference.

    `resolution` is the side of the generated frames in pixels.
    """

    def __init__(self, space: EmotionSpace, eac: EAC, hef: HEF, device: str = "cpu") -> None:
        self.space = space.to(device).eval()
        self.eac = eac.to(device).eval()
        self.hef = hef.to(device).eval()
        self.device = torch.device(device)
        self.resolution = hef.config.resolution
        self.tracker = Tracker.load()

    @classmethod
    def load(cls, models: Path | str, device: str = "cpu") -> "TalkingFace":
        """Load the exports `align`, `eac`, `hef` below `models`; UserError names what is missing or wrong."""
        models = Path(models)
        if not models.is_dir():
            raise UserError(
                f"no models at {models}; train them first (make demo) or name their folder with --models"
            )
        align, eac, hef = (load_export(models / stage, stage, device) for stage in ("align", "eac", "hef"))
        return cls(cast(EmotionSpace, align), cast(EAC, eac), cast(HEF, hef), device)

    def read_portrait(self, picture: Path | str | np.ndarray, face: int | None = None) -> Portrait:
        """Find the face of a picture (path or uint8 (H, W, 3)), crop it and read its coefficients.

        Of several faces the largest is taken, or number `face` from the left (from 0). UserError: no face.
        """
        image = picture if isinstance(picture, np.ndarray) else read_image(picture)
        name = "the picture" if isinstance(picture, np.ndarray) else str(picture)
        found = detect_face(image, name, face)
        crop = clip_crop(found.landmarks[None], image.shape[:2])
        landmarks = crop.normalise(found.landmarks[None])
        faces = self.tracker.faces([image], found.landmarks[None])
        coefficients = self.tracker.coefficients(landmarks, None, faces)[0]
        return Portrait(crop.cut(image, self.resolution), coefficients, landmarks[0])

    @torch.inference_mode()
    def code(self, emotion: Emotion) -> torch.Tensor:
        """The emotion's code (D,), of unit length."""
        if emotion.text is not None:
            codes = self.space.encode_text([emotion.text])
        elif emotion.label is not None:
            codes = self.space.encode_label([canonical(emotion.label)])
        elif emotion.audio is not None:
            codes = self._encode_audio(log_mel(load_audio(emotion.audio)))
        else:
            assert emotion.image is not None
            codes = self._encode_picture(emotion.image)
        return codes[0]

    def _encode_audio(self, mel: np.ndarray) -> torch.Tensor:
        batch = torch.from_numpy(mel)[None].to(self.device)
        mask = torch.ones(1, len(mel) // MEL_PER_FRAME, dtype=torch.bool, device=self.device)
        return self.space.encode_audio(batch, mask)

    def _encode_picture(self, path: Path | str) -> torch.Tensor:
        image = read_image(path)
        found = detect_face(image, str(path))
        if self.space.config.image == "open_clip":
            cut = clip_crop(found.landmarks[None], image.shape[:2]).cut(image, CLIP_CROP)
            return self.space.encode_image(to_tensor(cut, self.device))
        marks = found.landmarks[None]
        expression = self.tracker.expression(marks, None, self.tracker.faces([image], marks))
        return self.space.encode_units(torch.from_numpy(expression).to(self.device))

    @torch.inference_mode()
    def expression(self, mel: np.ndarray, code: torch.Tensor, intensity: float) -> np.ndarray:
        """Expression coefficients (T, 51) of speech given as log-mel (4T, 80), under an emotion's code."""
        batch = torch.from_numpy(np.ascontiguousarray(mel, np.float32))[None].to(self.device)
        strength = torch.tensor([intensity], dtype=torch.float32, device=self.device)
        return self.eac.predict(batch, code[None].to(self.device), strength)[0].float().cpu().numpy()

    @torch.inference_mode()
    def render(self, portrait: Portrait, coefficients: np.ndarray) -> Iterator[np.ndarray]:
        """Frames (S, S, 3) uint8 of the portrait moved by coefficients (T, 57); one source encoding."""
        landmarks = torch.from_numpy(portrait.landmarks).float().to(self.device)[None]
        source = self.hef.encode_source(to_tensor(portrait.image, self.device), landmarks)
        own = torch.from_numpy(portrait.coefficients).float().to(self.device)[None]
        windows = driving_windows(coefficients, self.hef.config.window)
        for start in range(0, len(windows), RENDER_BATCH):
            driving = torch.from_numpy(windows[start : start + RENDER_BATCH]).float().to(self.device)
            image = self.hef(source, own, driving).image
            pixels = ((image.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
            yield from pixels.permute(0, 2, 3, 1).cpu().numpy()

    def generate(
        self, portrait: Portrait, mel: np.ndarray, code: torch.Tensor, intensity: float, pose: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Frames (S, S, 3) uint8 of `portrait` saying `mel` (4T, 80) with a code (D,) in poses (T, 6)."""
        expression = self.expression(mel, code, intensity)
        yield from self.render(portrait, np.concatenate([expression, pose], 1))


def to_tensor(image: np.ndarray, device: torch.device) -> torch.Tensor:
    """One picture (H, W, 3) uint8 -> (1, 3, H, W) float32 in [-1, 1]."""
    return torch.tensor(image, device=device).permute(2, 0, 1)[None].float() / 127.5 - 1


def driving_windows(coefficients: np.ndarray, window: int) -> np.ndarray:
    """Each frame's window of coefficients, edge-clamped: (T, C) -> (T, window, C)."""
    frames = np.arange(len(coefficients))[:, None] + np.arange(window)[None] - window // 2
    return coefficients[frames.clip(0, len(coefficients) - 1)]


def detect_face(image: np.ndarray, name: str, face: int | None = None) -> Face:
    """The largest face of an image, or number `face` from the left; UserError where there is none such."""
    with Landmarker(video=False) as landmarker:
        faces = landmarker.detect(image)
    if not faces:
        raise UserError(f"no face found in {name}; use a picture with one clear, roughly frontal face")
    if face is None:
        return faces[0]
    if not 0 <= face < len(faces):
        raise UserError(f"{name} has {len(faces)} face(s); --face {face} is not one of 0..{len(faces) - 1}")
    return sorted(faces, key=lambda found: float(found.landmarks[:, 0].mean()))[face]


def coefficients_of(expression: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Expression (T, 51) and one pose (6,) held throughout -> coefficients (T, 57)."""
    held = np.broadcast_to(pose, (len(expression), len(pose)))
    return np.concatenate([expression.astype(np.float32), held.astype(np.float32)], 1)


def coefficient_header() -> list[str]:
    """Column names of a coefficients table: time, the 51 units, the 6 pose numbers."""
    return ["time", *ARKIT.names, "rotX", "rotY", "rotZ", "transX", "transY", "logScale"]
