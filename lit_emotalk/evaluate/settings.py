"""What an evaluation does to every clip, and how the header of its results says so."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from lit_emotalk.errors import UserError
from lit_emotalk.weights import fetch as weights

Condition = Literal["text", "image", "audio", "own", "none"]
Backbone = Literal["auto", "dlib", "arcface"]
Baseline = Literal["ground_truth", "copy_source"]
CONDITIONS: tuple[str, ...] = get_args(Condition)
BASELINES: tuple[str, ...] = get_args(Baseline)

OFFICIAL_SYNC = "official"
NO_SYNC = "none"
NO_SPACE = "none"
NO_NETWORK = "none"


@dataclass(frozen=True)
class Settings:
    """Options shared by all clips of an evaluation; hashable, so that a process builds its tools once.

    `stride`: identity, emotion, LPIPS, FID and flow are looked at on every stride-th frame only. `sync`:
    "official", "none" or the folder of an export of stage sync. `space`: "none" or the folder of an export of
    stage align, whose picture side names emotions. `models`: folder of our exports where videos are
    generated. `data` names the
    shards, by eight digits of their manifest's hash. `resize`: scale a generated video to its reference
    where sizes differ. `align`: shift it to its reference where the sounds say that it is off.
    """

    stride: int = 5
    identity: Backbone = "auto"
    sync: str = NO_SYNC
    space: str = NO_SPACE
    models: Path | None = None
    device: str = "cpu"
    threads: int = 1
    resize: bool = False
    align: bool = False
    data: str | None = None

    def protocol(self) -> dict[str, Any]:
        """What decides the numbers, for the results' header; results of another protocol are never mixed."""
        from lit_emotalk.models import face_expression
        from lit_emotalk.models.identity import identity_name

        return {
            "stride": self.stride,
            "identity": identity_name(self.identity),
            "sync": sync_name(self.sync),
            "emotion_network": face_expression.NAME if face_expression.available() else NO_NETWORK,
            "emotion_space": space_name(self.space),
            "lpips": weights.available("lpips_alexnet"),
            "fid": weights.available("fid_inception"),
            "resize": self.resize,
            "align": self.align,
            "data": self.data,
        }


def choose_sync(asked: str, models: Path | None) -> str:
    """The sync network for `asked`: "auto", "official", "none" or a folder; UserError where it is not there.

    "auto" takes the official weights where they are, else the export `sync` below `models`, else none.
    """
    if asked == "auto":
        if weights.available("syncnet"):
            return OFFICIAL_SYNC
        own = None if models is None else models / "sync"
        return str(own) if own is not None and own.is_dir() else NO_SYNC
    if asked == OFFICIAL_SYNC:
        weights.path("syncnet")
    elif asked != NO_SYNC and not Path(asked).is_dir():
        raise UserError(f"--sync {asked} is no folder; give auto, official, none or the export of stage sync")
    return asked


def sync_name(sync: str) -> str:
    """What a table's footnote calls the sync network."""
    if sync == OFFICIAL_SYNC:
        return "SyncNet, official syncnet_v2"
    if sync == NO_SYNC:
        return "none"
    from lit_emotalk.models.handover import read_card
    from lit_emotalk.models.syncnet import SyncNetConfig

    card = read_card(sync, "sync")
    config = SyncNetConfig(**card["config"])
    digest, shards = str(card["sha256"])[:8], str(card["manifest"])[:8]
    return (
        f"SyncNet {digest} of stage sync, trained on shards {shards} (width {config.width}, "
        f"{config.view} at {config.crop} pixels; features centred on the clip's means); not comparable with "
        "published values"
    )


def choose_space(asked: str, models: Path | None) -> str:
    """The emotion space for `asked`: "auto", "none" or a folder; UserError where it is not there.

    "auto" takes the export `align` below `models`, else none.
    """
    if asked == "auto":
        own = None if models is None else models / "align"
        return str(own) if own is not None and own.is_dir() else NO_SPACE
    if asked != NO_SPACE and not Path(asked).is_dir():
        raise UserError(f"--emotion-space {asked} is no folder; give auto, none or the export of stage align")
    return asked


def space_name(space: str) -> str:
    """What a table's footnote calls the emotion space."""
    if space == NO_SPACE:
        return "none"
    from lit_emotalk.models.handover import read_card

    card = read_card(space, "align")
    side = card["config"].get("image", "units")
    return (
        f"picture side ({side}) of emotion space {str(card['sha256'])[:8]} of stage align, our own network: "
        "the nearest of nine emotions"
    )
