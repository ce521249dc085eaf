"""What remains to be made of a batch of frames, on the device that trains.

Loader processes hand on what was read and drawn: pictures as bytes, a move and colours for each sample,
boxes. So a sample costs its process hardly more than decoding, and a quarter of the bytes go to the device.
"""

import torch
from torch import Tensor

from lit_emotalk.data.decode_frames import PARTS
from lit_emotalk.data.pipeline import Batch
from lit_emotalk.data.recolour import recoloured
from lit_emotalk.data.reframe import moved

PICTURES = ("source", "target", "following_target", "second")


def finished(batch: Batch, mouth: float, eyes: float) -> Batch:
    """A batch of `PairsDecoder`'s samples as stage hef reads it: its pictures as float32 (B, 3, S, S) in
    [-1, 1], moved and recoloured; `region`, see `region_weights`, in place of the boxes."""
    rest = {name: value for name, value in batch.items() if name not in ("move", "colours", "boxes")}
    pictures = {
        name: shown(batch[name], batch.get("move"), batch.get("colours"))
        for name in PICTURES
        if name in batch
    }
    side = pictures["target"].shape[-1]
    return rest | pictures | {"region": region_weights(batch["boxes"], side, mouth, eyes)}


def shown(pixels: Tensor, moves: Tensor | None, colours: Tensor | None) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1] of uint8 (B, S, S, 3); moves (B, 2, 3), colours (B, 4): see `moved`,
    `recoloured`."""
    images = pixels.permute(0, 3, 1, 2).contiguous().to(torch.float32).div_(127.5).sub_(1.0)
    if moves is not None:
        images = moved(images, moves)
    return images if colours is None else recoloured(images, colours)


def region_weights(boxes: Tensor, size: int, mouth: float, eyes: float) -> Tensor:
    """Weights (B, 1, size, size) of the pixels: 1, raised to `mouth` and `eyes` inside these boxes.

    boxes: int (B, 3, 4), x0, y0, x1, y1 in pixels, of the parts in `decode_frames.PARTS`.
    """
    places = torch.arange(size, device=boxes.device)
    x0, y0, x1, y1 = boxes[..., None].unbind(2)
    across, down = (places >= x0) & (places < x1), (places >= y0) & (places < y1)
    inside = down[..., :, None] & across[..., None, :]
    levels = (mouth if part == "mouth" else eyes for part in PARTS)
    weights = torch.ones_like(inside[:, :1], dtype=torch.float32)
    for part, level in zip(inside.split(1, dim=1), levels, strict=True):
        weights = torch.where(part, weights.clamp(min=level), weights)
    return weights
