"""Scenes of all kinds: flat, hard, dim, bright and coloured light, near and far cameras, any backdrop."""

from dataclasses import replace

import numpy as np

from data_prep.synthetic.scenes.scene import Scene, Triple, draw_scene

BACKDROPS = ("plain", "gradient", "room", "bokeh", "wall", "curtain", "outdoors", "shelves", "clutter")


def draw_varied_scene(rng: np.random.Generator) -> Scene:
    """A scene with a face that fills the frame, for a portrait rather than for head and shoulders."""
    scene = draw_scene(rng)
    azimuth, elevation = rng.triangular(-1.6, 0.0, 1.6), rng.triangular(-0.5, 0.4, 1.2)
    contrast = rng.beta(1.6, 1.3)
    total = rng.uniform(1.5, 2.7)
    key, ambient = total * (0.25 + 0.6 * contrast), total * (0.48 - 0.38 * contrast)
    warm = rng.normal(0, 0.9)
    fill = _coloured(rng) if rng.random() < 0.08 else _warm(-0.6 * warm)
    rim = _coloured(rng) if rng.random() < 0.15 else _warm(rng.normal(0, 0.8))
    return replace(
        scene,
        key_direction=_direction(azimuth, elevation),
        key_colour=_times(_warm(warm), key),
        fill_direction=_direction(
            -azimuth * rng.uniform(0.6, 1.4) + rng.normal(0, 0.4), rng.uniform(-0.6, 0.6)
        ),
        fill_colour=_times(fill, key * rng.uniform(0.05, 0.6)),
        rim_direction=_direction(np.pi + rng.uniform(-1.3, 1.3), rng.uniform(-0.2, 0.9)),
        rim_colour=_times(rim, rng.uniform(0, 1.6) if rng.random() < 0.5 else 0.0),
        sky=_times(_warm(rng.normal(-0.2, 0.5)), ambient),
        ground=_times(_warm(rng.normal(0.3, 0.5)), ambient * rng.uniform(0.3, 1.0)),
        exposure=float(np.exp(rng.normal(0.0, 0.17))),
        distance=float(np.exp(rng.uniform(np.log(4.5), np.log(22.0)))),
        half_width=float(rng.uniform(1.3, 1.75)),
        centre=(float(rng.normal(0, 0.05)), float(rng.normal(0.02, 0.05))),
        turn=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.06))),
        background=str(rng.choice(BACKDROPS)),
        background_colours=tuple(_tone(rng) for _ in range(3)),  # type: ignore[arg-type]
        grain=float(rng.uniform(0.0, 1.0)),
        cloth=_tone(rng),
    )


def _direction(azimuth: float, elevation: float) -> Triple:
    flat = np.cos(elevation)
    return float(flat * np.sin(azimuth)), float(np.sin(elevation)), float(flat * np.cos(azimuth))


def _warm(warmth: float) -> Triple:
    tint = np.clip(np.array([1.0 + 0.12 * warmth, 1.0, 1.0 - 0.16 * warmth]), 0.55, 1.5)
    return tuple(float(x) for x in tint)  # type: ignore[return-value]


def _coloured(rng: np.random.Generator) -> Triple:
    """A lamp of any hue."""
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (rng.random() + np.array([0.0, 0.333, 0.667])))
    return tuple(float(x) for x in 0.25 + 0.9 * wheel)  # type: ignore[return-value]


def _times(colour: Triple, power: float) -> Triple:
    return tuple(float(x * power) for x in colour)  # type: ignore[return-value]


def _tone(rng: np.random.Generator) -> Triple:
    """An sRGB colour: mostly muted, black to white."""
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (rng.random() + np.array([0.0, 0.333, 0.667])))
    grey, saturation = rng.uniform(0.02, 0.97), rng.beta(1.0, 3.0)
    return tuple(float(x) for x in np.clip(grey * (1 - saturation) + saturation * wheel * (0.3 + grey), 0, 1))  # type: ignore[return-value]
