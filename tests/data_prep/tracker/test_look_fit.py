"""Fitting the network that looks at faces: units that show in a made-up face are read from a new one."""

import numpy as np
import torch

from data_prep.clips.record import jpg_bytes
from data_prep.tracker.look_fit import VARIATIONS, Faces, fit_look, load_faces, read_looks, vary
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.look import FACE_PIXELS, LOOK_SIZE, Gradients

JAW = ARKIT_NAMES.index("jawOpen")


def made_up_faces(rng: np.random.Generator, frames: int) -> Faces:
    """Somebody whose mouth is a dark box as high as the jaw is open, alike in a mirror."""
    weights = np.zeros((frames, 51), np.float32)
    weights[3:, JAW] = rng.random(frames - 3)
    faces = np.full((frames, FACE_PIXELS, FACE_PIXELS), rng.integers(120, 200), np.uint8)
    for face, opened in zip(faces, weights[:, JAW], strict=True):
        face[60 : 62 + int(24 * opened), 34:62] = 40
    noisy = torch.from_numpy(faces).float() + 2 * torch.randn(faces.shape)
    maps = Gradients()(noisy).half().expand(2 * VARIATIONS, -1, -1, -1, -1)
    return Faces(faces, maps, weights, np.arange(frames) < 3)


def test_what_shows_is_read_from_new_faces() -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    heads = [made_up_faces(rng, 20) for _ in range(8)]
    network = fit_look(heads[:6], steps=40, seed=0)
    codes = [network.codes(head.upright) for head in heads]
    changes = [code - np.median(code[head.neutral], axis=0) for code, head in zip(codes, heads, strict=True)]
    train = np.concatenate(changes[:6]), np.concatenate([h.weights[:, JAW] for h in heads[:6]])
    line = np.linalg.solve(train[0].T @ train[0] + 0.1 * np.eye(LOOK_SIZE), train[0].T @ train[1])
    truth = np.concatenate([h.weights[:, JAW] for h in heads[6:]])
    assert np.corrcoef(np.concatenate(changes[6:]) @ line, truth)[0, 1] > 0.8
    shift = network.basis[JAW].numpy()
    moved = np.concatenate(changes[6:]) @ shift / (shift @ shift)
    assert np.corrcoef(moved, truth)[0, 1] > 0.8, "the basis points where the unit moves the code"
    looks = read_looks(network, heads[:2])
    assert looks.codes.shape == (2, VARIATIONS, 40, LOOK_SIZE) and looks.rest.shape == (2, 40, LOOK_SIZE)


def test_varied_pictures_keep_their_shape_and_differ() -> None:
    pictures = torch.randint(0, 255, (12, 112, 112), dtype=torch.uint8)
    varied = vary(pictures, torch.Generator().manual_seed(0))
    assert varied.shape == (12, FACE_PIXELS, FACE_PIXELS) and torch.isfinite(varied).all()
    assert (varied[:6] - vary(pictures, torch.Generator().manual_seed(1))[:6]).abs().mean() > 5


def test_heads_are_cut_as_the_tracker_cuts_them() -> None:
    face = LinearFace.load()
    mean, stable = face.mean.double().numpy(), face.stable.double().numpy()
    rng = np.random.default_rng(0)
    pictures = [
        np.repeat(rng.integers(0, 255, (32, 32, 1), np.uint8).repeat(8, 0).repeat(8, 1), 3, 2)
        for _ in range(3)
    ]
    data = [jpg_bytes(picture) for picture in pictures]
    head = {
        "landmarks": (60 * mean + 128)[None].repeat(3, 0).astype(np.float32),
        "weights": np.zeros((3, 51), np.float32),
        "neutral": np.array([True, True, False]),
        "jpg": np.frombuffer(b"".join(data), np.uint8),
        "jpg_sizes": np.array([len(jpg) for jpg in data]),
    }
    faces = load_faces(head, mean, stable, torch.Generator().manual_seed(0))
    assert faces.upright.shape == (3, FACE_PIXELS, FACE_PIXELS)
    assert faces.maps.shape == (2 * VARIATIONS, 3, 8, 24, 24) and faces.maps.dtype == torch.float16
