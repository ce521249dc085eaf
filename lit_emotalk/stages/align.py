"""Stage 1: training of the emotion space, contrastively between words, sound and pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data.pipeline import pictures_of, speech_of
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.losses.contrastive import contrastive_loss, gather_rows, label_distance, positives_of
from lit_emotalk.metrics.zero_shot import ZeroShot
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.schema import ROWS
from lit_emotalk.stages.align_report import (
    ShownClips,
    WordReport,
    attention_picture,
    save_picture,
    space_pictures,
)
from lit_emotalk.stages.augment import (
    FaceAugment,
    PictureAugment,
    SoundAugment,
    augment_face,
    augment_picture,
    augment_sound,
    draw_frames,
)
from lit_emotalk.stages.base import Batch, Stage

CLIPS_SHOWN = 3
"""Clips of the first validation batch whose attention is drawn."""


@dataclass(frozen=True)
class AlignWeights:
    """Weights of the contrastive losses between pairs of modalities; 0 leaves a pair out.

    audio_text: sound and words. audio_image: sound and the picture itself. units_text: the coefficients of a
    picture and words. audio_units: sound and the coefficients. image_text: the picture itself and words. The
    picture itself takes part with `image: open_clip`.

    units_label: of the cosine distance from the coefficients' code to the emotion's own (the mean of its
    prompts). The contrastive losses say which emotion is nearest and leave open how near; with this one codes
    of pictures come as near as stage 2 knows those of labels to be (our choice).
    """

    audio_text: float = 1.0
    units_text: float = 1.0
    audio_units: float = 0.3
    image_text: float = 1.0
    audio_image: float = 0.3
    units_label: float = 0.0


class AlignStage(Stage):
    """Trains the audio encoder and the image tower towards the fixed codes of text prompts.

    Every sample draws one prompt of its emotion. Losses are symmetric, with all samples of an emotion as
    positives, over the batches of all processes; the temperature is learned. A corpus of sound only trains
    the audio encoder alone, one of faces only the image tower. A space of raw codes trains the audio encoder
    towards texts and pictures (the paper). Validation: `ZeroShot` on whole clips and
    their key frames' pictures, the share of the held-out words that land on their emotion, and of the
    compounds whose parts are nearest. Beside the run go `space/words.csv`, which lists them with the misses
    first, and pictures: confusion matrices, a map of the space, and the audio encoder's attention over three
    clips (with several processes, of the clips that the first one validates).

    Arguments:
        network: the space; its text side is fitted before training.
        weights: of the losses.
        sound: augmentation of speech.
        face: augmentation of coefficients.
        picture: augmentation of the pictures for open_clip.
        units_rate: how many times the learning rate the small image tower learns with.
        pictures_every: epochs between pictures; the last epoch has them too.
        kwargs: see `Stage`.

    Raises UserError where `pictures_every` is below 1, or the pictures that `image: open_clip` needs are not
    in the batches.
    """

    stage: ClassVar[str] = "align"
    every_parameter: ClassVar[bool] = False
    network: EmotionSpace

    def __init__(
        self,
        network: EmotionSpaceConfig = EmotionSpaceConfig(),  # noqa: B008
        weights: AlignWeights = AlignWeights(),
        sound: SoundAugment = SoundAugment(),  # noqa: B008
        face: FaceAugment = FaceAugment(),  # noqa: B008
        learning_rate: float = 5e-4,
        units_rate: float = 3.0,
        weight_decay: float = 0.05,
        warmup: int = 40,
        final_rate: float = 0.02,
        pictures_every: int = 10,
        picture: PictureAugment = PictureAugment(),  # noqa: B008
        **kwargs: Any,
    ) -> None:
        if pictures_every < 1:
            raise UserError("pictures_every must be at least 1")
        space = EmotionSpace(network)
        super().__init__(space, learning_rate, weight_decay, warmup, final_rate, **kwargs)
        self.units_rate = units_rate
        self.weights = weights
        self.sound = sound
        self.face = face
        self.register_buffer("mirrored", torch.from_numpy(ARKIT.mirrored()), persistent=False)
        self.mirrored: Tensor
        self.picture = picture
        self.zero_shot = ZeroShot(len(EMOTIONS), space.dim)
        self.pictures_every = pictures_every
        self.words: WordReport | None = None
        self.shown: ShownClips | None = None

    def setup(self, stage: str) -> None:
        """Fit the text side, unless the weights came with one."""
        for space in {self.network, self.inference_network}:
            if not space.fitted:
                space.fit_text()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One AdamW; the small image tower has a rate of its own."""
        space = self.network
        rest = torch.nn.ModuleList([space.audio, *([space.image_head] if space.image_head else [])])
        optimizer = self.adamw(rest)
        optimizer.add_param_group({"params": [space.log_scale], "weight_decay": 0.0})
        for group in self.adamw(space.units, self.units_rate * self.learning_rate).param_groups:
            optimizer.add_param_group(group)
        return optimizer

    def draw_texts(self, emotion: Tensor) -> Tensor:
        """One prompt's code for each sample: emotion (B,) -> (B, D); any one for an unknown emotion."""
        bank = self.network.bank
        return bank[emotion.clamp(min=0), torch.randint(bank.shape[1], emotion.shape, device=emotion.device)]

    def draw_units(self, batch: Batch) -> Tensor:
        """A varied picture's coefficients for each sample: (B, 51)."""
        single, coeffs = batch["single"], batch["coeffs"][..., : batch["single"].shape[-1]]
        if single.shape[-1] != ARKIT.expression_size:
            raise UserError(
                "the small image tower reads arkit's units, which these shards lack: take image: open_clip "
                "and set weights.units_text, audio_units and units_label to 0"
            )
        rested = torch.rand(len(single), 1, 1, device=single.device) < self.face.rested
        frames = draw_frames(
            torch.where(rested, coeffs, single), batch["mask"], batch["key_frame"], self.face.spread
        )
        return augment_face(frames, self.face, self.mirrored)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The contrastive losses of a batch, by pair of modalities."""
        space = self.network
        emotion = gather_rows(batch["emotion"])
        positives, known = positives_of(emotion), emotion >= 0
        text = gather_rows(self.draw_texts(batch["emotion"]))
        scale, losses, audio = space.scale, {}, None
        if any(name in batch for name in ROWS):
            heard = space.audio.trimmed(speech_of(batch, space.hears), batch["mask"])
            audio = gather_rows(space.encode_audio(*augment_sound(*heard, self.sound, space.hears)))
            losses["audio_text"] = contrastive_loss(audio, text, positives, scale, known)
        of_units = self.weights.units_text, self.weights.audio_units, self.weights.units_label
        if "single" in batch and any(of_units):
            units = gather_rows(space.encode_units(self.draw_units(batch)))
            losses["units_text"] = contrastive_loss(units, text, positives, scale, known)
            if self.weights.units_label:
                losses["units_label"] = label_distance(units, space.emotion_codes(), emotion)
            if audio is not None:
                losses["audio_units"] = contrastive_loss(audio, units, positives, scale)
        if space.config.image == "open_clip":
            image = gather_rows(space.encode_image(augment_picture(pictures_of(batch), self.picture)))
            if space.image_head is not None:
                losses["image_text"] = contrastive_loss(image, text, positives, scale, known)
            if audio is not None and self.weights.audio_image:
                losses["audio_image"] = contrastive_loss(audio, image, positives, scale)
        return losses

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Weighted sum of the contrastive losses."""
        losses = self.losses(batch)
        if not losses:
            raise UserError("these shards leave nothing to train: raise the weights of losses that they have")
        total = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        self.log_losses({"loss": total, **losses, "scale": self.network.scale})
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Encode whole clips and their key frames."""
        space: EmotionSpace = self.inference_network
        audio = space.encode_audio(speech_of(batch, space.hears), batch["mask"])
        image = None
        if space.config.image == "open_clip":
            image = space.encode_image(pictures_of(batch))
        elif "key_single" in batch:
            image = space.encode_units(batch["key_single"])
        if self.words is None:
            self.words = WordReport.of(space)
        words = (self.words.codes, self.words.emotion)
        self.zero_shot.update(audio, image, batch["emotion"], space.emotion_codes(), words)
        if batch_idx == 0:
            clips = slice(CLIPS_SHOWN)
            titles = [f"{key} ({label})" for key, label in zip(batch["key"], batch["label"], strict=True)]
            speech = speech_of(batch, space.hears)
            self.shown = ShownClips(speech[clips], batch["mel"][clips], batch["mask"][clips], titles[clips])

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As in validation."""
        self.validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the zero-shot figures."""
        self._log_figures("val")

    def on_test_epoch_end(self) -> None:
        """Log the zero-shot figures."""
        self._log_figures("test")

    def _log_figures(self, prefix: str) -> None:
        figures = self.zero_shot.compute()
        if self.words is not None:
            figures["held_out_words"] = torch.tensor(self.words.words)
            figures["compounds"] = torch.tensor(self.words.compounds)
            self._log_pictures(prefix, self.words)
        self.zero_shot.reset()
        for name, value in figures.items():
            shown = name in ("audio_text", "image_text")
            self.log(f"{prefix}/{name}", value, prog_bar=shown, sync_dist=True)

    def _log_pictures(self, prefix: str, words: WordReport) -> None:
        trainer, epoch = self.trainer, self.current_epoch
        due = (epoch + 1) % self.pictures_every == 0 or epoch + 1 == trainer.max_epochs
        due = due or trainer.state.fn != TrainerFn.FITTING
        seen = self.zero_shot.collected()
        if trainer.sanity_checking or not trainer.is_global_zero or not due or seen is None:
            return
        space: EmotionSpace = self.inference_network
        folder = Path(trainer.default_root_dir) / "space"
        words.write(folder / "words.csv")
        pictures = space_pictures(space, seen, words)
        if self.shown is not None:
            pictures["attention"] = attention_picture(space, self.shown)
        for name, picture in pictures.items():
            save_picture(picture, folder / f"{prefix}-{name}-{epoch:04d}.png")
            for logger in trainer.loggers:
                if hasattr(logger, "log_image"):
                    logger.log_image(f"{prefix}/{name}", [picture], step=self.batches_done)
