"""Non-saturating GAN losses and the R1 penalty, over lists of logits (one per scale)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def generator_loss(fake: Sequence[Tensor]) -> Tensor:
    """-log sigmoid(D(G)), averaged over patches and scales (Goodfellow et al. 2014, section 3)."""
    return torch.stack([F.softplus(-logits).mean() for logits in fake]).mean()


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """-log sigmoid(D(real)) - log(1 - sigmoid(D(fake))), averaged over patches and scales."""
    return torch.stack(
        [F.softplus(-r).mean() + F.softplus(f).mean() for r, f in zip(real, fake, strict=True)]
    ).mean()


def r1_penalty(real: Sequence[Tensor], image: Tensor) -> Tensor:
    """Half the squared norm of the gradient of the logits at real images (Mescheder et al. 2018,
    equation 9), to be multiplied by gamma.

    `real` are the logits of `image` (B, 3, H, W), which requires grad. A sample's output is the sum over
    scales of its mean logit; the penalty is the mean over samples.
    """
    output = torch.stack([logits.float().mean((1, 2, 3)) for logits in real]).sum()
    (gradient,) = torch.autograd.grad(output, image, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2


def lazy_rescale(rate: float, betas: tuple[float, float], every: int) -> tuple[float, tuple[float, float]]:
    """Learning rate and Adam betas for a regulariser applied every `every` batches: StyleGAN2, appendix B.

    c = k / (k + 1); rate * c, betas ** c.
    """
    c = every / (every + 1)
    return rate * c, (betas[0] ** c, betas[1] ** c)
