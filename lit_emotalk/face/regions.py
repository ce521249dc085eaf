"""Index tuples into MediaPipe's 478 landmarks, and boxes around regions of the face.

Left and right are the person's own, as in ARKit's names. Contours run in order around each part.
"""

import numpy as np

LANDMARKS = 478

LIPS_OUTER: tuple[int, ...] = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
LIPS_INNER: tuple[int, ...] = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
LIPS: tuple[int, ...] = LIPS_OUTER + LIPS_INNER
"""The 40 points of the two lip contours."""

MOUTH_OPENING: tuple[int, int] = (13, 14)
"""Middle of the upper and of the lower inner lip."""
MOUTH_CORNERS: tuple[int, int] = (61, 291)
"""Right and left corner of the mouth."""

RIGHT_EYE: tuple[int, ...] = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: tuple[int, ...] = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_IRIS: tuple[int, ...] = (468, 469, 470, 471, 472)
LEFT_IRIS: tuple[int, ...] = (473, 474, 475, 476, 477)
RIGHT_BROW: tuple[int, ...] = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
LEFT_BROW: tuple[int, ...] = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
OUTER_EYE_CORNERS: tuple[int, int] = (33, 263)
"""Right and left outer corner of the eyes: their distance is the inter-ocular distance."""

FACE_OVAL: tuple[int, ...] = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
NOSE_BRIDGE: tuple[int, ...] = (168, 6, 197, 195, 5)

STABLE: tuple[int, ...] = (
    10, 338, 297, 332, 284, 251, 389, 356, 127, 162, 21, 54, 103, 67, 109, 151, 168, 6, 197, 195,
    33, 263, 133, 362,
)  # fmt: skip
"""Forehead, temples, nose bridge and eye corners: what expression moves least (our choice)."""

POINTS_68: tuple[int, ...] = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""The nearest mesh point to each of the 68 iBUG points, in their order (jaw 0-16, brows 17-26, nose 27-35,
eyes 36-47, mouth 48-67)."""
MOUTH_68: slice = slice(48, 68)
"""The mouth's part of `POINTS_68`."""


def box(landmarks: np.ndarray, indices: tuple[int, ...] | None = None, margin: float = 0.0) -> np.ndarray:
    """Bounding box of some points.

    landmarks: (..., 478, 2 or 3) in any unit; `indices` choose points (None: all); `margin` widens the box on
    every side by this part of its larger side. Returns (..., 4): x0, y0, x1, y1 in the same unit.
    """
    points = landmarks[..., list(indices), :2] if indices is not None else landmarks[..., :2]
    low, high = points.min(-2), points.max(-2)
    grow = margin * (high - low).max(-1, keepdims=True)
    return np.concatenate([low - grow, high + grow], -1)


def region_boxes(landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """Boxes of the face and of what moves in it, with margins that take in lids, lashes and chin (our
    choice).

    landmarks: (..., 478, 2 or 3) in any unit. Returns `face`, `mouth`, `left_eye`, `right_eye` (brow
    included),
    each (..., 4) as x0, y0, x1, y1.
    """
    return {
        "face": box(landmarks),
        "mouth": box(landmarks, LIPS, 0.25),
        "left_eye": box(landmarks, LEFT_EYE + LEFT_BROW, 0.1),
        "right_eye": box(landmarks, RIGHT_EYE + RIGHT_BROW, 0.1),
    }
