"""Expression feature distance. No public definition exists: this one is ours, and is called so in every
table."""

from torch import Tensor

from lit_emotalk.metrics.base import ClipMean, Protocol


def efd(generated: Tensor, reference: Tensor) -> Tensor:
    """Distance of the expression descriptors of each frame: (T, D) twice -> (T,), their L2 distance (our
    choice).

    With the `arkit` backbone D = 51 coefficients in [0, 1] of our tracker, both videos read relative to the
    resting shape of the reference speaker. A frame with NaN (no face found) gives NaN.
    """
    return (generated - reference).norm(dim=-1)


class EFD(ClipMean):
    """`efd` averaged over frames, then clips. update(generated, reference), see `efd`."""

    PROTOCOL = Protocol(
        "EFD", "lower", "", "arkit: 51 coefficients of this package's tracker",
        "our definition: mean over frames of the L2 distance between expression descriptors",
    )  # fmt: skip

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) distances."""
        return efd(*inputs)
