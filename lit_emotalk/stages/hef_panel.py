"""Pictures of what the HEF generator does: one row per sample, columns named in `COLUMNS`."""

import math
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.io.files import atomic_path
from lit_emotalk.models.hef.generator import HEFOutput

COLUMNS = ("source", "target", "result", "warped source", "flow", "mask", "difference x 4")


def colour_flow(flow: Tensor, limit: float = 0.15) -> Tensor:
    """(B, 2, H, W) in half image widths -> (B, 3, H, W) in [0, 1]: hue is the direction, saturation the
    length.

    Lengths from `limit` on are fully saturated; no flow is white.
    """
    angle = torch.atan2(flow[:, 1], flow[:, 0])
    length = (flow.norm(dim=1) / limit).clamp(max=1)
    phases = torch.tensor([0.0, 2.0, 4.0], device=flow.device) * (math.pi / 3)
    hue = 0.5 + 0.5 * torch.cos(angle[:, None] - phases[:, None, None])
    return 1 - length[:, None] * (1 - hue)


def draw_panel(output: HEFOutput, source: Tensor, target: Tensor) -> Tensor:
    """uint8 (3, rows * S, columns * S); `source`, `target` (B, 3, S, S) in [-1, 1]."""
    size = target.shape[-2:]

    def fitted(image: Tensor) -> Tensor:
        return F.interpolate(image.float(), size=size, mode="nearest")

    columns = [
        (source + 1) / 2,
        (target + 1) / 2,
        (output.image + 1) / 2,
        (fitted(output.warped[-1]) + 1) / 2,
        colour_flow(fitted(output.flows[-1])),
        fitted(output.masks[-1]).expand(-1, 3, -1, -1),
        (output.image - target).abs() * 2,
    ]
    rows = torch.cat([column.float() for column in columns], -1)
    picture = torch.cat(list(rows), -2).clamp(0, 1)
    return (picture * 255).round().to(torch.uint8).cpu()


def save_panel(panel: Tensor, path: Path) -> None:
    """Write a panel (3, H, W) uint8 as PNG."""
    with atomic_path(path) as temporary:
        Image.fromarray(panel.permute(1, 2, 0).numpy()).save(temporary)
