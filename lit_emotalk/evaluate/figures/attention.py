"""`lit-emotalk figures attention`: where in a sound the audio encoder looks, over the waveform (the
supplement's Fig. 4a)."""

import argparse
from pathlib import Path

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.weights.starter import HELP

SHORTEST_FRAMES = 13


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = commands.add_parser("attention", help="where in a sound the emotion space's audio encoder looks")
    parser.add_argument("--models", help=f"folder with the export align, or that export itself ({HELP})")
    parser.add_argument("--audio", nargs="+", required=True, metavar="[LABEL=]FILE", help="a row for each")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help=".png or .pdf, or both")


def attention_picture(models: Path | str | None, sounds: dict[str, Path], device: str = "cpu") -> np.ndarray:
    """A row for each label and sound as uint8 (H, W, 3): waveform, the CLS token's attention averaged over
    heads and layers, and the nearest emotion.

    Raises UserError where there is no export of stage align, and for sound that is unreadable, silent or
    shorter than 0.5 s.
    """
    import torch

    from lit_emotalk.inference.emotion.codes import EmotionReader
    from lit_emotalk.io.audio import load_audio
    from lit_emotalk.models.hearing import hear
    from lit_emotalk.schema import ROWS, SAMPLES_PER_FRAME
    from lit_emotalk.stages.space_plots import Heard, draw_attention

    space = EmotionReader.load(models, device).space
    rows = []
    for label, path in sounds.items():
        samples = load_audio(path)
        speech = torch.from_numpy(hear(samples, space.hears))[None].to(space.device)
        frames = speech.shape[1] // ROWS[space.hears]
        if frames < SHORTEST_FRAMES:
            raise UserError(f"{path} is too short to show attention over; give at least 0.5 s")
        mask = torch.ones(1, frames, dtype=torch.bool, device=space.device)
        with torch.inference_mode():
            similarities = space.similarities(space.encode_audio(speech, mask)[0])
            attention = space.audio.attention(speech, mask)[0].cpu().numpy()
        nearest, cosine = next(iter(similarities.items()))
        title = f"{label}: nearest {nearest} ({cosine:.2f})"
        rows.append(Heard(title, samples[: frames * SAMPLES_PER_FRAME], attention))
    return draw_attention(rows)
