"""The showcase: its sheet shows the face, whole and near."""

import numpy as np

from lit_emotalk.evaluate.showcase import CLOSE_UP, SHEET_SIDE, close_up


def drawn(left: int, top: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A white square in a black picture of 128 pixels, and landmarks on its border: (1, 478, 3)."""
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[top : top + side, left : left + side] = 255
    around = np.linspace(0, 2 * np.pi, 478)
    middle = np.array([left, top]) + side / 2
    points = middle + side / 2 * np.stack([np.cos(around), np.sin(around)], 1)
    return picture, np.concatenate([points, np.zeros((478, 1))], 1)[None]


def test_the_face_fills_the_picture_and_is_in_its_middle():
    picture, landmarks = drawn(40, 50, 40)
    (near,) = close_up([picture], landmarks)
    assert near.shape == (SHEET_SIDE, SHEET_SIDE, 3)
    rows, columns = np.nonzero(near[..., 0] > 127)
    for places in (rows, columns):
        assert abs(places.mean() - (SHEET_SIDE - 1) / 2) < 1
        assert abs(np.ptp(places) + 1 - SHEET_SIDE / CLOSE_UP) < 2


def test_it_stays_within_the_picture():
    for left, top in ((0, 0), (80, 88), (0, 88)):
        picture, landmarks = drawn(left, top, 40)
        (near,) = close_up([picture], landmarks)
        white = (near[..., 0] > 127).mean()
        assert abs(white - 1 / CLOSE_UP**2) < 0.03
    whole, landmarks = drawn(4, 4, 120)
    assert (close_up([whole], landmarks)[0][..., 0] > 127).mean() > 0.8
