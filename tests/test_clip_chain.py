"""The whole chain with texts and pictures by CLIP's architecture: a tiny model of random weights, the three
stages by the command line, evaluation, animation by a picture of an emotion, and the server."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from PIL import Image

from data_prep.clips.record import Clip
from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk import TalkingFace
from lit_emotalk.coefficients import ARKIT, BFM
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.command import main as evaluate
from lit_emotalk.evaluate.store import SET_KEY, read_results
from lit_emotalk.inference import command as animate
from lit_emotalk.io.video import probe
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.weights import fetch as weights
from tests.drawn_clips import TINY_SIZE, TINY_SPLITS
from tests.small_clip import SIZE, write_open_clip
from tests.stages import runs

ROOT = Path(__file__).parents[1]
BATCH = {"batch_size": 4, "steps_per_epoch": 2, "num_workers": 0}


def trained(folder: Path, shards: Path, stage: str, model: dict[str, Any], data: dict[str, Any]) -> None:
    """`lit-emotalk fit` with the paper's experiment of a stage, made small; its export lies in `models`."""
    changes = {
        "runs": str(folder / "runs"),
        "export_dir": str(folder / "models" / stage),
        "model": {"init_args": {"warmup": 1, **model}},
        "data": {"init_args": {"shards": str(shards), **BATCH, **data}},
        "trainer": {"max_epochs": 1, "accelerator": "cpu", "precision": "32-true"},
    }
    (folder / f"{stage}.yaml").write_text(yaml.safe_dump(changes))
    experiment = ROOT / "experiments" / "paper" / f"{stage}.yaml"
    runs.fit(experiment, "--config", str(folder / f"{stage}.yaml"))


@pytest.fixture(scope="module")
def models(tiny_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports of all three stages of the paper, trained for two batches."""
    folder = tmp_path_factory.mktemp("chain")
    name, checkpoint = write_open_clip(folder)
    clip = {"open_clip_model": name, "open_clip_weights": checkpoint, "dim": SIZE, "prompts": 4}
    small = {"layers": 1, "heads": 2, "width": 16}
    generator = {"size": "tiny", "resolution": 64, "window": 9}
    judge = {"channels": 4, "layers": 2, "scales": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        trained(folder, tiny_shards, "align", {"network": clip | {"audio": small}}, {"image_size": 32})
        space = {"emotion_space": str(folder / "models" / "align")}
        trained(folder, tiny_shards, "eac", space | {"network": small}, {"image_size": 32, "frames": 20})
        hef = {"network": generator, "perceptual": "edges", "discriminator": judge, "adversarial_start": 1}
        trained(folder, tiny_shards, "hef", hef | {"compiled": False}, {})
    return folder / "models"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A portrait, NASA's astronaut (public domain), and a hum."""
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    from skimage import data

    folder = tmp_path_factory.mktemp("given")
    Image.fromarray(data.astronaut()).crop((110, 0, 340, 230)).save(folder / "portrait.png")
    hum = 0.3 * np.sin(2 * np.pi * 180 * np.arange(15 * 640) / 16_000)
    soundfile.write(folder / "speech.wav", hum, 16_000)
    return folder / "portrait.png", folder / "speech.wav"


def test_the_exports_hold_clips_codes_and_none_of_its_weights(models):
    space = load_export(models / "align", "align")
    assert isinstance(space, EmotionSpace) and space.config.raw and space.config.image == "open_clip"
    assert space.emotion_codes().shape == (9, SIZE)
    assert not any("visual" in name or "token_embedding" in name for name in space.state_dict())
    assert sum(file.stat().st_size for file in (models / "align").iterdir()) < 2e6


def test_it_is_evaluated_by_every_condition(models, tiny_shards, files, tmp_path):
    output = tmp_path / "results.jsonl"
    arguments = ["--models", models, "--shards", tiny_shards, "--split", "train", "--limit", 2]
    arguments += ["--condition", "text", "image", "audio", "--workers", 1, "--stride", 20, "--output", output]
    evaluate([str(word) for word in arguments])
    header, rows, _ = read_results(output)
    made = {row["method"] for row in rows if "error" not in row and "psnr" in row["metrics"]}
    assert made == {"text", "image", "audio"}
    assert header["protocol"]["emotion_space"].startswith("picture side (open_clip)")


def test_a_picture_gives_the_emotion(models, files, tmp_path):
    portrait, speech = files
    arguments = ["--models", models, "--portrait", portrait, "--speech", speech, "--emotion-image", portrait]
    animate.main([str(word) for word in [*arguments, "--output", tmp_path / "made.mp4"]])
    facts = probe(tmp_path / "made.mp4")
    assert facts.has_audio and facts.frames == 15


def test_the_server_draws_an_emotion_in_words(models, files, tmp_path):
    pytest.importorskip("fastapi", reason="needs the extra web")
    from fastapi.testclient import TestClient

    from lit_emotalk.web.app import make_app
    from lit_emotalk.web.limits import Limits

    portrait, speech = files
    face = TalkingFace.load(models, speed="float32")
    app = make_app(face, tmp_path, Limits(), frozenset({"testserver"}))
    with TestClient(app, base_url="http://localhost:7860") as client:
        place = f"/api/sessions/{client.post('/api/sessions').json()['id']}"
        sent = {
            kind: client.post(f"{place}/{kind}", content=path.read_bytes()).json()["id"]
            for kind, path in (("portrait", portrait), ("speech", speech))
        }
        wanted = sent | {"emotions": ["a furious person"], "motion": "none"}
        job = client.post(f"{place}/videos", json=wanted).json()["id"]
        until = time.monotonic() + 200
        while (state := client.get(f"{place}/jobs/{job}").json())["state"] in ("waiting", "working"):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert state["state"] == "done", state
        video = client.get(f"{place}/videos/{state['videos'][0]['file']}")
        assert video.headers["content-type"] == "video/mp4" and len(video.content) > 1000


@pytest.fixture(scope="module")
def basel(
    models: Path, tiny_clips: list[Clip], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Untrained models that speak Deep3DFaceRecon's coefficients, and shards of such."""
    folder = tmp_path_factory.mktemp("basel")
    rng = np.random.default_rng(0)
    made = []
    for clip in tiny_clips:
        assert clip.coeffs is not None
        expression = rng.normal(size=(len(clip.coeffs), BFM.expression_size)).astype(np.float32)
        coeffs = np.concatenate([expression, clip.coeffs[:, ARKIT.pose]], 1)
        record = {**clip.record, "layout": BFM.name}
        made.append(replace(clip, record=record, coeffs=coeffs, single=expression))
    pack_clips(made, folder / "shards", Corpus("synthetic", BFM.name, TINY_SIZE, TINY_SPLITS, "tests"))
    shutil.copytree(models / "align", folder / "models" / "align")
    eac = EACConfig(code_dim=SIZE, layers=1, heads=2, width=16, layout="bfm")
    hef = HEFConfig(size="tiny", resolution=64, window=9, guide="none", enlarge=1, layout="bfm")
    save_export(folder / "models" / "eac", "eac", EAC(eac), None)
    save_export(folder / "models" / "hef", "hef", HEF(hef), None)
    return folder / "models", folder / "shards"


def test_bfm_is_drawn_from_shards(basel, files, tmp_path):
    made, shards = basel
    arguments = ["--models", made, "--shards", shards, "--split", "train", "--limit", 1, "--workers", 1]
    arguments += ["--condition", "text", "--stride", 20, "--output", tmp_path / "r.jsonl"]
    evaluate([str(word) for word in arguments])
    rows = [row for row in read_results(tmp_path / "r.jsonl")[1] if row["key"] != SET_KEY]
    assert len(rows) == 1 and rows[0]["metrics"]["psnr"] > 10


def test_bfm_of_a_new_portrait_is_refused_in_one_line(basel, files, models):
    made, _ = basel
    face = TalkingFace.load(made, speed="float32")
    with pytest.raises(UserError, match="speak bfm, Deep3DFaceRecon's coefficients: they cannot draw a new"):
        face.read_portrait(files[0])
    with pytest.raises(UserError, match="cannot speak live"):
        face.live(files[0])
    arkit = TalkingFace.load(models, speed="float32")
    with pytest.raises(UserError, match="the eac speaks arkit, the hef is driven by bfm"):
        TalkingFace(arkit.space, arkit.eac, face.hef)
