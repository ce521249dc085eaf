"""Compiled networks compute what eager ones do."""

import math

import pytest
import torch

from lit_emotalk.models.hef.generator import HEF, HEFConfig
from tests.benchmarks.hef import inputs
from tests.gpu.small import STAGES
from tests.gpu.steps import distances, first_batch

LOSS, GRADIENT, SYNC_GRADIENT, PICTURE = 1e-4, 2e-3, 3e-2, 1e-3

pytestmark = pytest.mark.timeout(600)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_compiled_batch_has_the_gradients_of_an_eager_one(name, device, tiny_shards, space, tmp_path):
    expected, true = first_batch(name, tiny_shards, space, device, tmp_path)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    loss, found = first_batch(name, tiny_shards, space, device, tmp_path, compiled=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
    assert math.isclose(loss, expected, rel_tol=LOSS)
    most = SYNC_GRADIENT if name == "sync" else GRADIENT
    assert {each: far for each, far in distances(found, true).items() if far > most} == {}


@pytest.mark.slow
def test_a_compiled_generator_draws_the_same(device):
    torch.manual_seed(2)
    network = HEF(HEFConfig(size="tiny", resolution=64)).to(device).eval()
    image, landmarks, coeffs, driving = inputs(network.config, 2, device)
    with torch.inference_mode():
        eager = network(network.encode_source(image, landmarks), coeffs, driving).image
        torch._dynamo.reset()
        network.compile()
        network.encoder.compile()
        compiled = network(network.encode_source(image, landmarks), coeffs, driving).image
    assert float((compiled - eager).abs().max()) < PICTURE
    assert float(eager.std()) > 0.05
