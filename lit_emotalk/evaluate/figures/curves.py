"""`lit-emotalk figures curves` and `figures eac-attention`: what stage eac predicts beside the truth, and
where it looks (the supplement's Fig. 4b)."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.schema import FPS, SPLITS
from lit_emotalk.weights.starter import HELP, models_folder

COMMANDS = ("curves", "eac-attention")
UNITS = ("jawOpen", "mouthSmile", "browDown", "browInnerUp")
CHOSEN_CLIPS = 3
SMALLEST_RANGE = 0.25
"""An axis reaches at least so high, so that a unit that hardly moves looks so."""


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands' arguments."""
    curves = commands.add_parser("curves", help="predicted coefficients over the true ones")
    curves.add_argument("--models", type=Path, help=f"folder with the exports align and eac ({HELP})")
    curves.add_argument("--shards", type=Path, required=True, help="where the clips are")
    curves.add_argument("--split", choices=SPLITS, default="test")
    curves.add_argument("--clips", nargs="+", default=[], metavar="CLIP", help="default: a few clips")
    curves.add_argument(
        "--units", nargs="+", default=UNITS, metavar="UNIT", help="beginnings of units' names"
    )
    attention = commands.add_parser("eac-attention", help="where the EAC looks, its intensity token first")
    attention.add_argument("--models", type=Path, help=f"folder with the exports align and eac ({HELP})")
    attention.add_argument("--audio", required=True, help="speech")
    attention.add_argument("--emotion", default="happy", help="in words, or a label")
    attention.add_argument("--intensity", type=float, default=1.0, help="0..1 (default 1)")
    for command in (curves, attention):
        command.add_argument("--device", default="cpu", help="cpu or cuda")
        command.add_argument("--output", type=Path, nargs="+", required=True, help=".png or .pdf, or both")


def picture(args: argparse.Namespace) -> np.ndarray:
    """The picture (H, W, 3) uint8 that the arguments ask for; UserError for wrong ones."""
    models = models_folder(args.models)
    if args.command == "curves":
        return curves_picture(models, args.shards, args.split, args.clips, args.units, args.device)
    return attention_picture(models, args.audio, args.emotion, args.intensity, args.device)


def curves_picture(
    models: Path, shards: Path, split: str, keys: Sequence[str], units: Sequence[str], device: str
) -> np.ndarray:
    """A row for each clip, a column for the lips' opening and for each of `units`: truth and prediction, the
    emotion given by text; frames inside an m, b or p are shaded. UserError for unknown clips and units."""
    from matplotlib.figure import Figure

    from lit_emotalk.evaluate.coefficients.clips import read_faces
    from lit_emotalk.evaluate.coefficients.methods import Convertor
    from lit_emotalk.face.basis import LinearFace
    from lit_emotalk.metrics.closure import lip_gap
    from lit_emotalk.stages.space_plots import pixels_of

    try:
        columns = {unit: ARKIT.columns(unit) for unit in units}
    except KeyError as error:
        raise UserError(str(error.args[0])) from error
    clips = {clip.key: clip for clip in read_faces(shards, split)}
    missing = [key for key in keys if key not in clips]
    if missing:
        raise UserError(f"no clip {missing[0]} in split {split} of {shards}")
    spread = np.linspace(0, len(clips) - 1, min(CHOSEN_CLIPS, len(clips))).astype(int)
    chosen = [clips[key] for key in keys] or [list(clips.values())[place] for place in spread]
    convertor, face = Convertor(models, device=device), LinearFace.load()
    figure = Figure(figsize=(2.6 * (1 + len(units)), 1.7 * len(chosen) + 0.5), layout="constrained")
    grid = figure.subplots(len(chosen), 1 + len(units), squeeze=False)
    for row, clip in zip(grid, chosen, strict=True):
        code = convertor.code(clip, "text", list(clips.values()))
        made = convertor.expression(clip, code, clip.intensity)
        pairs = {"opening of the lips": (lip_gap(face, clip.true), lip_gap(face, made))}
        pairs |= {unit: (clip.true[:, some].mean(1), made[:, some].mean(1)) for unit, some in columns.items()}
        time = (np.arange(len(clip.true)) + 0.5) / FPS
        for axes, (name, (true, ours)) in zip(row, pairs.items(), strict=True):
            axes.plot(time, true, color="0.4", linewidth=1.2, label="truth")
            axes.plot(time, ours, color="tab:red", linewidth=1.2, label="predicted")
            axes.fill_between(
                time, 0, 1, where=clip.closed, transform=axes.get_xaxis_transform(), color="0.9", step="mid"
            )
            highest = max(float(true.max()), float(ours.max()))
            axes.set_ylim(-0.05, max(SMALLEST_RANGE, 1.05 * highest))
            axes.set_title(name, size=8)
            axes.tick_params(labelsize=6)
        row[0].set_ylabel(clip.key, size=6)
    grid[0, 0].legend(fontsize=6)
    grid[-1, 0].set_xlabel("seconds", size=7)
    return pixels_of(figure)


def attention_picture(
    models: Path, sound: Path | str, emotion: str, intensity: float, device: str
) -> np.ndarray:
    """The Transformer's attention averaged over heads and layers, rows look at columns, the intensity token
    the first of both; below, how much of each frame's attention goes to that token.

    Raises UserError for unreadable sound, a wrong emotion or intensity, or an EAC without the token.
    """
    import torch
    from matplotlib.figure import Figure

    from lit_emotalk.evaluate.coefficients.methods import Convertor
    from lit_emotalk.inference.emotion.codes import EmotionReader
    from lit_emotalk.inference.emotion.request import parse_emotion
    from lit_emotalk.io.audio import load_audio
    from lit_emotalk.models.hearing import hear
    from lit_emotalk.schema import SAMPLES_PER_FRAME
    from lit_emotalk.stages.space_plots import pixels_of

    asked = parse_emotion(emotion, intensity)
    convertor = Convertor(models, device=device)
    eac = convertor.eac
    if not eac.config.intensity or eac.config.codes != "space":
        raise UserError(f"{models}: this eac is a baseline without intensity token or emotion codes")
    samples = load_audio(sound)[: SAMPLES_PER_FRAME * eac.config.window]
    speech = torch.from_numpy(hear(samples, eac.config.hears))[None].to(device)
    with torch.inference_mode():
        code = EmotionReader(convertor.space).code(asked).to(device)
        strength = torch.tensor([asked.intensity], device=device)
        seen = eac.attention(speech, code[None], strength)[0].cpu().numpy()
    frames = len(seen) - 1
    figure = Figure(figsize=(6, 7), layout="constrained")
    map_axes, token_axes = figure.subplots(2, 1, height_ratios=(5, 1))
    map_axes.imshow(seen * len(seen), cmap="Oranges", vmin=0, vmax=float(np.quantile(seen, 0.99)) * len(seen))
    map_axes.set_title(f"{emotion}, intensity {intensity:g}: attention (rows look at columns)", size=9)
    map_axes.set_xlabel("intensity token, then frames", size=8)
    share = seen[1:, 0] * len(seen)
    token_axes.bar(np.arange(frames) / FPS, share, width=1 / FPS, align="edge", color="tab:orange")
    token_axes.set(xlim=(0, frames / FPS), xlabel="seconds", ylabel="to the token\n(1 = even)")
    return pixels_of(figure)
