"""Frames of high dynamic range (HLG, PQ) as ordinary ones: BT.2100's light, in BT.709's colours and range."""

from functools import lru_cache

import av
import numpy as np

PQ, HLG = 16, 18
"""Codes of the transfer functions in H.264's and H.265's tables."""
WHITE_NITS = 203.0
"""Light of white paper (BT.2408): what becomes SDR's white."""
HLG_PEAK_NITS, HLG_GAMMA = 1000.0, 1.2
SDR_GAMMA = 2.4
"""Of displays (BT.1886)."""
KNEE = 0.75
"""Up to this share of white light stays as it is; what is brighter is rolled off below 1 (our choice)."""
LEVELS = 1 << 12
"""Steps of the table back to code values."""
TO_709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
    np.float32,
)
"""Linear BT.2020 to BT.709 (BT.2087)."""
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)


def is_hdr(frame: av.VideoFrame) -> bool:
    """Whether a frame's transfer is HLG or PQ."""
    return frame.color_trc in (PQ, HLG)


def tone_mapped(codes: np.ndarray, transfer: int) -> np.ndarray:
    """Code values (H, W, 3) uint16 RGB of BT.2020 by `PQ` or `HLG` -> (H, W, 3) uint8 of BT.709."""
    light = _light_of_codes(transfer)[codes]
    if transfer == HLG:
        luminance = np.maximum(light @ LUMINANCE, 1e-6)
        light *= (HLG_PEAK_NITS / WHITE_NITS * luminance ** (HLG_GAMMA - 1))[..., None]
    light = np.maximum(light @ TO_709.T, 0)
    brightest = light.max(-1)
    over = brightest > KNEE
    beyond = (brightest[over] - KNEE) / (1 - KNEE)
    rolled = KNEE + (1 - KNEE) * beyond / (1 + beyond)
    light[over] *= (rolled / brightest[over])[:, None]
    steps = np.sqrt(np.clip(light, 0, 1)) * (LEVELS - 1)
    return _codes_of_light()[(steps + 0.5).astype(np.uint16)]


@lru_cache(maxsize=2)
def _light_of_codes(transfer: int) -> np.ndarray:
    """(65536,) float32: PQ's light per white's, or HLG's scene light 0..1, of each code (BT.2100, tables 4
    and 5)."""
    code = np.arange(1 << 16) / 65535
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        root = code ** (1 / m2)
        nits = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
        return (nits / WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12).astype(np.float32)


@lru_cache(maxsize=1)
def _codes_of_light() -> np.ndarray:
    """(LEVELS,) uint8: the SDR code of the square of each step's light."""
    light = np.linspace(0, 1, LEVELS) ** 2
    return np.round(255 * light ** (1 / SDR_GAMMA)).astype(np.uint8)
