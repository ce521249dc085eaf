"""The columns of a row of results: which metric each number is, and how it is shown."""

from dataclasses import dataclass, replace

from lit_emotalk.metrics.base import ARROWS, Protocol
from lit_emotalk.metrics.coefficient_fid import ExpressionFID, PoseFID
from lit_emotalk.metrics.csim import CSIM
from lit_emotalk.metrics.efd import EFD
from lit_emotalk.metrics.emotion_accuracy import EmoAcc
from lit_emotalk.metrics.fid import PROTOCOL as FID
from lit_emotalk.metrics.lmd import FaceLMD, MouthLMD
from lit_emotalk.metrics.lpips import LPIPS
from lit_emotalk.metrics.psnr import PSNR
from lit_emotalk.metrics.rhythm import BAS, SLCC
from lit_emotalk.metrics.shape_error import FDD, LVE, MHD
from lit_emotalk.metrics.sharpness import Sharpness
from lit_emotalk.metrics.ssim import SSIM
from lit_emotalk.metrics.sync import PROTOCOL as SYNC
from lit_emotalk.metrics.temporal import TLPIPS, TOF, WarpingError
from lit_emotalk.metrics.theval import (
    EyebrowDynamics,
    HeadMotionDynamics,
    LipDynamics,
    LipSync,
    SilentLipStability,
)
from lit_emotalk.metrics.theval_score import PROTOCOL as THEVAL
from lit_emotalk.metrics.theval_score import QUALITY_PROTOCOL

SCORE_NOTE = "1 - |mean - true mean| / |true mean|; 1 for the true videos"


@dataclass(frozen=True)
class Column:
    """A number of a row: `title` in tables, `protocol` of its metric, `decimals` shown, `note` on this
    variant."""

    title: str
    protocol: Protocol
    decimals: int
    note: str = ""


RAW: dict[str, tuple[Protocol, int]] = {
    "lip_dynamics": (LipDynamics.PROTOCOL, 2),
    "head_motion": (HeadMotionDynamics.PROTOCOL, 2),
    "eyebrow_dynamics": (EyebrowDynamics.PROTOCOL, 5),
    "silent_lips": (SilentLipStability.PROTOCOL, 4),
    "lip_sync": (LipSync.PROTOCOL, 3),
}
"""THEval's measures as they are taken, with the decimals of its authors."""

QUALITY_TITLES = {
    "aesthetics": "Aesthetics",
    "mouth_quality": "Mouth quality",
    "face_quality": "Face quality",
}

THEVAL_COLUMNS: dict[str, Column] = {
    **{f"theval_{name}": Column(protocol.name, protocol, digits) for name, (protocol, digits) in RAW.items()},
    **{
        f"theval_score_{name}": Column(
            f"{protocol.name} score", replace(protocol, better="higher", unit=""), 3, SCORE_NOTE
        )
        for name, (protocol, _) in RAW.items()
    },
    **{
        f"theval_score_{name}": Column(f"{title} score", QUALITY_PROTOCOL, 3, SCORE_NOTE)
        for name, title in QUALITY_TITLES.items()
    },
    "theval_all": Column("THEval (8)", replace(THEVAL, text="total over all eight columns"), 3),
}
"""THEval's measures and their scores."""

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
    "emo_net": Column("EmoAcc %", EmoAcc.PROTOCOL, 0, "by a network that has not seen our data"),
    "emo_space": Column("EmoAcc % (ours)", EmoAcc.PROTOCOL, 0, "by our own network: for comparison only"),
    "e_fid": Column("E-FID", ExpressionFID.PROTOCOL, 3),
    "pose_fid": Column("Pose FID", PoseFID.PROTOCOL, 3),
    "lve": Column("LVE", LVE.PROTOCOL, 2),
    "fdd": Column("FDD", FDD.PROTOCOL, 2),
    "mhd": Column("MHD", MHD.PROTOCOL, 2),
    "bas": Column("BAS", BAS.PROTOCOL, 3),
    "slcc": Column("SLCC", SLCC.PROTOCOL, 3),
    "theval": Column("THEval", THEVAL, 3, "total over the five columns without a picture quality network"),
    **THEVAL_COLUMNS,
}
"""Every number that a row may hold, in the order in which tables show them."""

LOWER_IS_BETTER: frozenset[str] = frozenset(
    name for name, column in COLUMNS.items() if column.protocol.better == "lower"
) | {"sync_distance", "sync_offset"}


def arrow(name: str) -> str:
    """The arrow of a column."""
    return ARROWS["lower"] if name in LOWER_IS_BETTER else COLUMNS[name].protocol.arrow
