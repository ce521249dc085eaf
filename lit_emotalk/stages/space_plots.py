"""Pictures of the emotion space by matplotlib: confusion matrices, a map of all modalities, attention over
sound."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lit_emotalk.schema import FPS

DPI = 110
MARKERS = {"text": "*", "audio": "o", "image": "^"}


@dataclass(frozen=True, eq=False)
class Heard:
    """A clip and where the audio encoder looks: a title; its sound's samples or loudness in [-1, 1] (N,),
    evenly spread over the clip; the attention (T,) of every video frame, from 0."""

    title: str
    wave: np.ndarray
    attention: np.ndarray


def confusion(predicted: np.ndarray, true: np.ndarray, emotions: int) -> np.ndarray:
    """Counts (E, E), rows the true emotion, from indices (N,)."""
    table = np.zeros((emotions, emotions), dtype=np.int64)
    np.add.at(table, (true, predicted), 1)
    return table


def draw_confusions(tables: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Confusion matrices side by side as uint8 (H, W, 3): title -> counts (E, E), rows the true emotion.

    Colours are shares of a row, numbers counts; emotions that are neither true nor found are left out.
    """
    seen = [i for i in range(len(names)) if any(t[i].sum() + t[:, i].sum() for t in tables.values())]
    labels = [names[i] for i in seen]
    figure = Figure(figsize=(0.6 * len(seen) * len(tables) + 2, 0.5 * len(seen) + 1.6), layout="constrained")
    for axes, (title, counts) in zip(
        figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True
    ):
        shown = counts[np.ix_(seen, seen)]
        shares = shown / shown.sum(1, keepdims=True).clip(min=1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(shown):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(shown[row, column]), ha="center", va="center", color=colour, size=8)
        axes.set_xticks(range(len(seen)), labels, rotation=60, ha="right", size=8)
        axes.set_yticks(range(len(seen)), labels, size=8)
        axes.set_title(title, size=9)
        axes.set_xlabel("found", size=8)
        axes.set_ylabel("true", size=8)
    return pixels_of(figure)


def principal_axes(codes: Sequence[np.ndarray], count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and the leading principal axes (count, D) of several sets of codes (N, D), each set with the
    same weight however large; the largest entry of an axis is positive."""
    mean = np.mean([part.mean(0) for part in codes], axis=0)
    weighted = np.concatenate([(part - mean) / len(part) ** 0.5 for part in codes])
    axes = np.linalg.svd(weighted, full_matrices=False)[2][:count]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], axis=1)
    return mean, axes * np.sign(largest)


def draw_map(codes: dict[str, tuple[np.ndarray, np.ndarray]], names: Sequence[str]) -> np.ndarray:
    """A 2-D map of the space with all modalities as uint8 (H, W, 3).

    modality (text, audio, image) -> codes (N, D) and emotions (N,). The axes are the two principal ones;
    colours are emotions, shapes modalities.
    """
    mean, axes_of = principal_axes([part for part, _ in codes.values()])
    colours = colormaps["tab10"]
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    for modality, (part, emotion) in codes.items():
        places = (part - mean) @ axes_of.T
        axes.scatter(
            places[:, 0],
            places[:, 1],
            s=60 if modality == "text" else 18,
            marker=MARKERS[modality],
            c=[colours(int(e)) for e in emotion],
            edgecolors="black" if modality == "text" else "none",
            linewidths=0.4,
            alpha=0.9 if modality == "text" else 0.6,
        )
    for number in sorted({int(e) for _, emotion in codes.values() for e in emotion}):
        axes.scatter([], [], color=colours(number), label=names[number])
    for modality in codes:
        axes.scatter([], [], color="black", marker=MARKERS[modality], label=modality)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axes.set_xlabel("first principal axis", size=8)
    axes.set_ylabel("second principal axis", size=8)
    return pixels_of(figure)


def draw_attention(clips: Sequence[Heard]) -> np.ndarray:
    """A row for each clip as uint8 (H, W, 3): its sound, and over it the attention of every frame relative to
    an even one, as a line and as colour (the supplement's Fig. 4a)."""
    figure = Figure(figsize=(9, 1.9 * len(clips) + 0.4), layout="constrained")
    for axes, clip in zip(figure.subplots(len(clips), 1, squeeze=False)[:, 0], clips, strict=True):
        frames = len(clip.attention)
        seconds = frames / FPS
        relative = clip.attention * frames / max(float(clip.attention.sum()), 1e-12)
        time = (np.arange(len(clip.wave)) + 0.5) / len(clip.wave) * seconds
        loudest = max(float(np.abs(clip.wave).max()), 1e-9)
        axes.imshow(
            relative[None], aspect="auto", cmap="Oranges", extent=(0, seconds, -1, 1), alpha=0.6, vmin=0
        )
        axes.plot(time, clip.wave / loudest, color="0.35", linewidth=0.5)
        axes.set(ylim=(-1, 1), yticks=[], xlim=(0, seconds))
        axes.set_title(clip.title, size=9)
        line = axes.twinx()
        line.plot((np.arange(frames) + 0.5) / FPS, relative, color="tab:red", linewidth=1.2)
        line.set_ylim(bottom=0)
        line.set_ylabel("attention\n(1 = even)", size=8)
    axes.set_xlabel("seconds", size=8)
    return pixels_of(figure)


def pixels_of(figure: Figure) -> np.ndarray:
    """A figure as uint8 (H, W, 3)."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
