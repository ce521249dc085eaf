"""Learned perceptual distance, by the `lpips` package."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lit_emotalk.metrics.base import ClipMean, Protocol


def load_lpips(backbone: Path | str) -> nn.Module:
    """The package's LPIPS (net alex, version 0.1) on torchvision's AlexNet weights at `backbone`; nothing is
    downloaded.

    The linear layers come with the package.
    """
    import lpips

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    state = torch.load(backbone, map_location="cpu", weights_only=True)
    layers = {
        name.removeprefix("features."): value for name, value in state.items() if name.startswith("features.")
    }
    trunk = {name: layers[name.split(".", 1)[1]] for name in network.net.state_dict()}
    network.net.load_state_dict(trunk, strict=True)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def lpips_distance(network: nn.Module, generated: Tensor, reference: Tensor) -> Tensor:
    """Distance of each picture: (N, 3, H, W) in [0, 255] twice -> (N,) >= 0; RGB is scaled to [-1, 1].

    Source: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", 2018.
    """
    return network(generated.float() / 127.5 - 1, reference.float() / 127.5 - 1).flatten()


class LPIPS(ClipMean):
    """`lpips_distance` averaged over frames, then clips. update(generated, reference), see
    `lpips_distance`."""

    PROTOCOL = Protocol(
        "LPIPS", "lower", "", "lpips 0.1, AlexNet (torchvision)", "RGB in [-1, 1], mean per frame"
    )

    def __init__(self, network: nn.Module, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.network = network

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) distances."""
        return lpips_distance(self.network, *inputs)
