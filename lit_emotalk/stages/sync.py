"""Training of SyncNet where the official weights are absent: which sound belongs to which lips."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.errors import UserError
from lit_emotalk.metrics.sync import centred, true_offset_rank
from lit_emotalk.models.syncnet import SyncNet, SyncNetConfig
from lit_emotalk.stages.augment import PictureAugment, WaveAugment, augment_picture, augment_wave
from lit_emotalk.stages.base import Batch, Stage

REACH = 10

PICTURE = PictureAugment(shift=0.04, zoom=0.1, turn=4.0, light=0.05, contrast=0.15)
"""As large as the crops of a face that is found again vary, with another light (our choice)."""


class SyncStage(Stage):
    """Trains SyncNet to tell a window's own sound from other sound (our choice of loss: the reference's is
    not public).

    A batch holds runs of frames with their sound. Every window of five frames is compared with every window
    of sound of the batch: with those of its own run, which are other offsets of the same voice, and with
    those of the other clips. The features of a run are first centred on their mean, for lips and sound
    apart: what stays the same in a clip (the head, the light, the voice) does not move a score that compares
    offsets, but drowns the lips while the network is young. Loss: cross-entropy over minus the squared
    distances times a learned scale, from lips to sound and back; the two sets of negatives weigh the same.

    Validation logs `val/offset_accuracy`, the share of runs whose true offset is the nearest of -10 .. 10
    (chance 1/21), and as `val/loss` that over a run's own windows: the other depends on the batch's size.

    Arguments:
        network: the network; its `crop` and `view` are the data module's `resolution` and `view`.
        scale: first value of the learned scale, times the size of the embedding.
        picture: augmentation of the runs' pictures.
        wave: augmentation of the runs' sound.
        kwargs: see `Stage`.
    """

    stage: ClassVar[str] = "sync"

    def __init__(
        self,
        network: SyncNetConfig = SyncNetConfig(),  # noqa: B008
        scale: float = 10.0,
        picture: PictureAugment = PICTURE,
        wave: WaveAugment = WaveAugment(),  # noqa: B008
        warmup: int = 20,
        **kwargs: Any,
    ) -> None:
        if scale <= 0:
            raise UserError("scale must be above 0")
        super().__init__(SyncNet(network), warmup=warmup, **kwargs)
        self.log_scale = nn.Parameter(torch.tensor(scale / network.embedding).log())
        self.picture, self.wave = picture, wave

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over the network and the scale."""
        return self.adamw(self)

    def losses(self, video: Tensor, sound: Tensor) -> dict[str, Tensor]:
        """Losses of features (B, W, D) of lips and of sound; `own` over a run's windows, `all` over the
        batch's."""
        clips, windows = video.shape[:2]
        lips, voices = centred(video).flatten(0, 1), centred(sound).flatten(0, 1)
        distances = lips.square().sum(1)[:, None] + voices.square().sum(1)[None] - 2 * lips @ voices.T
        logits = -self.log_scale.exp() * distances
        true = torch.arange(clips * windows, device=logits.device)
        everyone = F.cross_entropy(logits, true) + F.cross_entropy(logits.T, true)
        blocks = logits.view(clips, windows, clips, windows).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
        place = torch.arange(windows, device=logits.device).expand(clips, -1)
        own = F.cross_entropy(blocks.transpose(1, 2), place) + F.cross_entropy(blocks, place)
        return {"own": own / 2, "all": everyone / 2, "loss": (own + everyone) / 4}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One batch: the contrastive loss."""
        run = batch["frames"] / 127.5 - 1
        varied = augment_picture(run.flatten(1, 2), self.picture).view_as(run)
        losses = self.losses(*self.network(127.5 * (varied + 1), augment_wave(batch["samples"], self.wave)))
        self.log_losses(losses)
        return losses["loss"]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The loss, and how often the true offset is found."""
        video, sound = self.inference_network(batch["frames"], batch["samples"])
        reach = min(REACH, video.shape[1] - 1)
        pairs = zip(centred(video), centred(sound), strict=True)
        ranks = [true_offset_rank(lips, voice, reach) for lips, voice in pairs]
        rank = video.new_tensor(ranks)
        scores = {"offset_accuracy": (rank == 0).float().mean(), "offset_rank": rank.mean()}
        losses = self.losses(video, sound)
        self.log_losses(losses | {"loss": losses["own"]} | scores, "val", len(video))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As in validation."""
        self.validation_step(batch, batch_idx)
