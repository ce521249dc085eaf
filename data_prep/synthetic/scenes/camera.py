"""What a camera and a codec make of a picture: optics, tone, noise, size and compression (all our choice)."""

import io
from dataclasses import dataclass

import av
import cv2
import numpy as np
from PIL import Image

RED_GREEN_BLUE = np.array([0.2126, 0.7152, 0.0722], np.float32)
H264 = {"preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
"""With x264's macroblock tree equal pictures do not always give equal bytes."""


@dataclass(frozen=True)
class Camera:
    """One recording's camera. Lengths are in pixels of the picture.

    `blur`: standard deviation of the lens; `vignette`: how much darker the corners are, in [0, 1]; `balance`:
    gains of red, green and blue; `gamma`, `contrast` (1 keeps the picture) and `lift` (of black, in [0, 1])
    of the tone curve; `saturation`: 1 keeps the colours, 0 takes them away; `noise`: standard deviation in
    8-bit steps, `grain` that of its blur; `scale`: size it is recorded at, relative to the picture's;
    `sharpen`: how much of the lost detail the camera adds again; `codec`: none, jpeg (`quality` 1..95) or
    h264 (`quality` is the constant rate factor).
    """

    blur: float = 0.0
    vignette: float = 0.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 1.0
    lift: float = 0.0
    saturation: float = 1.0
    noise: float = 0.0
    grain: float = 0.0
    scale: float = 1.0
    sharpen: float = 0.0
    codec: str = "none"
    quality: int = 95


def draw_camera(rng: np.random.Generator) -> Camera:
    """A camera: a third are good, the others are soft, noisy, small, oversharpened or badly compressed."""
    poor = rng.random() < 0.65
    codec = str(rng.choice(["none", "jpeg", "h264"], p=[0.2, 0.3, 0.5]))
    low, high = ((35, 90) if poor else (75, 95)) if codec == "jpeg" else ((22, 36) if poor else (16, 24))
    red, green, blue = np.exp(rng.normal(0, [0.07, 0.025, 0.08]))
    return Camera(
        blur=float(rng.uniform(0.2, 1.3) if poor and rng.random() < 0.5 else rng.uniform(0.0, 0.4)),
        vignette=float(rng.uniform(0, 0.35) if rng.random() < 0.4 else 0.0),
        balance=(float(red), float(green), float(blue)),
        gamma=float(np.exp(rng.normal(0, 0.14))),
        contrast=float(np.exp(rng.normal(0.06, 0.11))),
        lift=float(rng.uniform(0, 0.06) if rng.random() < 0.25 else 0.0),
        saturation=float(np.clip(rng.normal(0.95, 0.17), 0.4, 1.4) if rng.random() > 0.02 else 0.0),
        noise=float(rng.uniform(1.0, 7.0) if poor and rng.random() < 0.6 else rng.uniform(0.0, 1.5)),
        grain=float(rng.uniform(0.0, 0.9)),
        scale=float(rng.uniform(0.42, 1.0) if poor and rng.random() < 0.5 else 1.0),
        sharpen=float(rng.uniform(0.1, 0.9) if rng.random() < 0.4 else 0.0),
        codec=codec,
        quality=int(rng.integers(low, high)),
    )


def record(pictures: list[np.ndarray], camera: Camera, rng: np.random.Generator) -> list[np.ndarray]:
    """Consecutive pictures, each (S, S, 3) uint8 RGB with S even, as `camera` records them; as many."""
    seen = [_see(picture, camera, rng) for picture in pictures]
    if camera.codec == "jpeg":
        seen = [_through_jpeg(picture, camera.quality) for picture in seen]
    elif camera.codec == "h264":
        seen = _through_h264(seen, camera.quality)
    side = pictures[0].shape[0]
    return [_resized(picture, side, cv2.INTER_CUBIC) for picture in seen]


def _see(picture: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Optics, sensor and development of one picture, at the size that is recorded."""
    side = picture.shape[0]
    light: np.ndarray = picture.astype(np.float32) / 255.0
    if camera.blur > 0.2:
        light = _blurred(light, camera.blur)
    if camera.vignette:
        place = np.linspace(-1, 1, side, dtype=np.float32)
        light *= (1 - camera.vignette * (place[:, None] ** 2 + place**2) / 2)[..., None]
    light *= np.array(camera.balance, np.float32)
    if camera.noise:
        noise: np.ndarray = rng.standard_normal(light.shape, dtype=np.float32)
        if camera.grain > 0.3:
            noise = _blurred(noise, camera.grain)
            noise /= noise.std()
        light += noise * (camera.noise / 255.0)
    light = np.clip(light, 0, 1) ** camera.gamma
    light = 0.5 + (light - 0.5) * camera.contrast
    grey = (light @ RED_GREEN_BLUE)[..., None]
    light = camera.lift + (1 - camera.lift) * (grey + (light - grey) * camera.saturation)
    if camera.scale < 1:
        light = _resized(light, max(2 * round(side * camera.scale / 2), 32), cv2.INTER_AREA)
    if camera.sharpen:
        light += camera.sharpen * (light - _blurred(light, 1.0))
    return (np.clip(light, 0, 1) * 255.0 + 0.5).astype(np.uint8)


def _blurred(picture: np.ndarray, deviation: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation))


def _resized(picture: np.ndarray, side: int, interpolation: int) -> np.ndarray:
    if picture.shape[0] == side:
        return picture
    return np.asarray(cv2.resize(picture, (side, side), interpolation=interpolation))


def _through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _through_h264(pictures: list[np.ndarray], rate_factor: int) -> list[np.ndarray]:
    """Pictures (S, S, 3) of one even size, encoded in memory and decoded again."""
    buffer = io.BytesIO()
    side = pictures[0].shape[0]
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options=H264 | {"crf": str(rate_factor)})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer, "r") as written:
        return [frame.to_ndarray(format="rgb24") for frame in written.decode(video=0)]
