"""Tiny clips of drawn faces and hummed speech.

The drawings are made of arrays alone: no landmarker, no rendered heads. Emotion shows in mouth, brows and
pitch, the jaw follows the phonemes, and loudness follows the jaw: a stage can learn from a few clips.
"""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data_prep.clips.record import Clip, jpg_bytes
from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk import schema
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face import regions

TINY_SIZE = 64
TINY_SPLITS = {"train": ["M001"], "val": ["W002"], "test": ["M003"]}
TINY_CLIPS = (
    ("M001", "happy", 3, 40),
    ("M001", "angry", 3, 50),
    ("M001", "neutral", 1, 30),
    ("M001", "happy", 1, 36),
    ("W002", "happy", 3, 32),
    ("W002", "angry", 1, 44),
    ("M003", "angry", 3, 35),
    ("M003", "happy", 2, 30),
)
"""Speaker, emotion, level, frames of every tiny clip."""

JAW_OF_PHONEME = {"m": 0.02, "a": 0.7, "i": 0.3, "s": 0.12, "o": 0.5, "b": 0.02}
UNITS_OF_EMOTION = {
    "happy": ("mouthSmile", "cheekSquint"),
    "angry": ("browDown", "mouthPress"),
    "neutral": (),
}
SKIN_OF_SPEAKER = {"M001": (205, 160, 135), "W002": (235, 195, 175), "M003": (150, 105, 80)}
PITCH_OF_EMOTION = {"happy": 1.5, "angry": 1.25, "neutral": 1.0}


def pack_tiny(clips: list[Clip], folder: Path, hears: schema.Hears = "mel") -> Path:
    """Shards of the tiny clips with what networks of that hearing need; returns the folder."""
    pack_clips(clips, folder, Corpus("synthetic", "arkit", TINY_SIZE, TINY_SPLITS, "tests", hears), 2)
    return folder


def pack_sound(folder: Path) -> Path:
    """Shards of sound only; returns the folder."""
    clips = []
    for number, (speaker, emotion) in enumerate(
        [("M001", "angry")] * 5 + [("W002", "angry"), ("W002", "happy")]
    ):
        clip = draw_clip(speaker, emotion, 2, 20, name=f"s{number}")
        record = {**clip.record, "layout": None, "frame_size": None, "key_frame": None, "crop": None}
        clips.append(Clip(record=record, samples=clip.samples))
    pack_clips(clips, folder, Corpus("ravdess", None, None, TINY_SPLITS, "tests"), clips_per_shard=2)
    return folder


def pack_acted(folder: Path) -> Path:
    """Shards of sound and coefficients without pictures; returns the folder."""
    clips = []
    for number, emotion in enumerate(("angry", "happy", "angry", "neutral")):
        clip = draw_clip("M001", emotion, 2, 24, name=f"a{number}")
        record = {**clip.record, "frame_size": None, "crop": None}
        clips.append(Clip(record, clip.samples, clip.coeffs, clip.single))
    pack_clips(clips, folder, Corpus("synthetic", "arkit", None, TINY_SPLITS, "tests"), clips_per_shard=2)
    return folder


def draw_clip(
    speaker: str, emotion: str, level: int, frames: int, size: int = TINY_SIZE, name: str = "001"
) -> Clip:
    """A clip of a drawn, humming face; every number is a function of the arguments."""
    key = f"{speaker}_{emotion}_{level}_{name}"
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    phonemes = _phonemes(rng, frames)
    coeffs = _coefficients(rng, emotion, level, phonemes, frames)
    landmarks = np.stack([place_landmarks(row) for row in coeffs])
    record = {
        "key": key,
        "corpus": "synthetic",
        "speaker": speaker,
        "emotion": emotion,
        "level": level,
        "text": "hum along",
        "frames": frames,
        "frame_size": size,
        "layout": ARKIT.name,
        "key_frame": int(np.argmax(coeffs[:, ARKIT.columns("mouthSmile", "browDown")].sum(1))),
        "crop": [size / 2, size / 2, size / 2],
        "source": f"{speaker}/video/front/{emotion}/level_{level}/{name}.mp4",
        "phonemes": phonemes,
        "scene": None,
        "lost_frames": 0,
    }
    noise = rng.normal(0, 0.03, (frames, ARKIT.expression_size))
    return Clip(
        record=record,
        samples=_hum(rng, emotion, coeffs[:, ARKIT.columns("jawOpen")[0]]),
        coeffs=coeffs,
        single=np.clip(coeffs[:, ARKIT.expression] + noise, 0, 1).astype(np.float32),
        landmarks=landmarks,
        frames=[jpg_bytes(draw_face(points, SKIN_OF_SPEAKER[speaker], size)) for points in landmarks],
    )


def _phonemes(rng: np.random.Generator, frames: int) -> list[list]:
    seconds = frames / schema.FPS
    ends = np.append(np.arange(0.16, seconds - 0.08, 0.16), seconds)
    names = rng.choice(list(JAW_OF_PHONEME), len(ends))
    starts = np.append(0.0, ends[:-1])
    return [
        [str(name), round(float(a), 3), round(float(b), 3)]
        for name, a, b in zip(names, starts, ends, strict=True)
    ]


def _coefficients(
    rng: np.random.Generator, emotion: str, level: int, phonemes: list[list], frames: int
) -> np.ndarray:
    time = (np.arange(frames) + 0.5) / schema.FPS
    rate = rng.uniform(0.3, 1.5, ARKIT.size)
    phase = rng.uniform(0, 2 * np.pi, ARKIT.size)
    waves = np.sin(2 * np.pi * rate * time[:, None] + phase)
    coeffs = 0.04 * (1 + waves)
    for prefix in UNITS_OF_EMOTION[emotion]:
        columns = ARKIT.columns(prefix)
        coeffs[:, columns] = level / 3 * (0.7 + 0.15 * waves[:, columns[:1]])
    jaw = np.zeros(frames)
    for name, start, end in phonemes:
        jaw[(time >= start) & (time < end)] = JAW_OF_PHONEME[name]
    coeffs[:, ARKIT.columns("jawOpen")[0]] = np.convolve(
        np.pad(jaw, 1, mode="edge"), [0.25, 0.5, 0.25], "valid"
    )
    coeffs[:, ARKIT.columns("eyeBlink")] = (np.sin(2 * np.pi * 0.7 * time + phase[0]) > 0.95)[:, None] * 0.9
    coeffs[:, ARKIT.pose] = 0.04 * waves[:, ARKIT.pose]
    coeffs[:, -1] -= 0.6
    return coeffs.astype(np.float32)


def place_landmarks(coefficients: np.ndarray) -> np.ndarray:
    """Where the 478 points of the drawn face lie, in crop units: coefficients (57,) -> (478, 3) float32."""
    jaw = float(coefficients[ARKIT.columns("jawOpen")[0]])
    smile = float(ARKIT.mean_of(coefficients, "mouthSmile"))
    brow = float(ARKIT.mean_of(coefficients, "browDown"))
    blink = float(ARKIT.mean_of(coefficients, "eyeBlink"))
    index = np.arange(schema.LANDMARKS)
    radius, angle = np.sqrt(index / schema.LANDMARKS), index * np.pi * (3 - np.sqrt(5))
    points = np.stack([0.28 * radius * np.cos(angle), 0.36 * radius * np.sin(angle), -0.2 * (1 - radius)], -1)
    oval = np.linspace(0, 2 * np.pi, len(regions.FACE_OVAL), endpoint=False) - np.pi / 2
    _put(
        points,
        regions.FACE_OVAL,
        0.28 * np.cos(oval),
        0.36 * np.sin(oval) + 0.05 * jaw * (np.sin(oval) > 0.7),
    )
    for contour, width, height in ((regions.LIPS_OUTER, 0.1, 0.035), (regions.LIPS_INNER, 0.08, 0.004)):
        turn = np.pi - np.arange(len(contour)) / len(contour) * 2 * np.pi
        x = (1 + 0.3 * smile) * width * np.cos(turn)
        y = height * np.sin(turn) + 0.1 * jaw * np.clip(np.sin(turn), 0, 1) - 0.6 * smile * np.abs(x)
        _put(points, contour, x, y + 0.2)
    for side, eye, iris, brows in (
        (-1, regions.RIGHT_EYE, regions.RIGHT_IRIS, regions.RIGHT_BROW),
        (1, regions.LEFT_EYE, regions.LEFT_IRIS, regions.LEFT_BROW),
    ):
        turn = np.arange(len(eye)) / len(eye) * 2 * np.pi
        lid = 0.025 * (1 - blink) * np.sin(turn)
        _put(points, eye, side * (0.11 + 0.045 * np.cos(turn)), lid - 0.08)
        _put(points, iris, side * 0.11 + 0.015 * np.array([0, 1, 0, -1, 0]), -0.08)
        across = np.tile(np.linspace(0.06, 0.17, 5), 2)
        _put(points, brows, side * across, -0.16 + 0.05 * brow + np.repeat([0.0, -0.02], 5))
    _put(points, regions.NOSE_BRIDGE, 0, np.linspace(-0.06, 0.08, len(regions.NOSE_BRIDGE)))
    shift = np.array([0.5, 0.52, 0.0])
    shift[:2] += 0.5 * coefficients[ARKIT.pose][3:5]
    return (points + shift).astype(np.float32)


def _put(points: np.ndarray, indices: tuple[int, ...], x: np.ndarray | float, y: np.ndarray | float) -> None:
    points[list(indices), 0] = x
    points[list(indices), 1] = y


def draw_face(points: np.ndarray, skin: tuple[int, int, int], size: int) -> np.ndarray:
    """The face whose landmarks are `points` (478, 3), as uint8 (size, size, 3)."""
    scale = 4 * size
    picture = Image.new("RGB", (scale, scale), (70, 90, 120))
    draw = ImageDraw.Draw(picture)

    def polygon(indices: tuple[int, ...], colour: tuple[int, int, int]) -> None:
        draw.polygon([(float(x) * scale, float(y) * scale) for x, y, _ in points[list(indices)]], fill=colour)

    polygon(regions.FACE_OVAL, skin)
    for brow in (regions.RIGHT_BROW, regions.LEFT_BROW):
        polygon(brow[:5] + brow[:4:-1], (60, 40, 30))
    for eye, iris in ((regions.RIGHT_EYE, regions.RIGHT_IRIS), (regions.LEFT_EYE, regions.LEFT_IRIS)):
        polygon(eye, (240, 240, 240))
        if np.ptp(points[list(eye), 1]) > 0.02:
            polygon((iris[1], iris[2], iris[3], iris[4]), (40, 60, 90))
            x, y, _ = points[iris[0]] * scale
            draw.ellipse(
                (x - 0.012 * scale, y - 0.012 * scale, x + 0.012 * scale, y + 0.012 * scale), (40, 60, 90)
            )
    polygon(regions.LIPS_OUTER, (190, 80, 90))
    polygon(regions.LIPS_INNER, (60, 15, 20))
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))


def _hum(rng: np.random.Generator, emotion: str, jaw: np.ndarray) -> np.ndarray:
    """A buzzing voice, (T * 640,): louder where the jaw is open, higher pitched by emotion."""
    frames = len(jaw)
    loudness = np.interp(
        np.arange(frames * schema.SAMPLES_PER_FRAME),
        (np.arange(frames) + 0.5) * schema.SAMPLES_PER_FRAME,
        jaw,
    )
    time = np.arange(frames * schema.SAMPLES_PER_FRAME) / schema.SAMPLE_RATE
    pitch = 140 * PITCH_OF_EMOTION[emotion] * (1 + 0.02 * np.sin(2 * np.pi * 5 * time))
    turns = 2 * np.pi * np.cumsum(pitch) / schema.SAMPLE_RATE
    voice = sum(np.sin(k * turns) / k for k in range(1, 12))
    hiss = rng.normal(0, 0.003, len(time))
    return (0.2 * loudness * voice + hiss).astype(np.float32)
