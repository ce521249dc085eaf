"""Stage 2: training of the EAC, from speech and emotion codes of any modality to expression coefficients."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data.pipeline import pictures_of, speech_of
from lit_emotalk.emotions import EMOTIONS, LEVELS
from lit_emotalk.errors import UserError
from lit_emotalk.losses.coefficients import coefficient_loss, spread_loss, unit_weights, velocity_loss
from lit_emotalk.losses.lips import LipLoss
from lit_emotalk.metrics.coefficient_error import CoefficientError
from lit_emotalk.metrics.expression import ExpressionError, MeanFaces
from lit_emotalk.models.eac import EAC, EACConfig, label_codes
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.handover import load_export
from lit_emotalk.stages.augment import SoundAugment, augment_sound, draw_frames, draw_intensity
from lit_emotalk.stages.base import Batch, Stage

Modality = Literal["text", "image", "audio"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")


@dataclass(frozen=True)
class EACWeights:
    """Weights of the losses; 0 leaves one out.

    coefficients: smooth L1. velocity: of the frame-to-frame differences. lips: landmarks of the linear face,
    in percent of the inter-ocular distance. opening: of its mouth, likewise. closed: times more where the
    lips must meet. spread: of the standard deviations over time. emotion: cosine distance of the faces' codes
    in the emotion space. unheard, mouth: weights of single units (lids and gaze; jaw and mouth) in those on
    units. Of the layout bfm, whose numbers have no names and whose shape is not ours to give, there are
    coefficients, velocity and spread alone.
    """

    coefficients: float = 10.0
    velocity: float = 5.0
    lips: float = 0.1
    opening: float = 0.05
    closed: float = 3.0
    spread: float = 0.0
    emotion: float = 0.2
    unheard: float = 0.1
    mouth: float = 1.5


@dataclass(frozen=True)
class CodeDraw:
    """How a training sample's emotion code is drawn.

    text, image, audio: relative frequency of the modalities. dropout: share of samples without a code. swap:
    share of samples whose picture or sound comes from another clip of the same emotion in the batch. spread:
    standard deviation, in frames, of the picture's distance from the key frame. jitter: largest change of the
    intensity. levelless: whether neutral and calm train at every intensity (see `draw_intensity`).
    """

    text: float = 1.0
    image: float = 1.0
    audio: float = 1.0
    dropout: float = 0.1
    swap: float = 0.5
    spread: float = 8.0
    jitter: float = 0.05
    levelless: bool = True


VOICE = SoundAugment(gain=3.0, noise=2.0, bands=2.0, speed=0.0, crop=0.0, masks=0)
"""Augmentation that keeps the timing of speech."""


class EACStage(Stage):
    """Trains EAC on windows of clips under codes of a frozen emotion space.

    Lids and gaze cannot be heard: their weight is small, so that they come out near their mean; blinks are
    added by `lit_emotalk.inference.motion.natural`. Validation: `ExpressionError` on whole clips, under the
    label's, the picture's and the sound's code each, beside the mean faces of the training split, of each
    emotion and of each emotion and level. Clips whose coefficients were acted or captured train as well; the
    mean faces are of those read from pictures, as validation's are. Of the layout bfm: `CoefficientError`.

    Arguments:
        emotion_space: directory of the export of stage align.
        network: the convertor; its `code_dim` follows from its `codes` and the space.
        weights: of the losses.
        codes: how emotion codes are drawn.
        voice: augmentation of the speech.
        kwargs: see `Stage`.

    Raises UserError where the export of stage align is missing or does not fit, the corpus has no faces, or
    holds another layout than the network's.
    """

    stage: ClassVar[str] = "eac"
    network: EAC

    def __init__(
        self,
        emotion_space: Path,
        network: EACConfig = EACConfig(),  # noqa: B008
        weights: EACWeights = EACWeights(),
        codes: CodeDraw = CodeDraw(),
        voice: SoundAugment = VOICE,
        learning_rate: float = 5e-4,
        weight_decay: float = 0.02,
        warmup: int = 40,
        final_rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        space = load_export(emotion_space, "align")
        assert isinstance(space, EmotionSpace)
        eac = EAC(replace(network, code_dim=len(EMOTIONS) if network.codes == "one_hot" else space.dim))
        super().__init__(eac, learning_rate, weight_decay, warmup, final_rate, **kwargs)
        self._frozen = [space.requires_grad_(False)]
        self.weights, self.codes, self.voice = weights, codes, voice
        self.layout, self.named = eac.layout, eac.layout == ARKIT
        if not self.named and space.config.image == "units":
            raise UserError(
                f"the emotion space reads pictures by arkit's units, which {self.layout.name} lacks: train "
                "stage align with image: open_clip"
            )
        units = self.layout.expression_size
        self.lip_loss = LipLoss(weights.closed)
        counted = unit_weights(weights.unheard, weights.mouth) if self.named else torch.ones(units)
        self.register_buffer("unit_weights", counted, persistent=False)
        self.unit_weights: Tensor
        self.mean_faces = MeanFaces(len(EMOTIONS), len(LEVELS), units)
        self.errors = torch.nn.ModuleDict(
            {
                name: ExpressionError(self.lip_loss.face) if self.named else CoefficientError(units)
                for name in MODALITIES
            }
        )

    @property
    def space(self) -> EmotionSpace:
        """The frozen emotion space, on this module's device and in its precision; no part of checkpoints."""
        return self._frozen[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "EACStage":
        """Move the space wherever this module is moved, or cast as it is."""
        self._frozen[0]._apply(fn)
        return super()._apply(fn, recurse)

    def error_of(self, modality: Modality) -> ExpressionError | CoefficientError:
        """The metric of one modality's codes."""
        metric = self.errors[modality]
        assert isinstance(metric, ExpressionError | CoefficientError)
        return metric

    def true_expression(self, batch: Batch) -> Tensor:
        """A batch's expression coefficients (B, T, units). UserError: the shards hold another layout."""
        coeffs = batch["coeffs"]
        if coeffs.shape[-1] != self.layout.size:
            raise UserError(
                f"the network speaks {self.layout.name}, {self.layout.size} numbers a frame; these shards "
                f"hold {coeffs.shape[-1]}: set model.init_args.network.layout to theirs (arkit 57, bfm 70)"
            )
        return coeffs[..., self.layout.expression]

    @torch.no_grad()
    def encode(self, batch: Batch, modality: Modality, training: bool) -> Tensor:
        """Emotion codes (B, D) of a batch's clips by one modality.

        In training, texts are drawn from the prompts and pictures around the key frame; else texts are the
        labels' and pictures the key frames. A network of one-hot codes gets the labels' in any modality.
        """
        if self.network.config.codes == "one_hot":
            return label_codes(batch["label"]).to(self.device, non_blocking=True)
        space = self.space
        if modality == "audio":
            return space.encode_audio(speech_of(batch, space.hears), batch["mask"])
        if modality == "image":
            if space.config.image == "open_clip":
                return space.encode_image(pictures_of(batch))
            if not training:
                return space.encode_units(batch["key_single"])
            return space.encode_units(
                draw_frames(batch["single"], batch["mask"], batch["key_frame"], self.codes.spread)
            )
        if not training:
            return torch.stack([space.encode_label([label or EMOTIONS[0]])[0] for label in batch["label"]])
        emotion = batch["emotion"].clamp(min=0)
        return space.bank[emotion, torch.randint(space.config.prompts, emotion.shape, device=self.device)]

    def draw_codes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Codes (B, D), each by a modality of its own, and which samples go without (B,) bool."""
        emotion, draw = batch["emotion"], self.codes
        if self.network.config.codes == "one_hot":
            left_out = torch.rand(len(emotion), device=self.device) < draw.dropout
            return self.encode(batch, "text", training=True), (emotion < 0) | left_out
        samples = torch.arange(len(emotion), device=self.device)
        swap = torch.rand(len(emotion), device=self.device) < draw.swap
        source = torch.where(swap, another_of_its_kind(emotion), samples)
        codes = self.space.bank.new_zeros(len(emotion), self.space.dim)
        by_text = torch.zeros_like(emotion, dtype=torch.bool)
        for modality, rows in self.draw_modalities(samples).items():
            codes[rows] = self.encode(rows_of(batch, source[rows]), modality, training=True).to(codes)
            if modality == "text":
                by_text.index_fill_(0, rows, True)
        unknown_text = (emotion < 0) & by_text
        return codes, unknown_text | (torch.rand(len(emotion), device=self.device) < draw.dropout)

    def draw_modalities(self, samples: Tensor) -> dict[Modality, Tensor]:
        """Which of the `samples` (B,) get their code by which modality; those that get any. Drawn on the
        processor, which has to know how many they are, and brought to the device at once."""
        frequency = torch.tensor([float(getattr(self.codes, name)) for name in MODALITIES])
        chosen = torch.multinomial(frequency, len(samples), replacement=True)
        counts = torch.bincount(chosen, minlength=len(MODALITIES)).tolist()
        rows = samples[chosen.argsort(stable=True).to(samples.device, non_blocking=True)].split(counts)
        return {name: part for name, part in zip(MODALITIES, rows, strict=True) if len(part)}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch, unweighted."""
        mask, true = batch["mask"], self.true_expression(batch)
        codes, drop = self.draw_codes(batch)
        intensity = draw_intensity(
            batch["intensity"], batch["emotion"], self.codes.jitter, self.codes.levelless
        )
        hears = self.network.config.hears
        speech, mask = augment_sound(speech_of(batch, hears), mask, self.voice, hears)
        made = self.network(speech, codes, intensity, mask, drop)
        losses = {
            "coefficients": coefficient_loss(made, true, mask, self.unit_weights),
            "velocity": velocity_loss(made, true, mask, self.unit_weights),
        }
        if self.named:
            losses["lips"], losses["opening"] = self.lip_loss(made, true, mask, batch["closed"])
        losses["spread"] = spread_loss(made, true, mask, self.unit_weights)
        if self.named:
            losses["emotion"] = self.emotion_distance(made, true, mask)
        return losses

    def emotion_distance(self, made: Tensor, true: Tensor, mask: Tensor) -> Tensor:
        """1 - cosine of the codes of the predicted and the true face, averaged over each clip's frames.

        The face is read by the space's picture encoder; the true face's code rather than the emotion's, so
        that a weak expression is not driven to a strong one (our choice).
        """
        weights = mask[..., None] / mask.sum(1)[:, None, None]
        space = self.space
        faces = [space.encode_units((face * weights).sum(1)) for face in (made, true)]
        return (1 - (faces[0] * faces[1]).sum(-1)).mean()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Weighted sum of the losses; the mean faces are counted as they pass."""
        if "coeffs" not in batch:
            raise UserError("stage eac needs coefficients: these shards hold sound only")
        true = self.true_expression(batch)
        read = batch["mask"] & batch["seen"][:, None]
        self.mean_faces.update(true, read, batch["emotion"], batch["intensity"])
        losses = self.losses(batch)
        total = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        self.log_losses({"loss": total, **losses})
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Predict whole clips under every modality's code."""
        mask, true = batch["mask"], self.true_expression(batch)
        baselines = self.mean_faces.faces(batch["emotion"], batch["intensity"])
        for modality in MODALITIES:
            codes = self.encode(batch, modality, training=False)
            speech = speech_of(batch, self.network.config.hears)
            made = self.inference_network(speech, codes, batch["intensity"], mask)
            for i, keep in enumerate(mask):
                still = None if baselines is None else baselines[i]
                self.error_of(modality).update(made[i, keep], true[i, keep], still)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As in validation."""
        self.validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the errors."""
        self._log_errors("val")

    def on_test_epoch_end(self) -> None:
        """Log the errors."""
        self._log_errors("test")

    def _log_errors(self, prefix: str) -> None:
        for modality in MODALITIES:
            metric = self.error_of(modality)
            figures = metric.compute()
            metric.reset()
            for name, value in figures.items():
                shown = modality == "text" and name in ("gain", "opening")
                self.log(f"{prefix}/{modality}_{name}", value, prog_bar=shown, sync_dist=True)


def another_of_its_kind(emotion: Tensor) -> Tensor:
    """For each sample the index of a random one of the same emotion, itself where alone or unknown."""
    same = (emotion[:, None] == emotion[None]) & (emotion >= 0)[:, None]
    same = same | torch.eye(len(emotion), dtype=torch.bool, device=emotion.device)
    return torch.multinomial(same.float(), 1)[:, 0]


def rows_of(batch: Batch, rows: Tensor) -> Batch:
    """The tensors of a batch, with these rows only."""
    return {name: value[rows] for name, value in batch.items() if isinstance(value, Tensor)}
