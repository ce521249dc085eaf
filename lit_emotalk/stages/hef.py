"""Stage 3: training of the HEF generator, with a discriminator where one is asked for."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.errors import UserError
from lit_emotalk.losses.adversarial import discriminator_loss, generator_loss, lazy_rescale, r1_penalty
from lit_emotalk.losses.perceptual import EdgeDistance, VGG19Distance
from lit_emotalk.losses.reconstruction import (
    area_pyramid,
    box_psnr,
    change_l1,
    detail_l1,
    emphasised,
    flow_roughness,
    pyramid_l1,
    weighted_l1,
)
from lit_emotalk.metrics.sharpness import relative_sharpness
from lit_emotalk.models.hef.discriminator import DiscriminatorConfig, MultiScaleDiscriminator
from lit_emotalk.models.hef.generator import HEF, Frame, HEFConfig, HEFOutput, Source
from lit_emotalk.stages.base import Batch, Stage
from lit_emotalk.stages.callbacks import CUDA_CHECK_INTERVAL
from lit_emotalk.stages.gradients import FiniteLosses, average_gradients, unreduced
from lit_emotalk.stages.hef_panel import draw_panel, save_panel
from lit_emotalk.stages.hef_weights import HEFWeights
from lit_emotalk.weights import fetch as third_party

PANEL_ROWS = 6
LEAST_GROWN = 32
BETAS = (0.5, 0.99)


class HEFStage(Stage):
    """Trains HEF to redraw a clip's source frame as another frame of the clip, from coefficients.

    Schedule: for `warp_batches` only the flows learn (L1 of the warped source); then all losses; the
    discriminator joins at `adversarial_start`. Everything is counted in batches. Optimisation is manual:
    the generator's step, then the discriminator's, with R1 every `r1_every` batches at that many times
    its weight, its optimizer rescaled to match.

    Arguments:
        network: the generator.
        weights: of the losses.
        perceptual: `vgg19` (needs the weights of that name) or `edges` (needs none).
        discriminator: None trains without one.
        warp_batches: batches at the start in which only the flows learn.
        adversarial_start: the batch from which on the discriminator takes part.
        coarse_batches: batches at the start that are drawn at half the resolution, without the finest level:
            four times as many in the same time.
        emphasis: how much more the losses on the result count where the warped source is wrong, see
            `emphasised`.
        r1_gamma: weight of the R1 penalty.
        r1_every: batches between R1 penalties.
        learning_rate: base rate of the generator's AdamW.
        discriminator_rate: base rate of the discriminator's AdamW.
        clip: largest norm of each network's gradient.
        accumulate: batches whose gradients are added up before a step.
        channels_last: memory format of both networks.
        compiled: whether torch.compile is used on the generator.
        panel_every: epochs between pictures.
        kwargs: see `Stage`.

    Raises UserError for values out of range and for VGG19 weights that are not there.
    """

    stage: ClassVar[str] = "hef"
    every_parameter: ClassVar[bool] = False

    def __init__(
        self,
        network: HEFConfig = HEFConfig(),  # noqa: B008
        weights: HEFWeights = HEFWeights(),  # noqa: B008
        perceptual: Literal["vgg19", "edges"] = "vgg19",
        discriminator: DiscriminatorConfig | None = None,
        warp_batches: int = 0,
        adversarial_start: int = 0,
        coarse_batches: int = 0,
        emphasis: float = 0.0,
        r1_gamma: float = 1.0,
        r1_every: int = 16,
        learning_rate: float = 2e-4,
        discriminator_rate: float = 2e-4,
        clip: float = 1.0,
        accumulate: int = 1,
        channels_last: bool = True,
        compiled: bool = False,
        panel_every: int = 1,
        weight_decay: float = 0.0,
        ema_decay: float | None = 0.999,
        **kwargs: Any,
    ) -> None:
        if min(accumulate, r1_every, panel_every) < 1:
            raise UserError("accumulate, r1_every and panel_every must be at least 1")
        if coarse_batches and network.resolution < LEAST_GROWN:
            raise UserError(f"coarse_batches need a network of {LEAST_GROWN} pixels or more")
        generator = HEF(network)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        generator.to(memory_format=self.memory_format)
        super().__init__(generator, learning_rate, weight_decay, ema_decay=ema_decay, **kwargs)
        self.automatic_optimization = False
        self.discriminator = None if discriminator is None else MultiScaleDiscriminator(discriminator)
        if self.discriminator is not None:
            self.discriminator.to(memory_format=self.memory_format)
        self.perceptual = (
            EdgeDistance() if perceptual == "edges" else VGG19Distance(third_party.path("vgg19"))
        )
        self.perceptual_name = perceptual
        self.weights = weights
        self.warp_batches, self.adversarial_start = warp_batches, adversarial_start
        self.coarse_batches, self.emphasis = coarse_batches, emphasis
        self.r1_gamma, self.r1_every = r1_gamma, r1_every
        self.discriminator_rate = discriminator_rate
        self.clip, self.accumulate, self.panel_every = clip, accumulate, panel_every
        self.panel: Tensor | None = None
        self.finite = FiniteLosses()
        if compiled:
            generator.compile()
            generator.encoder.compile()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """AdamW of the generator and, where there is one, of the discriminator."""
        optimizers: list[torch.optim.Optimizer] = [self.adamw(betas=BETAS)]
        if self.discriminator is not None:
            rate, betas = lazy_rescale(self.discriminator_rate, (0.0, 0.99), self.r1_every)
            optimizers.append(self.adamw(self.discriminator, rate, betas))
        return optimizers

    def on_fit_start(self) -> None:
        """Say what the perceptual loss is, so that no log leaves it open. Raises UserError for 16-mixed:
        gradients would be clipped while they are scaled."""
        if self.trainer.precision == "16-mixed":
            raise UserError("stage hef does not train in 16-mixed: set trainer.precision to bf16-mixed")
        rank_zero_info(f"perceptual loss: {self.perceptual_name}")

    def draw(self, network: Any, batch: Batch) -> HEFOutput:
        """Redraw a batch's source frames as its target frames."""
        return network(self.encode(network, batch), batch["source_coeffs"], batch["driving"])

    def encode(self, network: Any, batch: Batch) -> Source:
        """A batch's source frames, encoded."""
        source = batch["source"].contiguous(memory_format=self.memory_format)
        second = None
        if network.config.sources == 2:
            if "second" not in batch:
                raise UserError("network.sources is 2: set data.init_args.second to true")
            picture = batch["second"].contiguous(memory_format=self.memory_format)
            second = Frame(picture, batch["second_landmarks"], batch["second_coeffs"])
        return network.encode_source(source, batch["source_landmarks"], second)

    def draw_following(self, encoded: Source, batch: Batch) -> Tensor | None:
        """The pictures (B, 3, S, S) after the target frames, where the temporal loss is in use."""
        if not self.weights.temporal or self.batches_done < self.warp_batches:
            return None
        if "following_target" not in batch:
            raise UserError("weights.temporal needs the next frames: set data.init_args.following to true")
        return self.network(encoded, batch["source_coeffs"], batch["following_driving"]).images[-1]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One batch: the generator's losses and step, then the discriminator's."""
        optimizers = self.optimizers(use_pl_optimizer=True)
        generator, *rest = optimizers if isinstance(optimizers, list) else [optimizers]
        if self.batches_done < self.coarse_batches:
            batch = halved(batch)
        self.toggle_optimizer(generator)
        encoded = self.encode(self.network, batch)
        output = self.network(encoded, batch["source_coeffs"], batch["driving"])
        losses = self.generator_losses(output, batch, self.draw_following(encoded, batch))
        self.step(generator, self.network, losses, batch)
        self.untoggle_optimizer(generator)
        if self.discriminator is not None and self.adversarial:
            self.toggle_optimizer(rest[0])
            judged = self.discriminator_losses(output.image.detach(), batch["target"])
            self.step(rest[0], self.discriminator, judged, batch)
            self.untoggle_optimizer(rest[0])
            losses |= {f"discriminator_{name}": value for name, value in judged.items()}
        self.log_losses(losses)

    def has_stepped(self, batch_idx: int) -> bool:
        """As the base's, for manual optimisation."""
        return self.batches_done % self.accumulate == 0

    @property
    def adversarial(self) -> bool:
        """Whether the discriminator takes part in this batch."""
        return self.discriminator is not None and self.batches_done >= self.adversarial_start

    def generator_losses(
        self, output: HEFOutput, batch: Batch, following: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Every loss of the generator that is in use, and `loss`, their weighted sum. `following`: see
        `draw_following`."""
        target, region, weights = batch["target"], batch["region"], self.weights
        targets = area_pyramid(target, len(output.flows))
        regions = area_pyramid(region, len(output.flows))
        losses = {
            "warped": pyramid_l1(output.warped, targets, regions),
            "roughness": flow_roughness(output.flows),
        }
        if self.batches_done >= self.warp_batches:
            region = emphasised(region, output.warped[-1], target, self.emphasis)
            losses["image"] = weighted_l1(output.images[-1], target, region)
            losses["pyramid"] = pyramid_l1(output.images, targets, regions)
            losses["drawn"] = 1 - output.masks[-1].float().mean()
            losses["perceptual"] = self.perceptual(output.images[-1], target, region)
            if weights.detail:
                losses["detail"] = detail_l1(output.images[-1], target, region)
            if following is not None:
                images, targets_now = (output.images[-1], following), (target, batch["following_target"])
                losses["temporal"] = change_l1(images, targets_now, region)
            if self.discriminator is not None and self.adversarial:
                losses["adversarial"] = generator_loss(self.discriminator(output.image))
        losses["loss"] = torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()
        return losses

    def discriminator_losses(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The discriminator's loss on drawn and true images, with R1 every `r1_every` batches."""
        assert self.discriminator is not None
        penalise = self.batches_done % self.r1_every == 0
        real = real.detach().requires_grad_(penalise)
        logits = self.discriminator(real)
        losses = {"gan": discriminator_loss(logits, self.discriminator(fake))}
        losses["loss"] = losses["gan"]
        if penalise:
            losses["r1"] = r1_penalty(logits, real)
            losses["loss"] = losses["gan"] + self.r1_gamma * self.r1_every * losses["r1"]
        return losses

    def step(self, optimizer: Any, network: torch.nn.Module, losses: dict[str, Tensor], batch: Batch) -> None:
        """Accumulate the gradient of `losses["loss"]`; clip and step when `accumulate` batches are in."""
        self.finite.add(self.batches_done, losses, batch["key"])
        if not losses["loss"].is_cuda or (self.batches_done + 1) % CUDA_CHECK_INTERVAL == 0:
            self.look_at_losses(batch)
        with unreduced(self.trainer.strategy):
            self.manual_backward(losses["loss"] / self.accumulate)
        if (self.batches_done + 1) % self.accumulate == 0 or self.trainer.is_last_batch:
            self.average_gradients(network)
            torch.nn.utils.clip_grad_norm_(network.parameters(), self.clip)
            optimizer.step()
            optimizer.zero_grad()

    def average_gradients(self, network: torch.nn.Module) -> None:
        """Make a network's gradients those of all processes' batches."""
        average_gradients(network.parameters())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """As the base's; no checkpoint is written after a loss that was not finite."""
        self.look_at_losses()
        super().on_save_checkpoint(checkpoint)

    def look_at_losses(self, batch: Batch | None = None) -> None:
        """End the run with a UserError where a loss is infinite or not a number; keep its `batch`, where it
        is the one at hand."""
        found = self.finite.look()
        if found is not None:
            name = f"stopped-batch{found.batch}-rank{self.global_rank}.pt"
            raise found.error(batch, Path(self.trainer.default_root_dir) / name)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log `measure`'s figures, and keep the first rows for the panel."""
        output = self.measure(batch, "val")
        if batch_idx == 0:
            rows = slice(0, PANEL_ROWS)
            shown = HEFOutput(output.image[rows], *([level[rows] for level in part] for part in output[1:]))
            self.panel = draw_panel(shown, batch["source"][rows], batch["target"][rows])

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log `measure`'s figures."""
        self.measure(batch, "test")

    def measure(self, batch: Batch, prefix: str) -> HEFOutput:
        """Draw a batch and log PSNR in the face box, per image, beside that of copying the source; its
        sharpness in percent of the truth's; L1 at mouth and eyes."""
        output = self.draw(self.inference_network, batch)
        target, region = batch["target"], batch["region"]
        psnr = box_psnr(output.image, target, batch["face_box"]).mean()
        copied = box_psnr(batch["source"], target, batch["face_box"]).mean()
        parts = (region > region.amin((1, 2, 3), keepdim=True)).float()
        measured = {
            "loss": weighted_l1(output.image, target, region) + self.perceptual(output.image, target, region),
            "psnr": psnr,
            "psnr_copy": copied,
            "gain": psnr - copied,
            "sharpness": relative_sharpness(
                127.5 * (output.image + 1), 127.5 * (target + 1), batch["face_box"]
            ).nanmean(),
            "parts_l1": weighted_l1(output.image, target, parts),
            "parts_l1_copy": weighted_l1(batch["source"], target, parts),
        }
        self.log_losses(measured, prefix, len(target))
        return output

    def on_validation_epoch_end(self) -> None:
        """Write the fixed panel of pictures beside the run, and log it where the logger takes pictures."""
        panel, self.panel = self.panel, None
        due = (
            self.current_epoch + 1
        ) % self.panel_every == 0 or self.current_epoch + 1 == self.trainer.max_epochs
        if panel is None or not due or self.trainer.sanity_checking or not self.trainer.is_global_zero:
            return
        save_panel(
            panel,
            Path(self.trainer.default_root_dir) / "panels" / f"epoch-{self.current_epoch:04d}.png",
        )
        for logger in self.trainer.loggers:
            if hasattr(logger, "log_image"):
                logger.log_image("val/panel", [panel.permute(1, 2, 0).numpy()], step=self.batches_done)


def halved(batch: Batch) -> Batch:
    """A batch whose pictures and weights have half the side."""
    return {
        name: F.avg_pool2d(value, 2) if isinstance(value, Tensor) and value.ndim == 4 else value
        for name, value in batch.items()
    }
