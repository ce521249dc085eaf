"""Landmark distance of mouth and face."""

from torch import Tensor

from lit_emotalk.metrics.base import ClipMean, Protocol

STANDARD_SIZE = 256
"""Side in pixels of the crop in which pixel distances are given."""


def lmd(generated: Tensor, reference: Tensor) -> Tensor:
    """Landmark distance of each frame: (T, P, 2) points twice -> (T,) in the points' unit.

    Each set is centred on its mean (no scale, no rotation); the Euclidean distance is averaged over the
    points. A frame with a NaN point (no face found) gives NaN. Source: the mouth and face distances of EAT's
    evaluation, without its addition of the mouth's distance to the face's.
    """
    centred = generated - generated.mean(-2, keepdim=True) - (reference - reference.mean(-2, keepdim=True))
    return centred.norm(dim=-1).mean(-1)


class MouthLMD(ClipMean):
    """`lmd` of the 20 mouth points, averaged over frames, then clips. update(generated, reference), see
    `lmd`."""

    PROTOCOL = Protocol(
        "M-LMD", "lower", "px at 256", "MediaPipe FaceLandmarker, mesh mapped to 68 points",
        "mouth points 48-67, mean-centred, mean Euclidean distance",
    )  # fmt: skip

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) distances."""
        return lmd(*inputs)


class FaceLMD(MouthLMD):
    """`lmd` of all 68 points, averaged over frames, then clips. update(generated, reference), see `lmd`."""

    PROTOCOL = Protocol(
        "F-LMD", "lower", "px at 256", "MediaPipe FaceLandmarker, mesh mapped to 68 points",
        "all 68 points, mean-centred, mean Euclidean distance",
    )  # fmt: skip
