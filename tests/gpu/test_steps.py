"""One batch of every stage gives the CPU's loss and gradients."""

import math
from collections.abc import Callable
from functools import cache

import pytest

from tests.gpu.small import STAGES
from tests.gpu.steps import Gradients, cosine, distances, first_batch, other_kernels

LOSS, GRADIENT, SYNC_GRADIENT = 1e-4, 1e-3, 3e-2
"""Largest relative distances in single precision. SyncNet's rounding is enlarged by the statistics of its
small batches, and turns which of nearly equal values a pooling takes."""
LEAST_COSINE, SYNC_COSINE = 0.98, 0.85
"""Of the gradients under bf16-mixed to those in single precision."""


@pytest.fixture(scope="module")
def by_the_cpu(tiny_shards, space, tmp_path_factory) -> Callable[[str], tuple[float, Gradients]]:
    """Loss and gradients of a stage's first batch on the CPU, in single precision."""
    folder = tmp_path_factory.mktemp("cpu")
    return cache(lambda name: first_batch(name, tiny_shards, space, "cpu", folder))


@pytest.mark.parametrize("name", STAGES)
def test_a_batch_has_the_gradients_of_the_cpu(name, by_the_cpu, device, tiny_shards, space, tmp_path):
    expected, true = by_the_cpu(name)
    with other_kernels(device):
        loss, found = first_batch(name, tiny_shards, space, device, tmp_path)
    assert math.isclose(loss, expected, rel_tol=LOSS)
    most = SYNC_GRADIENT if name == "sync" else GRADIENT
    assert {each: far for each, far in distances(found, true).items() if far > most} == {}


@pytest.mark.parametrize("name", STAGES)
def test_bf16_keeps_the_direction(name, by_the_cpu, device, tiny_shards, space, tmp_path):
    _, true = by_the_cpu(name)
    _, found = first_batch(name, tiny_shards, space, device, tmp_path, "bf16-mixed")
    assert found.keys() == true.keys()
    assert cosine(found, true) > (SYNC_COSINE if name == "sync" else LEAST_COSINE)


def test_a_wrong_gradient_is_seen(by_the_cpu):
    _, true = by_the_cpu("eac")
    name = max(true, key=lambda each: float(true[each].norm()))
    assert distances({**true, name: 1.01 * true[name]}, true)[name] > GRADIENT
    assert distances({**true, name: math.nan * true[name]}, true)[name] == math.inf
    assert distances({each: value for each, value in true.items() if each != name}, true)[name] == math.inf
    assert cosine({**true, name: -true[name]}, true) < LEAST_COSINE
