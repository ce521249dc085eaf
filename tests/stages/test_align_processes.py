"""Stage align on two processes with half of the batch each: the loss and the step of one with all of it."""

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import normalize

from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpaceConfig
from lit_emotalk.stages.align import AlignStage
from lit_emotalk.stages.augment import FaceAugment, SoundAugment
from tests.forked import begun, ended
from tests.stages.one_step import one_step

ROWS, FRAMES = 8, 10
TOLERANCE = 1e-9
"""Of loss and weights, relative and absolute, in double precision: sums are taken in another order."""


def make_stage() -> AlignStage:
    """Nothing is drawn: one prompt for each emotion, no augmentation, no dropout; everything is trained."""
    torch.manual_seed(0)
    audio = AudioEncoderConfig(layers=2, heads=2, width=16, dropout=0.0)
    network = EmotionSpaceConfig(dim=16, prompts=1, units_width=16, units_dropout=0.0, audio=audio)
    sound = SoundAugment(gain=0, noise=0, bands=0, speed=0, crop=0, masks=0)
    face = FaceAugment(spread=0, rested=0, gain=0, noise=0, mirror=False)
    stage = AlignStage(network, sound=sound, face=face, learning_rate=1e-2)
    stage.network.bank.copy_(normalize(torch.randn_like(stage.network.bank), dim=-1))
    return stage.double()


def rows(part: slice) -> dict[str, Tensor]:
    """Rows of one batch; an emotion is spread over both halves, one clip's is unknown."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(ROWS, FRAMES, dtype=torch.bool)
    mask[2, 7:] = False
    batch = {
        "mel": torch.randn(ROWS, 4 * FRAMES, 80, generator=generator, dtype=torch.float64) - 5,
        "mask": mask,
        "emotion": torch.tensor([0, 1, 0, 2, 1, 2, -1, 0]),
        "single": torch.rand(ROWS, FRAMES, 51, generator=generator, dtype=torch.float64),
        "coeffs": torch.rand(ROWS, FRAMES, 57, generator=generator, dtype=torch.float64),
        "key_frame": torch.arange(ROWS) % 5,
    }
    return {name: value[part] for name, value in batch.items()}


def process(rank: int, store: str, results: str) -> None:
    """One of the two."""
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    half = ROWS // 2
    torch.save(one_step(make_stage(), rows(slice(rank * half, (rank + 1) * half))), f"{results}.{rank}")
    dist.destroy_process_group()


@pytest.mark.ddp
def test_a_step_on_two_processes_is_the_step_of_one(tmp_path):
    before = dict(make_stage().network.named_parameters())
    loss, weights = one_step(make_stage(), rows(slice(None)))
    ended(begun(process, str(tmp_path / "store"), str(tmp_path / "step")))
    moved = [name for name, value in weights.items() if not torch.equal(value, before[name])]
    assert set(moved) == set(weights)
    for rank in range(2):
        other_loss, other = torch.load(tmp_path / f"step.{rank}")
        torch.testing.assert_close(other_loss, loss, rtol=TOLERANCE, atol=TOLERANCE)
        for name, value in weights.items():
            torch.testing.assert_close(other[name], value, rtol=TOLERANCE, atol=TOLERANCE, msg=name)
