"""Raters' orders: balanced, complete, different, the same for the same seed."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from lit_emotalk.web.study.plan import PlannedItem, plan_raters, williams_square
from lit_emotalk.web.study.spec import GROUND_TRUTH, Question, StudySpec


def make_spec(methods: int, clips: int, raters: int, per_rater: int, anchors: int, checks: int) -> StudySpec:
    names = tuple(f"c{i}" for i in range(clips))
    files = {clip: Path(clip) for clip in names}
    videos = {name: files for name in (*(f"m{i}" for i in range(methods)), GROUND_TRUTH)}
    question = Question("q", "?", "bad", "good")
    return StudySpec(
        "t", "", "", videos, {}, names, (question,), raters, per_rater, anchors, checks, 0, None, 0
    )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_williams_squares_balance_places_and_neighbours(size: int) -> None:
    rows = williams_square(size)
    share = len(rows) / size
    assert all(sorted(row) == list(range(size)) for row in rows)
    places = Counter((place, number) for row in rows for place, number in enumerate(row))
    assert set(places.values()) == {share} and len(places) == size * size
    follows = Counter(pair for row in rows for pair in pairwise(row))
    assert len(follows) == size * (size - 1) and set(follows.values()) <= {share}


@pytest.mark.parametrize(("methods", "clips", "per_rater"), [(4, 10, 10), (3, 12, 4), (2, 6, 6), (1, 5, 5)])
def test_every_rater_sees_every_method_of_their_clips_once(methods: int, clips: int, per_rater: int) -> None:
    plans = plan_raters(make_spec(methods, clips, 12, per_rater, 2, 3))
    shown: Counter[str] = Counter()
    for plan in plans:
        assert plan[0] == PlannedItem("practice") and len(plan) == 1 + per_rater * methods + 2 + 3
        rated = [item for item in plan if item.kind == "rated" and item.method != GROUND_TRUTH]
        assert len(set(rated)) == len(rated) == per_rater * methods
        assert len({item.clip for item in rated}) == per_rater
        shown.update({item.clip for item in rated})
        anchors = {item.clip for item in plan if item.method == GROUND_TRUTH}
        assert len(anchors) == 2 and anchors <= {item.clip for item in rated}
        assert sum(item.kind == "check" and 1 <= item.expected <= 5 for item in plan) == 3
    assert max(shown.values()) - min(shown.values()) <= 1 and len(shown) == clips


def test_methods_have_each_place_of_a_block_equally_often() -> None:
    plans = plan_raters(make_spec(4, 10, 8, 10, 0, 0))
    places = Counter((place % 4, item.method) for plan in plans for place, item in enumerate(plan[1:]))
    assert set(places.values()) == {8 * 10 / 4}


def test_clips_do_not_follow_themselves_and_extras_are_spread() -> None:
    for plan in plan_raters(make_spec(4, 10, 8, 10, 5, 4)):
        assert not any(a.clip and a.clip == b.clip for a, b in pairwise(plan))
        checks = [place for place, item in enumerate(plan) if item.kind == "check"]
        assert checks[0] > 1 and max(b - a for a, b in pairwise(checks)) < len(plan) / 2
        assert all(any(p * 12.5 <= check <= p * 12.5 + 14 for check in checks) for p in range(4))


def test_orders_differ_between_raters_and_repeat_with_the_seed() -> None:
    spec = make_spec(3, 8, 6, 8, 2, 2)
    plans = plan_raters(spec)
    assert len({tuple(plan) for plan in plans}) == 6
    assert plans == plan_raters(spec) != plan_raters(replace(spec, seed=1))
