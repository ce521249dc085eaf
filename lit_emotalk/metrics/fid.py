"""Fréchet inception distance between two sets of pictures."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lit_emotalk.metrics.base import Protocol

FEATURES = 2048
RELIABLE_SAMPLES = 2048

PROTOCOL = Protocol(
    "FID", "lower", "", "pytorch-fid's Inception, pt_inception-2015-12-05",
    "2048 pool features of RGB / 255, bilinear to 299; unreliable below 2048 frames",
)  # fmt: skip


def frechet_distance(mean_a: Tensor, covariance_a: Tensor, mean_b: Tensor, covariance_b: Tensor) -> Tensor:
    """Squared Fréchet distance of two Gaussians: |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), a scalar
    >= 0.

    The trace of the root is the sum of the roots of the eigenvalues of C_a^(1/2) C_b C_a^(1/2), in double
    precision. Source: Heusel et al., "GANs trained by a two time-scale update rule", 2017, eq. 6.
    """
    mean_a, mean_b = mean_a.double(), mean_b.double()
    covariance_a, covariance_b = covariance_a.double(), covariance_b.double()
    values, vectors = torch.linalg.eigh(covariance_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ covariance_b @ root).clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * cross


def frechet_of_features(generated: Tensor, reference: Tensor) -> Tensor:
    """Fréchet distance of two feature sets (N, D) and (M, D); N, M >= 2."""
    return frechet_distance(
        generated.double().mean(0),
        generated.double().T.cov(),
        reference.double().mean(0),
        reference.double().T.cov(),
    )


class FrechetDistance(Metric):
    """Fréchet distance of the features of generated and reference pictures; sums and outer sums are the
    states.

    update(features (N, D), real: bool). NaN where a set has fewer than two pictures.
    """

    PROTOCOL = PROTOCOL
    full_state_update = False
    higher_is_better = False
    counts: Tensor
    sums: Tensor
    outers: Tensor

    def __init__(self, size: int = FEATURES, **arguments: Any) -> None:
        super().__init__(**arguments)
        for name, shape in (("counts", (2,)), ("sums", (2, size)), ("outers", (2, size, size))):
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor, real: bool) -> None:
        """Add pictures' features to the reference set (`real`) or to the generated one."""
        features = features.double()
        self.counts[int(real)] += len(features)
        self.sums[int(real)] += features.sum(0)
        self.outers[int(real)] += features.T @ features

    def compute(self) -> Tensor:
        """The distance between the two sets seen by all processes."""
        if self.counts.min() < 2:
            return torch.tensor(float("nan"))
        means = self.sums / self.counts[:, None]
        counts = self.counts[:, None, None]
        covariances = (self.outers - counts * means[:, :, None] * means[:, None, :]) / (counts - 1)
        return frechet_distance(means[0], covariances[0], means[1], covariances[1])


def load_inception(path: Path | str) -> nn.Module:
    """pytorch-fid's Inception with the weights at `path`: (N, 3, H, W) in [0, 1] -> [(N, 2048, 1, 1)].

    The package can only download its weights; it is handed the verified local file instead.
    """
    from pytorch_fid import inception

    state = torch.load(path, map_location="cpu", weights_only=True)
    download = inception.load_state_dict_from_url
    inception.load_state_dict_from_url = lambda *_, **__: state
    try:
        return inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[FEATURES]]).eval()
    finally:
        inception.load_state_dict_from_url = download


@torch.no_grad()
def inception_features(network: nn.Module, pictures: Tensor) -> Tensor:
    """(N, 3, H, W) pictures in [0, 255] -> (N, 2048) pool features."""
    return network(pictures.float() / 255)[0][:, :, 0, 0]
