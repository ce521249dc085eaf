"""What stage align writes beside its numbers: words and compounds one by one, and pictures of the space."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.io.files import atomic_path
from lit_emotalk.metrics.zero_shot import Collected, zero_shot
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.prompts import held_out
from lit_emotalk.schema import MEL_PER_FRAME
from lit_emotalk.stages.space_plots import Heard, confusion, draw_attention, draw_confusions, draw_map


@dataclass(frozen=True, eq=False)
class WordReport:
    """Where the words outside every training prompt and the compounds land.

    codes (W, D), emotion (W,): of the held-out words. rows: (word, what it means, what is nearest, whether
    that is right); of a compound its two parts, in any order.
    """

    codes: Tensor
    emotion: Tensor
    rows: list[tuple[str, str, str, bool]]

    @classmethod
    def of(cls, space: EmotionSpace) -> "WordReport":
        """Encode all words and compounds by the text tower; each word is judged among all nine emotions."""
        words = held_out()
        codes = space.encode_words([word for word, _ in words])
        rows = []
        for (word, emotion), code in zip(words, codes, strict=True):
            nearest = next(iter(space.similarities(code)))
            rows.append((word, EMOTIONS[emotion], nearest, nearest == EMOTIONS[emotion]))
        compounds = space.encode_words(list(COMPOUNDS))
        for (name, parts), code in zip(COMPOUNDS.items(), compounds, strict=True):
            nearest_two = list(space.similarities(code))[:2]
            right = set(nearest_two) == set(parts)
            rows.append((name, " + ".join(parts), " + ".join(nearest_two), right))
        return cls(codes.float(), torch.tensor([emotion for _, emotion in words], device=codes.device), rows)

    @property
    def words(self) -> float:
        """Share of the held-out words that land on their emotion, of all nine."""
        return float(np.mean([right for *_, right in self.rows[: len(self.codes)]]))

    @property
    def compounds(self) -> float:
        """Share of the compounds whose two nearest emotions are their parts."""
        return float(np.mean([right for *_, right in self.rows[len(self.codes) :]]))

    def write(self, path: Path) -> None:
        """All rows as CSV, the misses first."""
        with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(("word", "meant", "nearest", "right"))
            for word, meant, nearest, right in sorted(self.rows, key=lambda row: row[3]):
                writer.writerow((word, meant, nearest, int(right)))


def space_pictures(space: EmotionSpace, seen: Collected, words: WordReport) -> dict[str, np.ndarray]:
    """Confusion matrices of the zero-shot readings, and the map of the space, as uint8 (H, W, 3) by name."""
    emotion, prototypes = seen.emotion, space.emotion_codes()
    true = emotion.cpu().numpy()
    tables = {
        f"{name} by text": confusion(zero_shot(codes, emotion, prototypes).cpu().numpy(), true, len(EMOTIONS))
        for name, codes in (("sound", seen.audio), ("picture", seen.image))
        if codes is not None
    }
    points = {"text": (words.codes, words.emotion), "audio": (seen.audio, emotion)}
    if seen.image is not None:
        points["image"] = (seen.image, emotion)
    arrays = {name: (codes.cpu().numpy(), which.cpu().numpy()) for name, (codes, which) in points.items()}
    return {"confusion": draw_confusions(tables, EMOTIONS), "map": draw_map(arrays, EMOTIONS)}


@dataclass(frozen=True, eq=False)
class ShownClips:
    """Clips whose attention is drawn: their speech as the space hears it, mel (B, 4T, 80), mask (B, T)."""

    speech: Tensor
    mel: Tensor
    mask: Tensor
    titles: list[str]


def attention_picture(space: EmotionSpace, clips: ShownClips) -> np.ndarray:
    """Attention of the audio encoder over clips, as uint8 (H, W, 3); the sound is drawn by its loudness,
    since batches hold no samples."""
    rows = []
    with torch.inference_mode():
        attention = space.audio.attention(clips.speech, clips.mask).float().cpu().numpy()
    for clip, title in enumerate(clips.titles):
        frames = int(clips.mask[clip].sum())
        loudness = clips.mel[clip, : MEL_PER_FRAME * frames].float().exp().sum(1).cpu().numpy()
        wave = np.stack([loudness, -loudness], 1).reshape(-1)
        rows.append(Heard(title, wave, attention[clip, :frames]))
    return draw_attention(rows)


def save_picture(picture: np.ndarray, path: Path) -> None:
    """Write a picture (H, W, 3) uint8 as PNG."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary)
