"""`lit-emotalk real-people`: the report on tiny shards by small untrained models, figure by figure, and bad
input."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.real_people.command import main
from lit_emotalk.weights import fetch as weights
from tests.conftest import draw_clip
from tests.small_models import save_small_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small untrained exports."""
    return save_small_models(tmp_path_factory.mktemp("models"))


def run(shards: Path, models: Path, output: Path, *options: object) -> dict:
    """The command in this process; its report."""
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    given = ["--shards", shards, "--models", models, "--output", output, "--workers", 1, *options]
    main([str(each) for each in given])
    return json.loads((output / "report.json").read_text())


def test_smoke(tiny_shards, models, tmp_path):
    found = run(tiny_shards, models, tmp_path / "out")
    print((tmp_path / "out" / "report.md").read_text())
    assert 0
