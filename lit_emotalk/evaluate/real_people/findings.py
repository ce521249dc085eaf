"""All that a report says, and its form for programs."""

from dataclasses import asdict, dataclass
from typing import Any

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.evaluate.real_people.emotions import Reading
from lit_emotalk.evaluate.real_people.lips import Lips
from lit_emotalk.evaluate.real_people.preparation import Preparation
from lit_emotalk.evaluate.tables.build import Table
from lit_emotalk.evaluate.tables.write import numbers
from lit_emotalk.evaluate.transfer import Transfer


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found.

    `facts` say of what: shards, models, clips. `silent` and `still` are the keys of clips left out of the
    lips: nobody speaks, or the mouth does not move. `transfer`: kind of pairs -> (figures by way to draw,
    pairs, pairs whose faces were found in every picture). `absent`: columns that the chain's table lacks ->
    why. `pictures`: file name -> what it shows.
    """

    facts: dict[str, Any]
    preparation: Preparation
    readings: dict[str, Reading]
    lips: dict[str, Lips]
    silent: list[str]
    still: list[str]
    transfer: dict[str, tuple[dict[str, Transfer], int, int]]
    chain: Table
    absent: dict[str, str]
    pictures: dict[str, str]
    seconds: dict[str, float]

    def plain(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "facts": self.facts,
            "preparation": asdict(self.preparation),
            "emotions": {
                side: {
                    "clips": reading.clips,
                    "mean_recall": reading.mean_recall,
                    "recall": reading.recalls,
                    "confusion": reading.counts.tolist(),
                    "order": list(EMOTIONS),
                    "reason": reading.reason or None,
                }
                for side, reading in self.readings.items()
            },
            "lips": {
                "groups": {name: asdict(lips) for name, lips in self.lips.items()},
                "left_out": {"nobody_speaks": self.silent, "mouth_does_not_move": self.still},
            },
            "generator": {
                kind: {"pairs": pairs, "faces_found": seen, "ways": {n: asdict(t) for n, t in ways.items()}}
                for kind, (ways, pairs, seen) in self.transfer.items()
            },
            "chain": numbers(self.chain) | {"absent": self.absent},
            "pictures": self.pictures,
            "seconds": self.seconds,
        }
