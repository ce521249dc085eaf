"""Every committed experiment trains and validates one tiny batch through the command line."""

from pathlib import Path

import pytest
import yaml

from lit_emotalk.training import command as training
from tests.forked import ROOT
from tests.small_clip import SIZE, write_open_clip

EXPERIMENTS = sorted(
    path
    for stage in ("align", "classify", "eac", "hef", "paper", "sync")
    for path in (ROOT / "experiments" / stage).glob("*.yaml")
)

SMALLER = {
    "hef": {"network": {"size": "tiny", "resolution": 32, "window": 9}, "compiled": False},
    "sync": {"network": {"width": 0.125, "crop": 64}},
}
"""What a stage's tiny run changes in its experiments' models."""

DISCRIMINATOR = {"channels": 4, "layers": 2, "scales": 1}


def marked(path: Path):
    """The demo's experiments always, the others with the slow tests."""
    mark = [] if path.stem == "demo" else [pytest.mark.slow]
    return pytest.param(path, id=f"{path.parent.name}-{path.stem}", marks=mark)


def tiny_open_clip(folder: Path, network: dict) -> dict:
    """What a space of CLIP's towers changes to have a tiny model's."""
    name, weights = write_open_clip(folder)
    width = SIZE if network.get("raw") else 16
    return {"open_clip_model": name, "open_clip_weights": weights, "dim": width, "prompts": 4}


@pytest.mark.parametrize("path", list(map(marked, EXPERIMENTS)))
def test_one_batch(path, tiny_shards, align_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    content = yaml.safe_load(path.read_text())
    stage = content["model"]["class_path"].rsplit(".", 1)[-1].removesuffix("Stage").lower()
    model = dict(SMALLER.get(stage, {}))
    if stage == "eac":
        model["emotion_space"] = str(align_run / "export")
    if content["model"]["init_args"].get("network", {}).get("text") == "open_clip":
        model["network"] = tiny_open_clip(tmp_path, content["model"]["init_args"]["network"])
    if content["model"]["init_args"].get("perceptual") == "vgg19":
        model["perceptual"] = "edges"
    mixed = "corpora" in content["data"]["init_args"]
    read = {"corpora": [{"shards": str(tiny_shards)}]} if mixed else {"shards": str(tiny_shards)}
    if "discriminator" in content["model"]["init_args"]:
        model |= {"discriminator": DISCRIMINATOR, "warp_batches": 0, "adversarial_start": 0, "r1_every": 1}
    changes = {
        "runs": str(tmp_path),
        "model": {"init_args": model},
        "data": {"init_args": read | {"batch_size": 2, "num_workers": 0}},
        "trainer": {"fast_dev_run": 1, "accelerator": "cpu", "precision": "32-true"},
    }
    (tmp_path / "changes.yaml").write_text(yaml.safe_dump(changes))
    training.main(["fit", "--config", str(path), "--config", str(tmp_path / "changes.yaml")])
    said = capsys.readouterr()
    assert "`Trainer.fit` stopped" not in said.err and not (tmp_path / stage / "default" / "export").exists()


CHANGED = {
    "paper_demo_align": "paper/align",
    "paper_demo_eac": "paper/eac",
    "paper_demo_hef": "paper/hef_wo_hie",
    "paper_without_clip": "paper/align",
    "without_clip": "align/mead",
    "without_vgg19": "paper/hef",
}
"""Each file of experiments/changes, and an experiment that it is given after."""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments" / "changes").glob("*.yaml")), ids=lambda p: p.stem
)
def test_a_change_goes_onto_its_experiment(path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    base = ROOT / "experiments" / f"{CHANGED[path.stem]}.yaml"
    with pytest.raises(SystemExit) as stopped:
        training.main(["fit", "--config", str(base), "--config", str(path), "--print_config"])
    assert not stopped.value.code
    merged = yaml.safe_load(capsys.readouterr().out)
    kept, changed = yaml.safe_load(base.read_text()), yaml.safe_load(path.read_text())
    assert leaves(changed) == {key: leaves(merged)[key] for key in leaves(changed)}
    for key, value in leaves(kept).items():
        if key not in leaves(changed) and "${" not in str(value):
            assert leaves(merged)[key] == value, key


def leaves(content: dict, prefix: str = "") -> dict:
    """The values of a nested mapping by their dotted keys."""
    found = {}
    for key, value in content.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
