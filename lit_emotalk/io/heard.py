"""Speech as networks hear it: the entries of shards and batches, side by side, and apart again."""

import torch
from torch import Tensor

from lit_emotalk.schema import ENTRY_ROWS, ENTRY_SIZES, HEARD, ROWS, Entry, Hears


def join(entries: dict[Entry, Tensor], hears: Hears) -> Tensor:
    """Entries of T frames, each (..., rows * T, size) by `schema.ENTRY_ROWS` and `ENTRY_SIZES`, as one array
    (..., ROWS[hears] * T, ROW_SIZES[hears]): a frame's rows of an entry that has more are joined."""
    names = HEARD[hears]
    if len(names) == 1:
        return entries[names[0]]
    return torch.cat(
        [entries[n].unflatten(-2, (-1, ENTRY_ROWS[n] // ROWS[hears])).flatten(-2) for n in names], -1
    )


def part(speech: Tensor, hears: Hears) -> dict[Entry, Tensor]:
    """The entries that `join` made speech of."""
    names = HEARD[hears]
    if len(names) == 1:
        return {names[0]: speech}
    more = [ENTRY_ROWS[name] // ROWS[hears] for name in names]
    pieces = speech.split([ENTRY_SIZES[n] * m for n, m in zip(names, more, strict=True)], -1)
    return {
        name: piece.unflatten(-1, (m, ENTRY_SIZES[name])).flatten(-3, -2)
        for name, m, piece in zip(names, more, pieces, strict=True)
    }
