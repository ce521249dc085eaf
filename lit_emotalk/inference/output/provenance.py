"""What says that a video is generated: tags in the file, a mark in the picture, C2PA content credentials."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lit_emotalk.errors import UserError, install_extra
from lit_emotalk.io.version import __version__

STATEMENT = (
    "AI-generated: this face was animated by lit_emotalk; it does not show what the person said or did."
)

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

TAGS: dict[str, str] = {
    "title": "AI-generated talking face",
    "comment": STATEMENT,
    "description": f"digitalSourceType={SOURCE_TYPE}; generator=lit_emotalk {__version__}",
}
"""Metadata of every file that is written (the source type's name is IPTC's)."""

MARK = "AI-generated"
MARK_HEIGHT = 0.045
"""Height of the visible mark's letters, as a part of the picture's shorter side."""
MARK_OPACITY = 0.75
MIME = {".mp4": "video/mp4", ".png": "image/png"}


class VisibleMark:
    """Writes `MARK` into the lower right corner of frames (height, width, 3) uint8."""

    def __init__(self, height: int, width: int) -> None:
        letters = max(8, round(MARK_HEIGHT * min(height, width)))
        font = ImageFont.load_default(letters)
        left, top, right, bottom = font.getbbox(MARK)
        border = letters // 2
        label = Image.new("L", (int(right - left) + 2 * border, int(bottom - top) + 2 * border), 0)
        ImageDraw.Draw(label).text((border - left, border - top), MARK, fill=255, font=font)
        letters_in = (np.asarray(label, np.float32) / 255)[-height:, -width:, None]
        self._where = (slice(height - letters_in.shape[0], height), slice(width - letters_in.shape[1], width))
        self._white = 255 * letters_in * MARK_OPACITY
        self._left = (1 - letters_in * MARK_OPACITY) * (1 - 0.4 * MARK_OPACITY)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """A marked copy of the frame: light letters on a darkened ground."""
        marked = frame.copy()
        marked[self._where] = (marked[self._where] * self._left + self._white).round().astype(np.uint8)
        return marked


@dataclass(frozen=True)
class Credentials:
    """A user's key for C2PA content credentials: PEM files of the certificate chain (the signer's first) and
    of its private key (ES256).

    Raises UserError where a file is missing or the extra `[c2pa]` is not installed.
    """

    certificates: Path
    key: Path

    def __post_init__(self) -> None:
        for path in (self.certificates, self.key):
            if not Path(path).is_file():
                raise UserError(f"no such file for the content credentials: {path}")
        _c2pa()

    def sign(self, source: Path, target: Path, title: str) -> None:
        """Write `source` (mp4 or png) with a signed manifest to `target`. Raises UserError where the key or
        the certificates are not accepted."""
        c2pa = _c2pa()
        try:
            settings = c2pa.C2paSignerInfo(
                alg=c2pa.C2paSigningAlg.ES256,
                sign_cert=Path(self.certificates).read_bytes(),
                private_key=Path(self.key).read_bytes(),
                ta_url=None,
            )
            with c2pa.Signer.from_info(settings) as signer, c2pa.Builder(json.dumps(manifest(title))) as made:
                made.sign_file(str(source), str(target), signer)
        except (c2pa.C2paError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"cannot sign {title} with {self.certificates}: {reason}") from error


def manifest(title: str) -> dict[str, Any]:
    """The C2PA manifest of a generated video."""
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "description": STATEMENT}
    return {
        "claim_generator_info": [{"name": "lit_emotalk", "version": __version__}],
        "title": title,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }


def _c2pa() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise UserError(f"content credentials need c2pa-python; {install_extra('c2pa')}") from error
    return c2pa
