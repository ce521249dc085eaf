from collections import Counter

from lit_emotalk.data.order import Order


def test_without_groups_every_pass_is_a_permutation_and_passes_differ():
    order = Order([None] * 10, seed=1)
    passes = [[order.clip(10 * p + i) for i in range(10)] for p in range(3)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert passes[0] != passes[1] != passes[2]


def test_groups_come_equally_often_and_their_clips_too():
    groups = ["a"] * 6 + ["b"] * 2 + [None]
    order = Order(groups, seed=3)
    drawn = Counter(order.clip(position) for position in range(3 * 12))
    assert [sum(drawn[i] for i in members) for members in ((0, 1, 2, 3, 4, 5), (6, 7), (8,))] == [12, 12, 12]
    assert {drawn[i] for i in range(6)} == {2}
    assert {drawn[i] for i in (6, 7)} == {6}


def test_position_decides_alone_and_the_seed_matters():
    order, again, other = Order(range(20), 5), Order(range(20), 5), Order(range(20), 6)
    positions = [977, 3, 41, 3]
    assert [order.clip(p) for p in positions] == [again.clip(p) for p in positions]
    assert [order.clip(p) for p in range(20)] != [other.clip(p) for p in range(20)]
    assert order.generator(7).integers(1 << 30) == again.generator(7).integers(1 << 30)
    assert order.generator(7).integers(1 << 30) != order.generator(8).integers(1 << 30)
