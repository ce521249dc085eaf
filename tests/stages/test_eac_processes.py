"""Stage eac on two processes with half of the batch each: the loss and the step of one with all of it.

Losses are means over frames, so that both halves hold as many of them.
"""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import normalize

from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export
from lit_emotalk.stages.augment import SoundAugment
from lit_emotalk.stages.eac import CodeDraw, EACStage
from tests.forked import begun, ended
from tests.stages.one_step import one_step

ROWS, FRAMES = 4, 12
TOLERANCE = 1e-9
"""Of loss and weights, relative and absolute, in double precision: sums are taken in another order."""


def make_stage(space: Path) -> EACStage:
    """Nothing is drawn: one prompt for each emotion, texts only, no augmentation, no dropout."""
    torch.manual_seed(0)
    codes = CodeDraw(image=0, audio=0, dropout=0, swap=0, jitter=0, levelless=False)
    voice = SoundAugment(gain=0, noise=0, bands=0, speed=0, crop=0, masks=0)
    network = EACConfig(layers=2, heads=2, width=16, dropout=0.0)
    stage = EACStage(space, network, codes=codes, voice=voice, learning_rate=1e-2).double()
    return stage


def rows(part: slice) -> dict[str, Tensor]:
    """Rows of one batch; one clip of each half is shorter, and one has no emotion."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(ROWS, FRAMES, dtype=torch.bool)
    mask[[0, 2], 9:] = False
    batch = {
        "mel": torch.randn(ROWS, 4 * FRAMES, 80, generator=generator, dtype=torch.float64) - 5,
        "mask": mask,
        "closed": torch.rand(ROWS, FRAMES, generator=generator) < 0.3,
        "emotion": torch.tensor([0, 3, -1, 2]),
        "intensity": torch.tensor([1 / 3, 1.0, 1.0, 2 / 3], dtype=torch.float64),
        "coeffs": torch.rand(ROWS, FRAMES, 57, generator=generator, dtype=torch.float64),
    }
    return {name: value[part] for name, value in batch.items()}


def process(rank: int, folder: str) -> None:
    """One of the two."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    half = ROWS // 2
    made = one_step(make_stage(Path(folder) / "space"), rows(slice(rank * half, (rank + 1) * half)))
    torch.save(made, f"{folder}/step.{rank}")
    dist.destroy_process_group()


@pytest.mark.ddp
def test_a_step_on_two_processes_is_the_step_of_one(tmp_path):
    torch.manual_seed(0)
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    space = EmotionSpace(EmotionSpaceConfig(dim=16, prompts=1, units_width=16, audio=audio))
    space.bank.copy_(normalize(torch.randn_like(space.bank), dim=-1))
    save_export(tmp_path / "space", "align", space, None)
    loss, weights = one_step(make_stage(tmp_path / "space"), rows(slice(None)))
    before = dict(make_stage(tmp_path / "space").network.named_parameters())
    ended(begun(process, str(tmp_path)))
    halves = [torch.load(tmp_path / f"step.{rank}") for rank in range(2)]
    torch.testing.assert_close((halves[0][0] + halves[1][0]) / 2, loss, rtol=TOLERANCE, atol=TOLERANCE)
    assert {name for name, value in weights.items() if torch.equal(value, before[name])} == set()
    for _, other in halves:
        for name, value in weights.items():
            torch.testing.assert_close(other[name], value, rtol=TOLERANCE, atol=TOLERANCE, msg=name)
