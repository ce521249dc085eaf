"""The columns of a row of results: which metric each number is, and how it is shown."""

from dataclasses import dataclass

from lit_emotalk.metrics.base import Protocol
from lit_emotalk.metrics.csim import CSIM
from lit_emotalk.metrics.efd import EFD
from lit_emotalk.metrics.fid import PROTOCOL as FID
from lit_emotalk.metrics.lmd import FaceLMD, MouthLMD
from lit_emotalk.metrics.lpips import LPIPS
from lit_emotalk.metrics.psnr import PSNR
from lit_emotalk.metrics.sharpness import Sharpness
from lit_emotalk.metrics.ssim import SSIM
from lit_emotalk.metrics.sync import PROTOCOL as SYNC
from lit_emotalk.metrics.temporal import TLPIPS, TOF, WarpingError


@dataclass(frozen=True)
class Column:
    """A number of a row: `title` in tables, `protocol` of its metric, `decimals` shown, `note` on this
    variant."""

    title: str
    protocol: Protocol
    decimals: int
    note: str = ""


COLUMNS: dict[str, Column] = {
    "efd": Column("EFD", EFD.PROTOCOL, 3),
    "m_lmd": Column("M-LMD", MouthLMD.PROTOCOL, 2),
    "f_lmd": Column("F-LMD", FaceLMD.PROTOCOL, 2),
    "m_lmd_iod": Column("M-LMD %", MouthLMD.PROTOCOL, 2, "percent of the reference's inter-ocular distance"),
    "f_lmd_iod": Column("F-LMD %", FaceLMD.PROTOCOL, 2, "percent of the reference's inter-ocular distance"),
    "sync": Column("Sync", SYNC, 2, "confidence (LSE-C)"),
    "sync_distance": Column("LSE-D", SYNC, 2, "minimum over offsets; lower is better"),
    "sync_offset": Column("|offset|", SYNC, 1, "absolute offset in frames; lower is better"),
    "csim": Column("CSIM", CSIM.PROTOCOL, 3),
    "fid": Column("FID", FID, 1),
    "psnr": Column("PSNR", PSNR.PROTOCOL, 2),
    "psnr_face": Column("PSNR face", PSNR.PROTOCOL, 2, "inside the reference's face box"),
    "ssim": Column("SSIM", SSIM.PROTOCOL, 3),
    "ssim_face": Column("SSIM face", SSIM.PROTOCOL, 3, "inside the reference's face box"),
    "sharp": Column("Sharp %", Sharpness.PROTOCOL, 0, "inside the reference's face box"),
    "lpips": Column("LPIPS", LPIPS.PROTOCOL, 3),
    "warp": Column("E-warp", WarpingError.PROTOCOL, 3),
    "tof": Column("tOF", TOF.PROTOCOL, 3),
    "tlpips": Column("tLPIPS", TLPIPS.PROTOCOL, 2),
}
"""Every number that a row may hold, in the order in which tables show them."""

LOWER_IS_BETTER: frozenset[str] = frozenset(
    name for name, column in COLUMNS.items() if column.protocol.better == "lower"
) | {"sync_distance", "sync_offset"}


def arrow(name: str) -> str:
    """The arrow of a column."""
    return "↓" if name in LOWER_IS_BETTER else "↑"
