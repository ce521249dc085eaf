"""Entries of speech put side by side, and taken apart."""

import pytest
import torch

from lit_emotalk.io.heard import join, part
from lit_emotalk.schema import ENTRY_ROWS, ENTRY_SIZES, HEARD, ROW_SIZES, ROWS


@pytest.mark.parametrize("hears", sorted(HEARD))
@pytest.mark.parametrize("lead", [(), (3,)])
def test_taking_apart_undoes_joining(hears, lead):
    entries = {e: torch.randn(*lead, ENTRY_ROWS[e] * 7, ENTRY_SIZES[e]) for e in HEARD[hears]}
    joined = join(entries, hears)
    assert joined.shape == (*lead, ROWS[hears] * 7, ROW_SIZES[hears])
    again = part(joined, hears)
    assert list(again) == list(entries)
    assert all(torch.equal(again[name], entries[name]) for name in entries)


def test_a_frame_holds_its_own_columns_of_every_entry():
    frame = torch.arange(6.0)
    entries = {
        e: frame.repeat_interleave(ENTRY_ROWS[e])[:, None].expand(-1, ENTRY_SIZES[e]) for e in HEARD["all"]
    }
    joined = join(entries, "all")
    assert torch.equal(joined, frame[:, None].expand(-1, 768 + 320 + 8))
