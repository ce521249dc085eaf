"""The generator alone on real faces, beside copying the source and beside its guide without training."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.real_people.clips import RealClip
from lit_emotalk.evaluate.transfer import (
    Choice,
    Pairs,
    Transfer,
    across_clips,
    draw,
    measure,
    read_pairs,
    untrained,
    within_clips,
)
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.models.hef.generator import HEF

ACROSS = "from a person's neutral clip to their others"
WITHIN = "within a clip, to its second half"
GENERATOR, GUIDE, COPY = "generator", "guide alone (untrained)", "copy of the source"


@dataclass(frozen=True, eq=False)
class Drawn:
    """One kind of pairs: what was `chosen` and read, the drawn targets (N, 3, S, S), the figures of each way
    to draw, and the number of pairs whose faces were found in every picture."""

    chosen: list[Choice]
    pairs: Pairs
    made: Tensor
    figures: dict[str, Transfer]
    seen: int


def choose(clips: Sequence[RealClip], limit: int) -> dict[str, list[Choice]]:
    """Kind of pairs -> the pairs, at most `limit` of a kind; kinds without any are left out.

    Clips whose person and scene have a neutral clip are paired with it; all others, the neutral ones of
    nobody included, within themselves.
    """
    frames = [clip.shard.frames for clip in clips]
    every = across_clips(frames)
    paired = {clip.key for choice in every for clip in (choice.source, choice.target)}
    kinds = {
        ACROSS: every[:limit],
        WITHIN: within_clips([clip for clip in frames if clip.key not in paired], limit),
    }
    return {kind: chosen for kind, chosen in kinds.items() if chosen}


def draw_kinds(network: HEF, tracker: Tracker, kinds: dict[str, list[Choice]]) -> dict[str, Drawn]:
    """Draw and measure every kind of pairs. UserError for another layout, and for damaged clips."""
    config = network.config
    if config.layout != ARKIT.name:
        raise UserError(f"this generator is driven by {config.layout}, the shards hold {ARKIT.name}")
    drawn = {}
    for kind, chosen in kinds.items():
        try:
            pairs = read_pairs(chosen, config.resolution, config.window)
        except SampleError as error:
            raise UserError(f"{error}; check the shards with python -m data_prep.verify") from error
        made = draw(network, pairs, "drawing pairs")
        ways = {GENERATOR: made, COPY: pairs.source}
        if config.guide != "none":
            ways[GUIDE] = draw(untrained(network), pairs, "drawing by the guide")
        figures, seen = measure(ways, pairs, tracker)
        drawn[kind] = Drawn(chosen, pairs, made, figures, seen)
    return drawn
