"""torch.compile on the networks of a stage that its training step calls."""

import torch
from torch import nn

from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.hef.generator import HEF
from lit_emotalk.stages.base import Stage


def compile_networks(stage: Stage, backend: str = "inductor") -> None:
    """Compile in place: weights, their names and the stage's code stay as they are."""
    for network in called_networks(stage.network):
        network.compile(backend=backend)


def called_networks(network: nn.Module) -> list[nn.Module]:
    """The modules that a step calls; the rest of a network are its methods around them."""
    if isinstance(network, EmotionSpace):
        return [network.audio, network.units]
    if isinstance(network, HEF):
        return [network, network.encoder]
    return [network]


def graphs() -> int:
    """How many graphs were compiled since `torch._dynamo.reset`."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])
