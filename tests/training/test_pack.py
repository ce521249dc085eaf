"""`lit-emotalk pack`: exports at half precision, and the manifest that says how they were made."""

import json

import pytest
import torch
import yaml
from safetensors.torch import load_file

from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.errors import UserError
from lit_emotalk.models.handover import load_export, pack_export, save_export
from lit_emotalk.training import pack as command
from lit_emotalk.training.pack import without_folders
from tests.starter import save_small_exports


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_small_exports(tmp_path_factory.mktemp("models"))


@pytest.fixture
def run_directory(tmp_path):
    """A run with an export of stage eac in it."""
    folder = tmp_path / "runs" / "eac" / "mine"
    folder.mkdir(parents=True)
    told = "lit-emotalk fit --config a.yaml --data.init_args.shards /data/me/shards"
    facts = {"command": told, "manifest": "ab", "fingerprint": "", "versions": {"revision": "f00"}}
    (folder / "run.yaml").write_text(yaml.safe_dump(facts))
    (folder / "config.yaml").write_text(yaml.safe_dump({"seed_everything": 5}))
    return folder


def test_matrices_are_halved_and_vectors_kept(models, tmp_path):
    card = pack_export(models / "hef", tmp_path / "hef", "hef")
    full, half = (load_file(folder / "hef" / "model.safetensors") for folder in (models, tmp_path))
    assert full.keys() == half.keys()
    for name, value in full.items():
        assert half[name].dtype == (torch.float16 if value.ndim > 1 else torch.float32), name
        assert torch.equal(half[name], value.half() if value.ndim > 1 else value)
    assert card["packed_from"] == yaml.safe_load((models / "hef" / "model.yaml").read_text())["sha256"]
    with pytest.raises(UserError, match="at half precision already"):
        pack_export(tmp_path / "hef", tmp_path / "again", "hef")


def test_the_generator_may_be_packed_with_another_guide_of_the_same_weights(models, tmp_path):
    card = pack_export(models / "hef", tmp_path / "hef", "hef", {"guide": "skin"})
    packed, trained = load_export(tmp_path / "hef", "hef"), load_export(models / "hef", "hef")
    assert card["config"]["guide"] == packed.config.guide == "skin" and trained.config.guide == "basis"
    assert card["packed_from"] == yaml.safe_load((models / "hef" / "model.yaml").read_text())["sha256"]
    assert not torch.equal(packed.guide.basis, trained.guide.basis)
    with pytest.raises(UserError, match="does not fit"):
        pack_export(models / "hef", tmp_path / "none", "hef", {"guide": "none"})
    with pytest.raises(UserError, match="guise"):
        pack_export(models / "hef", tmp_path / "none", "hef", {"guise": "skin"})
    assert not (tmp_path / "none").exists()


def test_a_weight_that_half_precision_cannot_hold_is_named(models, tmp_path):
    network = load_export(models / "eac", "eac")
    name, value = next((n, p) for n, p in network.named_parameters() if p.ndim > 1)
    with torch.no_grad():
        value[0, 0] = 1e6
    save_export(tmp_path / "eac", "eac", network, None)
    with pytest.raises(UserError, match=f"{name} is too large for half precision"):
        pack_export(tmp_path / "eac", tmp_path / "packed", "eac")
    assert not (tmp_path / "packed").exists()


def test_the_manifest_says_commands_seeds_and_data(models, run_directory, tiny_shards, tmp_path, capsys):
    table = tmp_path / "table.md"
    table.write_text("| a | b |\n")
    arguments = ["--models", models, "--output", tmp_path / "out", "--shards", tiny_shards, "--table", table]
    command.main([*map(str, arguments), "--run", f"eac={run_directory}"])
    assert "packed" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    eac = manifest["stages"]["eac"]
    assert eac["command"] == "lit-emotalk fit --config a.yaml --data.init_args.shards shards"
    assert eac["seed"] == 5 and eac["trained_by"] == {"revision": "f00"}
    assert manifest["stages"]["hef"]["command"] is None
    (data,) = manifest["data"]
    assert data["sha256"] == read_manifest(tiny_shards).hash and data["command"] == "tests"
    assert data["clips"] == {"train": 4, "val": 2, "test": 2}
    assert (tmp_path / "out" / "figures.md").read_text() == "| a | b |\n"


def test_a_run_is_found_where_the_export_lies_in_it(models, run_directory, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    for stage in ("align", "hef", "sync"):
        (linked / stage).symlink_to(models / stage)
    save_export(run_directory / "export", "eac", load_export(models / "eac", "eac"), None)
    (linked / "eac").symlink_to(run_directory / "export")
    manifest = command.pack(linked, tmp_path / "out", {}, [], [])
    assert manifest["stages"]["eac"]["seed"] == 5 and manifest["stages"]["align"]["command"] is None


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("fit --data /a/b/c --x 1/2", "fit --data c --x 1/2"),
        ("--c '[{shards: /tmp/one/two}, {a: /x/y, weight: 2}]'", "--c '[{shards: two}, {a: y, weight: 2}]'"),
        ("--config a/eac/b.yaml --from s3://bucket/shards", "--config a/eac/b.yaml --from s3://bucket/shards"),
        ("name=/data/me/x", "name=x"),
    ],
)  # fmt: skip
def test_folders_of_the_machine_are_left_out(told, kept):
    assert without_folders(told) == kept


def test_what_is_wrong_is_one_line_and_nothing_is_written(models, tmp_path, monkeypatch):
    out = ["--output", str(tmp_path / "out")]
    for arguments, message in (
        (["--models", str(tmp_path)], "is no export of stage align"),
        (["--models", str(models), "--run", "hef"], "--run takes STAGE=FOLDER"),
        (["--models", str(models), "--run", f"hef={tmp_path}"], "run.yaml is missing"),
        (["--models", str(models), "--shards", str(tmp_path)], "no shards at"),
        (["--models", str(models), "--table", str(tmp_path / "t.md")], "cannot read"),
    ):
        with pytest.raises(UserError, match=message):
            command.main([*arguments, *out])
    monkeypatch.setattr(command, "LARGEST", 1000)
    with pytest.raises(UserError, match="MB at half precision; the starter has at most"):
        command.main(["--models", str(models), *out])
    assert not (tmp_path / "out").exists()
