"""Training of every stage may begin from the starter, by its name."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.models.eac import EACConfig
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hef.generator import HEFConfig
from lit_emotalk.models.syncnet import SyncNetConfig
from lit_emotalk.stages import AlignStage, EACStage, HEFStage, SyncStage
from lit_emotalk.training import command as training
from lit_emotalk.training.recipe.plan import load_recipe
from lit_emotalk.weights import starter
from tests.starter import small_starter

ROOT = Path(__file__).parents[2]
PACKAGED = starter.FOLDER
SHIPPED = (PACKAGED / starter.MANIFEST_NAME).is_file()

STARTER = Path("starter")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with small_starter(tmp_path_factory.mktemp("starter")) as folder:
        yield folder


@pytest.fixture
def made(small):
    """Makes a stage that begins from the small starter, by its name."""
    align = load_export(small / "align", "align").config
    return {
        "align": lambda: AlignStage(network=align, initialise_from=STARTER),
        "eac": lambda: EACStage(
            emotion_space=STARTER, network=EACConfig(layers=1), initialise_from=STARTER, ema_decay=0.9
        ),
        "hef": lambda: HEFStage(
            network=HEFConfig(size="tiny", resolution=64), perceptual="edges", initialise_from=STARTER
        ),
        "sync": lambda: SyncStage(
            network=SyncNetConfig(width=0.125, crop=64, embedding=32), initialise_from=STARTER
        ),
    }


@pytest.mark.parametrize("stage", ["align", "eac", "hef", "sync"])
def test_a_stage_begins_from_its_weights(small, made, stage):
    network = made[stage]().inference_network
    reference = load_export(small / stage, stage).state_dict()
    state = network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in reference.items())
    assert all(value.dtype == torch.float32 for value in state.values() if value.is_floating_point())


def test_another_network_is_told_what_the_starter_has(small):
    network = HEFConfig(size="tiny", resolution=32)
    with pytest.raises(UserError, match=r"it has network.resolution 64, not 32$"):
        HEFStage(network=network, perceptual="edges", initialise_from=STARTER)


@pytest.mark.skipif(not SHIPPED, reason="the starter's weights are not in this checkout")
@pytest.mark.parametrize("stage", starter.STAGES)
def test_the_demo_tunes_the_networks_that_ship(stage, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    command = load_recipe(Path("experiments/recipes/demo_tuned.yaml")).step(f"train-{stage}").command
    configs = [word for path in re.findall(r"--config (\S+)", command) for word in ("--config", path)]
    with pytest.raises(SystemExit):
        training.main(["fit", *configs, "--print_config"])
    printed = yaml.safe_load(capsys.readouterr().out)["model"]["init_args"]["network"]
    shipped = asdict(load_export(PACKAGED / stage, stage).config)
    if stage == "eac":
        printed["code_dim"] = shipped["code_dim"]  # the space's
    if stage == "hef":
        assert (printed["guide"], shipped["guide"]) == ("basis", "skin"), "for rendered people, for real ones"
        printed["guide"] = shipped["guide"]
    assert printed == shipped
