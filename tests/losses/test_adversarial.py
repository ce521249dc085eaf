"""The adversarial losses against their formulas."""

import math

import torch

from lit_emotalk.losses.adversarial import discriminator_loss, generator_loss, lazy_rescale, r1_penalty


def test_losses_are_the_cross_entropies_of_goodfellow() -> None:
    real, fake = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 3.0]])
    p_real, p_fake = torch.sigmoid(real), torch.sigmoid(fake)
    torch.testing.assert_close(generator_loss([fake]), -p_fake.log().mean())
    expected = -p_real.log().mean() - (1 - p_fake).log().mean()
    torch.testing.assert_close(discriminator_loss([real], [fake]), expected)
    torch.testing.assert_close(discriminator_loss([real, real], [fake, fake]), expected)


def test_losses_are_equal_at_indifference_and_stay_finite() -> None:
    zero = [torch.zeros(2, 1, 3, 3)]
    assert math.isclose(discriminator_loss(zero, zero), 2 * math.log(2), rel_tol=1e-6)
    sure = [torch.full((1, 1, 2, 2), -1e4)]
    assert math.isclose(generator_loss(sure), 1e4)


def test_r1_of_a_linear_judge_is_half_its_squared_weight() -> None:
    weight = torch.arange(12.0).reshape(3, 2, 2) / 10
    image = torch.rand(4, 3, 2, 2, requires_grad=True)
    logits = (image * weight).sum((1, 2, 3))[:, None, None, None]
    penalty = r1_penalty([logits], image)
    torch.testing.assert_close(penalty, weight.square().sum() / 2)


def test_r1_can_be_minimised() -> None:
    layer = torch.nn.Conv2d(3, 1, 3)
    image = torch.rand(2, 3, 8, 8, requires_grad=True)
    before = r1_penalty([layer(image)], image)
    before.backward()
    with torch.no_grad():
        layer.weight -= 0.1 * layer.weight.grad
    assert r1_penalty([layer(image)], image) < before


def test_lazy_rescaling_is_stylegan2s() -> None:
    rate, betas = lazy_rescale(0.002, (0.0, 0.99), 16)
    assert math.isclose(rate, 0.002 * 16 / 17)
    assert betas[0] == 0 and math.isclose(betas[1], 0.99 ** (16 / 17))
