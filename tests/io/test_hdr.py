"""Videos of high dynamic range look like the ordinary video of the same scene."""

from pathlib import Path

import av
import numpy as np
import pytest

from lit_emotalk.io.hdr import HLG, PQ
from lit_emotalk.io.video import read_frames

PATCHES = np.array([
    (30, 30, 30), (90, 90, 90), (150, 150, 150), (210, 210, 210),
    (205, 160, 135), (150, 105, 80), (190, 80, 90), (60, 90, 180),
])  # fmt: skip
"""SDR colours: greys, skin, lips, a cold one."""
SDR, BT709, BT2020 = 1, 1, 9


def hlg(nits: np.ndarray) -> np.ndarray:
    """BT.2020 display light (..., 3) in nits as HLG's code values, by BT.2100's inverse OOTF and its OETF."""
    display = nits / 1000
    luminance = display @ np.array([0.2627, 0.6780, 0.0593])
    scene = display * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def pq(nits: np.ndarray) -> np.ndarray:
    """The same as PQ's, by SMPTE ST 2084's inverse EOTF."""
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def write(path: Path, codes: np.ndarray, transfer: int, colours: int, weights: tuple[float, float]) -> Path:
    """Patches (8, 3) of code values 0..1 side by side as 10 bit video of that transfer, Y'CbCr by weights of
    red and blue."""
    red, blue = weights
    luma = codes @ np.array([red, 1 - red - blue, blue])
    planes = [
        64 + 876 * luma,
        512 + 896 * (codes[:, 2] - luma) / (2 * (1 - blue)),
        512 + 896 * (codes[:, 0] - luma) / (2 * (1 - red)),
    ]
    wide = [np.tile(np.repeat(plane, 32 if index == 0 else 16), (64 if index == 0 else 32, 1))
            for index, plane in enumerate(planes)]  # fmt: skip
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 256, 64, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, colours, colours
        context.color_range = 1
        for index in range(3):
            frame = av.VideoFrame(256, 64, "yuv420p10le")
            for plane, values in zip(frame.planes, wide, strict=True):
                rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                rows[:, : values.shape[1]] = np.round(values)
                plane.update(rows.tobytes())
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def colours_of(path: Path) -> np.ndarray:
    picture = next(iter(read_frames(path))).astype(float)
    return picture.reshape(64, 8, 32, 3)[16:48, :, 8:24].mean((0, 2))


@pytest.mark.parametrize(("transfer", "encode"), [(HLG, hlg), (PQ, pq)], ids=["HLG", "PQ"])
def test_the_same_scene_looks_the_same(tmp_path: Path, transfer: int, encode) -> None:
    to_2020 = np.array(
        [[0.627404, 0.329283, 0.043313], [0.069097, 0.919540, 0.011362], [0.016391, 0.088013, 0.895595]]
    )
    nits = 203 * (PATCHES / 255) ** 2.4 @ to_2020.T
    path = write(tmp_path / "bright.mp4", encode(nits), transfer, BT2020, (0.2627, 0.0593))
    assert np.abs(colours_of(path) - PATCHES).max() < 6
    highlights = write(
        tmp_path / "brighter.mp4", encode(np.linspace(100, 900, 8)[:, None] * np.ones(3)), transfer, BT2020,
        (0.2627, 0.0593),
    )  # fmt: skip
    levels = colours_of(highlights)
    assert (
        (np.diff(levels[:, 1])[:4] > 0.5).all() and levels.max() <= 255 and np.ptp(levels, axis=1).max() < 3
    )


def test_ten_bits_of_ordinary_range_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.mp4", PATCHES / 255, SDR, BT709, (0.2126, 0.0722))
    assert np.abs(colours_of(path) - PATCHES).max() < 4
