"""What stage hef's losses weigh."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HEFWeights:
    """Weights of the generator's losses (our choice); 0 leaves a loss out.

    image: L1 of the result; pyramid: L1 of every level's image; warped: L1 of every level's warped source;
    perceptual: VGG19 or edges; adversarial: of the discriminator; roughness: second differences of the
    flows; drawn: the share of the result that is not the warped source, so that it is drawn only where
    that pays and else stays as sharp as the source; temporal: L1 of the change to the next frame
    (`change_l1`), which needs `following: true` of the data and draws every sample twice; detail:
    difference of the local amounts of fine detail (`detail_l1`), which keeps results from blurring.
    """

    image: float = 1.0
    pyramid: float = 1.0
    warped: float = 0.5
    perceptual: float = 1.0
    adversarial: float = 0.1
    roughness: float = 0.01
    drawn: float = 0.02
    temporal: float = 0.0
    detail: float = 0.0
