"""What is around the person: lights, background, camera and clothes, drawn from a random generator."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Triple = tuple[float, float, float]

BACKGROUNDS = ("plain", "gradient", "room", "bokeh", "wall")
NECKLINES = ("crew", "vee", "high", "scoop", "shirt")


@dataclass(frozen=True)
class Scene:
    """One recording's surroundings. Directions point from the face to the light, in view axes (x right, y
    up, z towards the camera); light colours are linear RGB.

    `distance` of the camera from the head's centre in dm; `half_width` of the frame at that distance in dm;
    `centre` of the head in the frame in half widths (right, down); `turn` of the camera around the person
    (yaw, pitch) in radians; `exposure` a factor; `grain` the standard deviation of sensor noise in 8-bit
    steps; `cloth` sRGB.
    """

    key_direction: Triple
    key_colour: Triple
    fill_direction: Triple
    fill_colour: Triple
    rim_direction: Triple
    rim_colour: Triple
    sky: Triple
    ground: Triple
    exposure: float
    distance: float
    half_width: float
    centre: tuple[float, float]
    turn: tuple[float, float]
    background: str
    background_colours: tuple[Triple, Triple, Triple]
    noise: int
    grain: float
    cloth: Triple
    neckline: str

    def to_json(self) -> dict[str, Any]:
        """As plain lists, dicts and numbers."""
        return asdict(self)


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene: a key light from either side (three quarters of them soft and frontal), a fill, a rim,
    sky and ground light; a portrait lens at 0.6 to 1.5 m; head and shoulders in the frame.
    """
    side = rng.choice([-1.0, 1.0])
    azimuth = side * rng.uniform(0.15, 1.05)
    warmth = rng.normal(0, 0.5)
    key = rng.uniform(1.25, 1.9)
    ambient = rng.uniform(0.25, 0.45)
    hue = rng.random(3)
    return Scene(
        key_direction=_direction(azimuth, rng.uniform(0.2, 0.85)),
        key_colour=_light(key, warmth),
        fill_direction=_direction(-azimuth * rng.uniform(0.7, 1.3), rng.uniform(-0.1, 0.5)),
        fill_colour=_light(key * rng.uniform(0.15, 0.45), -warmth * 0.7),
        rim_direction=_direction(-side * rng.uniform(2.0, 2.7), rng.uniform(0.1, 0.7)),
        rim_colour=_light(rng.uniform(0.0, 1.4), rng.normal(0, 0.7)),
        sky=_light(ambient, -0.35 * warmth - 0.1),
        ground=_light(ambient * rng.uniform(0.35, 0.7), 0.5),
        exposure=float(rng.uniform(0.85, 1.12)),
        distance=float(rng.uniform(6.0, 15.0)),
        half_width=float(rng.uniform(1.5, 2.0)),
        centre=(float(rng.normal(0, 0.03)), float(rng.normal(0.0, 0.025))),
        turn=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.03))),
        background=str(rng.choice(BACKGROUNDS)),
        background_colours=tuple(_tone(hue[i], rng) for i in range(3)),  # type: ignore[arg-type]
        noise=int(rng.integers(2**31)),
        grain=float(rng.uniform(0.0, 1.2)),
        cloth=_tone(rng.random(), rng),
        neckline=str(rng.choice(NECKLINES)),
    )


def _direction(azimuth: float, elevation: float) -> Triple:
    flat = np.cos(elevation)
    return float(flat * np.sin(azimuth)), float(np.sin(elevation)), float(flat * np.cos(azimuth))


def _light(power: float, warmth: float) -> Triple:
    tint = np.array([1.0 + 0.12 * warmth, 1.0, 1.0 - 0.16 * warmth])
    return tuple(float(x) for x in power * np.clip(tint, 0.6, 1.5))  # type: ignore[return-value]


def _tone(hue: float, rng: np.random.Generator) -> Triple:
    """A muted sRGB colour of the given hue in [0, 1)."""
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue + np.array([0.0, 0.333, 0.667])))
    grey, saturation = rng.uniform(0.12, 0.75), rng.uniform(0.05, 0.55)
    return tuple(float(x) for x in np.clip(grey * (1 - saturation) + saturation * wheel * (0.3 + grey), 0, 1))  # type: ignore[return-value]
