"""Command lines, configurations and checkpoints that do not do end in one line that says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.training import command as training
from tests.stages import runs, small_stages
from tests.stages.toy import ToyStage


@pytest.fixture(scope="module")
def folder(tiny_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a trained run, configurations, and files that are no checkpoints."""
    folder = tmp_path_factory.mktemp("refusals")
    content = runs.config(tiny_shards, folder, trainer={"max_epochs": 1})
    runs.write_config(folder / "toy.yaml", content)
    runs.write_config(folder / "hef.yaml", small_stages.hef(tiny_shards, folder))
    (folder / "empty.yaml").touch()
    (folder / "word.yaml").write_text("hello")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        patch.chdir(folder)
        runs.fit(folder / "toy.yaml")
        whole = (folder / "toy" / "default" / "checkpoints" / "last.ckpt").read_bytes()
        (folder / "cut.ckpt").write_bytes(whole[:2000])
        (folder / "empty.ckpt").touch()
        (folder / "text.ckpt").write_text("hello")
        torch.save({"a": 1}, folder / "other.ckpt")
        yield folder


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("validate --config toy.yaml --ckpt_path nowhere.ckpt", "--ckpt_path nowhere.ckpt: there is no such"),
        ("test --config toy.yaml --ckpt_path cut.ckpt", "cut.ckpt is cut short or no checkpoint"),
        ("test --config toy.yaml --ckpt_path empty.ckpt", "empty.ckpt is cut short or no checkpoint"),
        ("validate --config toy.yaml --ckpt_path text.ckpt", "text.ckpt is cut short or no checkpoint"),
        ("validate --config toy.yaml --ckpt_path other.ckpt", "other.ckpt is no checkpoint of a training"),
        ("fit --config toy.yaml --name b --ckpt_path cut.ckpt", "cut.ckpt is cut short or no checkpoint"),
        ("fit --config toy.yaml --trainer.accelerator gpu", "trainer: No supported gpu backend found"),
        ("fit --config toy.yaml --trainer.devices 0", r"trainer: `Trainer\(devices='0'\)` value is not"),
        ("fit --config toy.yaml --trainer.devices many", "trainer: .*'many'"),
        ("fit --config toy.yaml --trainer.strategy x", "trainer: You selected an invalid strategy name"),
        ("fit --config toy.yaml --trainer.limit_val_batches -3", "trainer: You have passed invalid value -3"),
        ("fit --config hef.yaml --trainer.accumulate_grad_batches 2", "use --model.init_args.accumulate"),
        ("fit --config hef.yaml --trainer.gradient_clip_val 1", "use --model.init_args.clip"),
        ("fit --config empty.yaml", "given to --config is empty"),
        ("validate --config word.yaml", "given to --config is empty, or not keys"),
    ],
)
def test_what_does_not_do_is_one_line(folder: Path, command: str, message: str) -> None:
    if "gpu" in command and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UserError, match=message) as refused:
        training.main(command.split())
    assert "\n" not in str(refused.value)


def test_kernels_that_are_not_deterministic_end_in_one_line_or_warn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`put_` has no deterministic kernel on CPU either, as grid_sample's gradient has none on CUDA."""
    step = ToyStage.training_step

    def put(self: ToyStage, batch: dict, batch_idx: int) -> torch.Tensor:
        torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(ToyStage, "training_step", put)
    command = "fit --config toy.yaml --name exact --trainer.deterministic"
    try:
        with pytest.raises(UserError, match="put_ has no deterministic kernel on this device"):
            training.main([*command.split(), "true"])
        with pytest.warns(UserWarning, match="put_ does not have a deterministic"):
            training.main([*command.split(), "warn"])
    finally:
        torch.use_deterministic_algorithms(False)
    assert runs.exported(folder / "toy" / "exact")
