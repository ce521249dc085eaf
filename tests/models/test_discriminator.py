"""The discriminator looks at patches, at several scales."""

import torch

from lit_emotalk.models.hef.discriminator import DiscriminatorConfig, MultiScaleDiscriminator


def test_discriminator_judges_every_scale_patch_by_patch() -> None:
    network = MultiScaleDiscriminator(DiscriminatorConfig(channels=4, layers=2, scales=2))
    image = torch.rand(1, 3, 32, 32)
    logits = network(image)
    assert [level.shape for level in logits] == [(1, 1, 8, 8), (1, 1, 4, 4)]
    changed = image.clone()
    changed[..., :4, :4] = 0
    difference = (network(changed)[0] - logits[0]).abs()[0, 0]
    assert difference[0, 0] > 0 and difference[-1, -1] == 0
