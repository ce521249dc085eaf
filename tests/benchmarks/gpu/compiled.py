"""torch.compile on the networks of a stage that its training step calls."""

from torch import nn

from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.hef.generator import HEF
from lit_emotalk.stages.base import Stage


def compile_networks(stage: Stage) -> None:
    """Compile in place: weights, their names and the stage's code stay as they are."""
    for network in called_networks(stage.network):
        network.compile()


def called_networks(network: nn.Module) -> list[nn.Module]:
    """The modules that a step calls; the rest of a network are its methods around them."""
    if isinstance(network, EmotionSpace):
        return [network.audio, network.units]
    if isinstance(network, HEF):
        return [network, network.encoder]
    return [network]
