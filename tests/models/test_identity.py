"""Identity embeddings: ArcFace's alignment, and dlib's network on a drawn picture."""

import numpy as np
import pytest
import skimage.data
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.face.regions import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from lit_emotalk.models.dlib_resnet import load_face_resnet
from lit_emotalk.models.identity import (
    ARCFACE_TEMPLATE,
    NOSE_TIP,
    ArcFaceIdentity,
    DlibIdentity,
    arcface_picture,
    load_identity,
    similarity,
)
from lit_emotalk.weights import fetch as weights


def test_similarity_recovers_a_known_transform():
    points = np.random.default_rng(0).normal(size=(7, 2)) * 40
    angle, scale = 0.4, 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = similarity(points, points @ turn.T + [5, -9])
    assert np.allclose(found, np.concatenate([turn, [[5.0], [-9.0]]], 1))


def test_arcface_picture_brings_the_five_points_to_the_template():
    frame = np.zeros((300, 300, 3), np.uint8)
    landmarks = np.zeros((478, 3), np.float32)
    places = ARCFACE_TEMPLATE[:, ::1] * 1.5 + [60, 40]
    landmarks[list(RIGHT_EYE), :2], landmarks[list(LEFT_EYE), :2] = places[0], places[1]
    landmarks[NOSE_TIP, :2] = places[2]
    landmarks[list(MOUTH_CORNERS), :2] = places[3:]
    for x, y in places.round().astype(int):
        frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    picture = arcface_picture(frame, landmarks)
    assert picture.shape == (112, 112, 3)
    for x, y in ARCFACE_TEMPLATE.round().astype(int):
        assert picture[y, x].min() > 200


def test_dlib_embeds_the_place_that_the_landmarks_show():
    pytest.importorskip("dlib")
    network = DlibIdentity()
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (30, 60, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = rng.uniform((40, 40), (200, 200), (478, 2))
    places = np.stack([landmarks, landmarks, landmarks + np.array([240, 0, 0])])
    here, again, there = network.embed(np.stack([frame] * 3), places)
    assert here.shape == (128,) and here.dtype == np.float32
    assert np.allclose(here, again, atol=1e-6)
    assert np.linalg.norm(here - there) > 0.05


def test_the_network_read_into_torch_equals_dlibs():
    dlib = pytest.importorskip("dlib")
    path = weights.path("dlib_face_recognition")
    theirs, ours = dlib.face_recognition_model_v1(str(path)), load_face_resnet(path)
    rng = np.random.default_rng(0)
    chips = [rng.integers(0, 255, (150, 150, 3), np.uint8), skimage.data.astronaut()[30:180, 150:300].copy()]
    with torch.inference_mode():
        found = ours(torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2)).numpy()
    for chip, embedding in zip(chips, found, strict=True):
        assert np.abs(np.array(theirs.compute_face_descriptor(chip)) - embedding).max() < 1e-5


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.dat").write_bytes(bytes(range(256)) * 50)
    with pytest.raises(UserError, match="not dlib's"):
        load_face_resnet(tmp_path / "other.dat")


def test_absent_arcface_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    assert not weights.available("arcface_r50")
    with pytest.raises(UserError, match=r"arcface_r50|onnxruntime"):
        ArcFaceIdentity()
    assert isinstance(load_identity("auto"), DlibIdentity)
