"""Identity similarity: cosine of face embeddings."""

from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.metrics.base import ClipMean, Protocol


def csim(generated: Tensor, source: Tensor) -> Tensor:
    """Cosine of each generated frame's identity embedding with the source portrait's: (T, D) and (D,) ->
    (T,) in [-1, 1].

    A frame with NaN (no face found) gives NaN. The embeddings' origin (`lit_emotalk.models.identity`) sets
    the scale: dlib's cosines are all high, ArcFace's of real videos are about 0.8.
    """
    return F.cosine_similarity(generated, source[None], dim=-1)


class CSIM(ClipMean):
    """`csim` averaged over frames, then clips. update(generated, source), see `csim`."""

    PROTOCOL = Protocol(
        "CSIM", "higher", "", "dlib ResNet v1 or ArcFace R50, see the column's note",
        "cosine of face embeddings, source portrait against generated frames",
    )  # fmt: skip

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) cosines."""
        return csim(*inputs)
