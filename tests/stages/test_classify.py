"""The plain classifier: it learns from tiny shards, reports its recall, and is exported."""

import csv

import torch
from torch.nn.functional import cross_entropy

from lit_emotalk.models.emotion_classifier import EmotionClassifier
from lit_emotalk.models.handover import load_export
from lit_emotalk.stages.augment import SoundAugment
from lit_emotalk.stages.classify import ClassifyStage
from tests.stages import runs


def test_it_learns_and_is_exported(tiny_shards, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    content = runs.config(
        tiny_shards, tmp_path, data={"batch_size": 8, "steps_per_epoch": 20, "frames": None}
    )
    network = {"audio": {"layers": 1, "heads": 2, "width": 32, "dropout": 0.0}}
    arguments = {"network": network, "learning_rate": 5e-3, "warmup": 4}
    content["model"] = {"class_path": "lit_emotalk.stages.ClassifyStage", "init_args": arguments}
    content["trainer"]["max_epochs"] = 2
    runs.fit(runs.write_config(tmp_path / "classify.yaml", content))
    run = tmp_path / "classify" / "default"
    with open(run / "metrics.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    losses = [float(row["train/loss"]) for row in rows if row.get("train/loss")]
    recalls = [float(row["val/audio_label"]) for row in rows if row.get("val/audio_label")]
    assert losses[-1] < 0.7 * losses[0] and 0 <= recalls[-1] <= 1
    network = load_export(run / "export", "classify")
    assert isinstance(network, EmotionClassifier)
    assert network(torch.zeros(2, 40, 80), torch.ones(2, 10, dtype=torch.bool)).shape == (2, 9)


def test_unknown_emotions_do_not_count():
    stage = ClassifyStage(sound=SoundAugment(gain=0, noise=0, bands=0, speed=0, crop=0, masks=0)).eval()
    stage.log_losses = lambda losses: None
    mel, mask = torch.randn(3, 80, 80), torch.ones(3, 20, dtype=torch.bool)
    loss = stage.training_step({"mel": mel, "mask": mask, "emotion": torch.tensor([2, -1, 4])}, 0)
    expected = cross_entropy(stage.network(mel[[0, 2]], mask[[0, 2]]), torch.tensor([2, 4]))
    torch.testing.assert_close(loss, expected)
    nothing = stage.training_step({"mel": mel, "mask": mask, "emotion": torch.tensor([-1, -1, -1])}, 0)
    assert nothing.item() == 0
