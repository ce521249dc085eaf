"""Rendered heads, and twenty difficult portraits of them: odd crops, sizes, turns and file formats."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.coefficients import ARKIT

SEED = 9_100_000
SIZE = 512
ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""
TURNED = 6
"""The EXIF orientation of a picture whose camera was held upright: turned by a quarter when shown."""


@cache
def renderer_of(seed: int, number: int, scene: int, size: int = 256) -> Renderer:
    """Draws a person in a drawn scene; made once: its pictures follow from what is asked."""
    return Renderer(draw_identity(seed, number), draw_scene(np.random.default_rng(scene)), size=size)


@cache
def rendered(number: int, yaw: float) -> Image.Image:
    """Head and shoulders of person `number`, turned by `yaw` degrees."""
    renderer = renderer_of(SEED, number, number, SIZE)
    rest = np.zeros(ARKIT.expression_size, np.float32)
    return Image.fromarray(renderer.frame(rest, np.array([0.0, np.deg2rad(yaw), 0.0]), np.zeros(2)))


def head(number: int, size: int = 512, yaw: float = 0.0) -> Image.Image:
    """The same, scaled to `size` pixels square."""
    return rendered(number, yaw).resize((size, size), Image.Resampling.LANCZOS)


def beside(*pictures: Image.Image) -> Image.Image:
    """Pictures in a row on grey, their feet at one height."""
    row = Image.new(
        "RGB", (sum(each.width for each in pictures), max(each.height for each in pictures)), "grey"
    )
    left = 0
    for each in pictures:
        row.paste(each, (left, row.height - each.height))
        left += each.width
    return row


def scenery(size: tuple[int, int], picture: Image.Image, at: tuple[int, int]) -> Image.Image:
    """A picture somewhere on a large ground of soft colours."""
    noise = np.random.default_rng(0).integers(90, 170, (6, 9, 3), np.uint8)
    ground = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    ground.paste(picture, at)
    return ground


def turned_file(path: Path) -> None:
    """A jpg whose pixels lie on their side and whose EXIF says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED
    head(1).rotate(90, expand=True).save(path, exif=exif)


def transparent(picture: Image.Image) -> Image.Image:
    """The picture in a disc, nothing around it."""
    rows, columns = np.indices((picture.height, picture.width)) / picture.height - 0.5
    shape = Image.fromarray(np.where(rows**2 + columns**2 < 0.24, 255, 0).astype(np.uint8))
    picture = picture.copy()
    picture.putalpha(shape)
    return picture


MAKERS: dict[str, Callable[[Path], None]] = {
    "plain.png": lambda path: head(0).save(path),
    "tiny_64.png": lambda path: head(1, 64).save(path),
    "tiny_40.jpg": lambda path: head(0, 40).save(path),
    "huge_8k.jpg": lambda path: head(2).resize((8000, 8000), Image.Resampling.BICUBIC).save(path),
    "far_in_4k.jpg": lambda path: scenery((3840, 2160), head(3, 360), (3000, 1500)).save(path),
    "wide_strip.png": lambda path: scenery((2000, 300), head(0, 300), (850, 0)).save(path),
    "off_centre.png": lambda path: scenery((900, 700), head(1, 400), (0, 300)).save(path),
    "rotated_30.png": lambda path: head(2).rotate(30, Image.Resampling.BICUBIC, fillcolor="grey").save(path),
    "rotated_60.png": lambda path: head(2).rotate(-60, Image.Resampling.BICUBIC, fillcolor="grey").save(path),
    "upside_down.png": lambda path: head(3).rotate(180).save(path),
    "two_faces.png": lambda path: beside(head(0, 320), head(1, 448)).save(path),
    "half_face.png": lambda path: head(3).crop((0, 0, 256, 512)).save(path),
    "face_alone.png": lambda path: head(3).crop((150, 120, 360, 360)).save(path),
    "chin_cut.png": lambda path: head(0).crop((60, 0, 452, 300)).save(path),
    "profile.png": lambda path: head(1, yaw=85).save(path),
    "half_profile.png": lambda path: head(1, yaw=40).save(path),
    "grey.jpg": lambda path: head(2).convert("L").save(path),
    "rgba.png": lambda path: transparent(head(3)).save(path),
    "cmyk.jpg": lambda path: head(0).convert("CMYK").save(path),
    "exif_turned.jpg": turned_file,
}
"""File name -> what writes it."""


def make_portraits(folder: Path) -> list[Path]:
    """Write all twenty into `folder`; returns their paths."""
    paths = [folder / name for name in MAKERS]
    for path in paths:
        MAKERS[path.name](path)
    return paths
