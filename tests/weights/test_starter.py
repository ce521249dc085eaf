"""The starter: meant where no models are named, whole or refused, and as good as what it was packed from."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
import yaml

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.codes import EmotionReader
from lit_emotalk.inference.emotion.request import Emotion
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import sha256_file
from lit_emotalk.models.handover import load_export, load_weights
from lit_emotalk.weights import starter
from lit_emotalk.weights.starter import STAGES, models_folder
from tests.starter import any_starter, small_starter

LARGEST = 30_000_000
SHIPPED = starter.FOLDER


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with small_starter(tmp_path_factory.mktemp("small")) as folder:
        yield folder


@pytest.fixture
def damaged(small, tmp_path, monkeypatch):
    """A copy of the small starter that may be spoilt."""
    monkeypatch.setattr(starter, "FOLDER", shutil.copytree(small, tmp_path / "starter"))
    return starter.FOLDER


@pytest.mark.parametrize("named", [None, "starter"])
def test_it_is_meant_where_no_models_are_named_and_said_in_one_line(small, named, capsys):
    assert models_folder(named) == small
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "the starter that ships with lit_emotalk" in said
    assert models_folder(small.parent / "models") == small.parent / "models"
    assert not capsys.readouterr().err


def test_networks_at_half_precision_give_what_those_at_full_give(small):
    full, half = TalkingFace.load(small.parent / "models"), TalkingFace.load(None)
    samples = (0.1 * np.sin(np.arange(16_000) * 0.07)).astype(np.float32)
    heard = full.hear(samples)
    for emotion in ("happy", "angry"):
        code = full.space.encode_label([emotion])[0]
        assert torch.allclose(half.space.encode_label([emotion])[0], code, atol=2e-3)
        apart = half.expression(heard, code, 1.0) - full.expression(heard, code, 1.0)
        assert np.abs(apart).max() < 5e-3
    networks = [face.hef.state_dict() for face in (half, full)]
    assert all(value.dtype == torch.float32 for value in networks[0].values() if value.is_floating_point())
    for name, value in networks[1].items():
        assert torch.allclose(networks[0][name], value, rtol=2**-10, atol=1e-7), name


def test_the_emotion_space_alone_is_found(small):
    assert EmotionReader.load().space.dim == load_export(small / "align", "align").dim
    assert EmotionReader.load(small / "align").space.dim == EmotionReader.load("starter").space.dim


def test_training_may_begin_from_it_and_a_network_that_differs_is_told_how(small):
    network = load_export("starter", "eac")
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
    load_weights(network, "starter", "eac")
    reference = load_export(small / "eac", "eac").state_dict()
    assert all(torch.equal(value, reference[name]) for name, value in network.state_dict().items())
    other = type(network)(type(network.config)(code_dim=16, layers=2))
    with pytest.raises(UserError, match=r"does not fit .* it has network.layers 1, not 2$"):
        load_weights(other, "starter", "eac")


def test_a_damaged_file_is_refused_in_one_line(damaged):
    path = damaged / "hef" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged: its checksum .* install lit_emotalk again") as caught:
        TalkingFace.load()
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(UserError, match="is missing; install lit_emotalk again"):
        load_export("starter", "hef")


def test_an_installation_without_it_says_what_to_do(damaged):
    (damaged / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"lacks the starter's models .* --models"):
        TalkingFace.load()


def test_its_manifest_tells_the_files_and_they_are_small(tmp_path):
    with any_starter(tmp_path) as folder:
        manifest = json.loads((folder / "manifest.json").read_text())
        assert set(manifest["stages"]) == set(STAGES)
        sizes = 0
        for stage, facts in manifest["stages"].items():
            weights = folder / stage / "model.safetensors"
            card = yaml.safe_load((folder / stage / "model.yaml").read_text())
            assert facts["sha256"] == card["sha256"] == sha256_file(weights)
            assert facts["packed_from"] == card["packed_from"] and card["precision"] == "float16"
            assert facts["bytes"] == weights.stat().st_size
            assert facts["parameters"] * 2 <= facts["bytes"] < facts["parameters"] * 4
            sizes += facts["bytes"]
            load_export(folder / stage, stage)
        assert sizes < LARGEST
        text = (folder / "manifest.json").read_text()
        assert not re.search(r"(?<![\w.])/(?!/)\w+/", text), "no place of the machine that packed it"


def test_networks_of_the_starter_fit_together(tmp_path):
    with any_starter(tmp_path):
        space, eac, hef = (load_export("starter", stage) for stage in ("align", "eac", "hef"))
        assert eac.config.code_dim == space.dim and hef.config.layout == "arkit"


@pytest.mark.skipif(not (SHIPPED / starter.MANIFEST_NAME).is_file(), reason="the starter is not here")
def test_words_for_no_emotion_leave_the_starters_brows_alone_at_full_intensity(monkeypatch):
    monkeypatch.setattr(starter, "FOLDER", SHIPPED)
    face = TalkingFace.load(None)
    heard = face.hear(load_audio(SHIPPED / "speech.flac"))
    brows = ARKIT.columns("browDown") + ARKIT.columns("browInnerUp") + ARKIT.columns("mouthFrown")
    shown = {
        words: face.expression(heard, face.code(Emotion(text=words)), 1.0)[:, brows].mean(0)
        for words in ("neutral", "a neutral person", "no emotion", "a calm person", "an angry person")
    }
    assert shown.pop("an angry person").max() > 0.5
    assert {words: units.max() < 0.15 for words, units in shown.items()} == dict.fromkeys(shown, True)
