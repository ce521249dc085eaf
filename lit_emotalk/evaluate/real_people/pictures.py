"""The report's pictures: pairs as source, drawn and true; a portrait under every emotion; confusions."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.evaluate.figures.command import contact_sheet
from lit_emotalk.evaluate.heard import heard
from lit_emotalk.evaluate.real_people.clips import RealClip
from lit_emotalk.evaluate.real_people.emotions import Reading
from lit_emotalk.evaluate.real_people.generator import Drawn
from lit_emotalk.evaluate.shards import load_clip
from lit_emotalk.inference.talking_face import (
    Emotion,
    Portrait,
    TalkingFace,
    coefficients_of,
    driving_windows,
)
from lit_emotalk.io.progress import track
from lit_emotalk.models.prompts import WORDS
from lit_emotalk.stages.space_plots import draw_confusions

PAIRS_SHOWN, PAIRS_A_ROW, PAIR_SIDE = 24, 8, 128
TIMES, EMOTION_SIDE = 6, 160


def pairs_picture(kinds: dict[str, Drawn]) -> np.ndarray:
    """Source, drawn and true of up to 24 pairs, the kinds in equal parts where they have so many."""
    columns: list[tuple[np.ndarray, ...]] = []
    for number, drawn in enumerate(kinds.values()):
        share = (PAIRS_SHOWN - len(columns)) // (len(kinds) - number)
        parts = (drawn.pairs.source, drawn.made, drawn.pairs.target)
        columns += zip(*(map(_pixels, part[:share]) for part in parts), strict=True)
    blocks = []
    for start in range(0, len(columns), PAIRS_A_ROW):
        block = columns[start : start + PAIRS_A_ROW]
        rows = zip(("source", "drawn", "true"), zip(*block, strict=True), strict=True)
        blocks.append(contact_sheet(dict(rows)))
    width = max(block.shape[1] for block in blocks)
    return np.concatenate(
        [np.pad(b, ((0, 0), (0, width - b.shape[1]), (0, 0)), constant_values=255) for b in blocks]
    )


def _pixels(image: Tensor) -> np.ndarray:
    """An image (3, S, S) in [-1, 1] as (128, 128, 3) uint8."""
    pixels = ((image + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return np.asarray(Image.fromarray(pixels).resize((PAIR_SIDE, PAIR_SIDE), Image.Resampling.LANCZOS))


def portrait_clip(clips: Sequence[RealClip]) -> RealClip:
    """Whose first frame shows the emotions: a neutral clip where there is one."""
    return min(clips, key=lambda clip: (clip.emotion != "neutral", clip.key))


def emotions_picture(face: TalkingFace, clips: Sequence[RealClip]) -> np.ndarray:
    """One portrait saying one clip's speech under every emotion given in words; columns: time."""
    shown = portrait_clip(clips)
    spoken = shown if shown.spoken else next((clip for clip in clips if clip.spoken), shown)
    loaded = load_clip(shown.shard, face.resolution)
    portrait = Portrait(loaded.frames[0], loaded.coefficients[0], loaded.landmarks[0])
    speech = heard(spoken.face.signals, face.eac.config.hears)
    times = np.linspace(0, len(spoken.face.true) - 1, TIMES + 2).round().astype(int)[1:-1]
    rows: dict[str, Sequence[np.ndarray]] = {}
    for emotion in track(EMOTIONS, "every emotion in words", len(EMOTIONS), "emotions"):
        word = WORDS[emotion][0]
        code = face.code(Emotion(text=f"a person talking with a {word} expression"))
        with torch.inference_mode():
            expression = face.expression(speech, code, 1.0)
        driving = coefficients_of(expression, portrait.coefficients[-POSE_SIZE:])
        windows = driving_windows(driving, face.hef.config.window)[times]
        rows[word] = [_scaled(frame) for frame in face.drawing.frames(portrait, windows)]
    return contact_sheet(rows)


def _scaled(frame: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).resize((EMOTION_SIDE,) * 2, Image.Resampling.LANCZOS))


def confusion_picture(readings: dict[str, Reading]) -> np.ndarray | None:
    """Confusion matrices side by side; None where nothing was read."""
    tables = {f"from the {side}": r.counts for side, r in readings.items() if r.clips}
    return draw_confusions(tables, EMOTIONS) if tables else None
