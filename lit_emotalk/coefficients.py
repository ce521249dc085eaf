"""Coefficient layouts: what each column of a coefficient array means.

A frame's coefficients are `layout.size` numbers: the expression (`layout.expression`) followed by the pose
(`POSE_SIZE` = 6): rotation vector in radians (3), translation of the face's centre from the crop's centre
in units of the crop's half width (2: right, down), log of the face's scale relative to that half width (1).
"""

from dataclasses import dataclass

import numpy as np

POSE_SIZE = 6

ARKIT_NAMES: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """A coefficient layout.

    `names` are the expression columns; `low` and `high` bound them.
    """

    name: str
    names: tuple[str, ...]
    low: float
    high: float

    @property
    def expression_size(self) -> int:
        """Number of expression coefficients."""
        return len(self.names)

    @property
    def size(self) -> int:
        """Expression and pose together."""
        return len(self.names) + POSE_SIZE

    @property
    def expression(self) -> slice:
        """Columns of the expression."""
        return slice(0, len(self.names))

    @property
    def pose(self) -> slice:
        """Columns of the pose."""
        return slice(len(self.names), self.size)

    def columns(self, *prefixes: str) -> list[int]:
        """Expression columns whose names start with one of `prefixes`, in order.

        Raises KeyError if a prefix names no column.
        """
        for prefix in prefixes:
            if not any(name.startswith(prefix) for name in self.names):
                raise KeyError(f"layout {self.name} has no coefficient named {prefix}*")
        return [i for i, name in enumerate(self.names) if name.startswith(prefixes)]

    def mirrored(self) -> np.ndarray:
        """For each expression coefficient the one of the face's other side: a permutation (N,) of columns."""
        swap = {"Left": "Right", "Right": "Left"}
        names = []
        for name in self.names:
            side = next((side for side in swap if name.endswith(side)), None)
            names.append(name if side is None else name.removesuffix(side) + swap[side])
        return np.array([self.names.index(name) for name in names])

    def mean_of(self, coefficients: np.ndarray, prefix: str) -> np.ndarray:
        """Mean of the columns named `prefix*` (left and right sides): (..., size) -> (...)."""
        return coefficients[..., self.columns(prefix)].mean(-1)


ARKIT = Layout("arkit", ARKIT_NAMES, 0.0, 1.0)
"""51 expression weights in [0, 1]: ARKit's names in MediaPipe's order without `_neutral`."""

BFM = Layout("bfm", tuple(f"exp{i:02d}" for i in range(64)), -10.0, 10.0)
"""64 expression coefficients of Deep3DFaceRecon's Basel Face Model (for holders of its licence)."""

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (ARKIT, BFM)}


def get_layout(name: str) -> Layout:
    """The layout called `name`; raises KeyError naming the known ones."""
    if name not in LAYOUTS:
        raise KeyError(f"unknown coefficient layout '{name}'; known: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]
