"""The contrastive loss against a loop, and over two processes against one."""

import math
import multiprocessing

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import normalize

from lit_emotalk.losses.contrastive import contrastive_loss, gather_rows, positives_of
from tests.forked import begun, ended


def codes(rows: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(rows, 6, generator=torch.Generator().manual_seed(seed)), dim=-1)


def by_loops(first, second, positives, scale) -> float:
    def one_way(rows, columns, pairs) -> float:
        terms = []
        for i in range(len(rows)):
            exps = [math.exp(scale * float(rows[i] @ column)) for column in columns]
            chosen = [-math.log(exps[j] / sum(exps)) for j in range(len(columns)) if pairs[i][j]]
            if chosen:
                terms.append(sum(chosen) / len(chosen))
        return sum(terms) / len(terms)

    pairs = positives.tolist()
    turned = [list(row) for row in zip(*pairs, strict=True)]
    return (one_way(first, second, pairs) + one_way(second, first, turned)) / 2


def test_equals_the_definition():
    emotion = torch.tensor([0, 0, 2, 2, 2, -1])
    first, second = codes(6, 0), codes(6, 1)
    positives = positives_of(emotion)
    found = contrastive_loss(first, second, positives, 7.0)
    assert float(found) == pytest.approx(by_loops(first, second, positives, 7.0), rel=1e-5)


def test_with_one_positive_each_it_is_clips_loss():
    first, second = codes(5, 2), codes(5, 3)
    logits = 4.0 * first @ second.T
    target = torch.arange(5)
    cross_entropy = nn.functional.cross_entropy
    expected = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    torch.testing.assert_close(contrastive_loss(first, second, positives_of(target), 4.0), expected)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_samples_that_are_not_known_are_as_if_they_were_not_there(kind):
    emotion = torch.tensor([3, -1, 3, 5, -1, 5, 3])
    known, positives = emotion >= 0, positives_of(emotion)
    first, second = (codes(7, seed).to(kind).requires_grad_() for seed in (4, 5))
    found = contrastive_loss(first, second, positives, 7.0, known)
    kept = [codes(7, seed).to(kind)[known].requires_grad_() for seed in (4, 5)]
    expected = contrastive_loss(*kept, positives[known][:, known], 7.0)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    found.backward()
    expected.backward()
    for whole, part in zip((first, second), kept, strict=True):
        torch.testing.assert_close(whole.grad[known], part.grad, rtol=1e-5, atol=1e-6)
        assert not whole.grad[~known].any()


def test_nobody_known_is_zero():
    first, second = codes(4, 6).requires_grad_(), codes(4, 7)
    nobody = torch.zeros(4, dtype=torch.bool)
    found = contrastive_loss(first, second, positives_of(torch.full((4,), -1)), 50.0, nobody)
    found.backward()
    assert float(found) == 0 and not first.grad.any()


def test_unknown_emotions_belong_to_themselves_only():
    positives = positives_of(torch.tensor([-1, 3, -1, 3]))
    assert positives.tolist() == [
        [True, False, False, False],
        [False, True, False, True],
        [False, False, True, False],
        [False, True, False, True],
    ]


def test_rows_without_a_positive_do_not_count():
    first, second = codes(3, 4), codes(3, 5)
    positives = torch.zeros(3, 3, dtype=torch.bool)
    assert float(contrastive_loss(first, second, positives, 5.0)) == 0.0


ROWS, WIDTH = 8, 5


def _network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(WIDTH, 6).double()


def _inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    audio, units = (torch.randn(ROWS, WIDTH, generator=generator, dtype=torch.float64) for _ in range(2))
    return audio, units, torch.tensor([0, 1, 0, 2, 1, 2, -1, 0])


def _loss(network: nn.Module, audio, units, emotion) -> torch.Tensor:
    first, second = (gather_rows(normalize(network(x), dim=-1)) for x in (audio, units))
    return contrastive_loss(first, second, positives_of(gather_rows(emotion)), 5.0)


def _process(rank: int, store: str, results) -> None:
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    network = nn.parallel.DistributedDataParallel(_network())
    half = slice(rank * ROWS // 2, (rank + 1) * ROWS // 2)
    loss = _loss(network, *(tensor[half] for tensor in _inputs()))
    loss.backward()
    results[rank] = (
        float(loss.detach()),
        network.module.weight.grad.numpy(),
        network.module.bias.grad.numpy(),
    )
    dist.destroy_process_group()


@pytest.mark.ddp
def test_two_processes_give_the_gradient_of_one(tmp_path):
    network = _network()
    expected = _loss(network, *_inputs())
    expected.backward()
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        ended(begun(_process, str(tmp_path / "store"), results))
        found = dict(results)
    for rank in range(2):
        loss, weight, bias = found[rank]
        assert loss == pytest.approx(float(expected.detach()), rel=1e-12)
        torch.testing.assert_close(torch.from_numpy(weight), network.weight.grad, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(torch.from_numpy(bias), network.bias.grad, rtol=1e-9, atol=1e-12)
