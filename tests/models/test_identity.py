"""Identity embeddings: ArcFace's alignment, and dlib's network on a drawn picture."""

import numpy as np
import pytest

from lit_emotalk import weights
from lit_emotalk.errors import UserError
from lit_emotalk.face.regions import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from lit_emotalk.models.identity import (
    ARCFACE_TEMPLATE,
    NOSE_TIP,
    ArcFaceIdentity,
    DlibIdentity,
    arcface_picture,
    load_identity,
    similarity,
)


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
    here = network.embed(frame, landmarks)
    assert here.shape == (128,) and here.dtype == np.float32
    assert np.array_equal(here, network.embed(frame, landmarks))
    assert np.linalg.norm(here - network.embed(frame, landmarks + np.array([240, 0, 0]))) > 0.05


def test_absent_arcface_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    assert not weights.available("arcface_r50")
    with pytest.raises(UserError, match=r"arcface_r50|onnxruntime"):
        ArcFaceIdentity()
    assert isinstance(load_identity("auto"), DlibIdentity)
