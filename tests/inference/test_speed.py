"""The way of drawing is measured once, remembered, and falls back where it fails."""

import json

import numpy as np
import pytest
import torch

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.inference.drawing import drawing
from lit_emotalk.inference.drawing.drawing import Drawing
from lit_emotalk.inference.drawing.speed import COMPILE, MEMORY_NAME, Timings
from lit_emotalk.inference.portrait import Portrait
from tests.models.test_hef_drawing import inputs, lively

FRAMES = 11


@pytest.fixture(autouse=True)
def own_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "home", lambda: tmp_path / "home")


@pytest.fixture(scope="module")
def hef():
    return lively()


@pytest.fixture(scope="module")
def portrait(hef):
    image, landmarks, own, _ = inputs(hef)
    pixels = ((image[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
    return Portrait(pixels, own[0].numpy(), landmarks[0].numpy())


def windows(hef, portrait) -> np.ndarray:
    moved = portrait.coefficients + 0.2 * np.random.default_rng(0).random((FRAMES, ARKIT.size))
    return np.repeat(moved[:, None], hef.config.window, 1).astype(np.float32)


def test_what_is_measured_is_remembered_and_damage_is_not(tmp_path):
    costs = {"float32": 0.1, "bfloat16": 0.05}
    assert Timings(tmp_path, "a").eager(costs.__getitem__) == "bfloat16"
    assert Timings(tmp_path, "a").eager({}.__getitem__) == "bfloat16"
    assert Timings(tmp_path, "b").eager({"float32": 0.1, "bfloat16": 0.095}.__getitem__) == "float32"
    assert len(json.loads((tmp_path / MEMORY_NAME).read_text())) == 2
    (tmp_path / MEMORY_NAME).write_text("{damaged")
    assert Timings(tmp_path, "a").eager({"float32": 0.1, "bfloat16": 0.9}.__getitem__) == "float32"


def test_a_place_that_cannot_be_written_is_no_trouble(tmp_path):
    (tmp_path / "file").write_text("x")
    timings = Timings(tmp_path / "file", "a")
    timings.keep(float32=1.0)
    assert timings.seconds == {"float32": 1.0}


def test_compiling_must_be_won_back(tmp_path):
    timings = Timings(tmp_path, "a")
    timings.keep(float32=0.1)
    assert not timings.pays_to_compile("float32", 10**6)
    timings.keep(compiled=0.05, **{COMPILE: 10.0})
    assert timings.pays_to_compile("float32", 201) and not timings.pays_to_compile("float32", 199)
    assert timings.pays_to_compile("float32", 1, done=True)
    timings.keep(compiled=0.095)
    assert not timings.pays_to_compile("float32", 10**6)


def test_frames_in_threads_are_those_drawn_at_once(hef, portrait):
    given = windows(hef, portrait)
    cores = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        drawn = Drawing(hef, torch.device("cpu"), "float32")
        threaded = np.stack(list(drawn.frames(portrait, given)))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(cores)
    at_once = drawn.draw(portrait, given)
    assert threaded.shape == (FRAMES, 64, 64, 3) and threaded.dtype == np.uint8
    assert np.abs(threaded.astype(int) - at_once).max() <= 1 and np.ptp(at_once, axis=0).max() > 10


def test_the_source_is_encoded_once_for_all_videos(hef, portrait, monkeypatch):
    drawn = Drawing(hef, torch.device("cpu"), "bfloat16")
    encoded = []
    forward = hef.encoder.forward
    monkeypatch.setattr(hef.encoder, "forward", lambda image: encoded.append(1) or forward(image))
    for _ in range(3):
        list(drawn.frames(portrait, windows(hef, portrait)))
    other = Portrait(portrait.image[::-1].copy(), portrait.coefficients, portrait.landmarks)
    first = windows(hef, portrait)[:1]
    assert np.abs(drawn.draw(other, first).astype(int) - drawn.draw(portrait, first)).max() > 10
    assert len(encoded) == 2


def test_where_compiling_fails_it_draws_all_the_same(hef, portrait, monkeypatch, capsys):
    def broken(_):
        def call(*_):
            raise RuntimeError("no C++ compiler\nand much more")

        return call

    monkeypatch.setattr(drawing.torch, "compile", broken)
    drawn = Drawing(hef, torch.device("cpu"), "compiled")
    given = windows(hef, portrait)
    frames = list(drawn.frames(portrait, given)) + list(drawn.frames(portrait, given))
    assert len(frames) == 2 * FRAMES
    said = capsys.readouterr().err
    assert said.count("torch.compile does not work here (no C++ compiler): drawing") == 1


@pytest.mark.slow
def test_compiled_frames_are_the_same(hef, portrait):
    given = windows(hef, portrait)
    plain = Drawing(hef, torch.device("cpu"), "float32").draw(portrait, given)
    compiled = Drawing(hef, torch.device("cpu"), "compiled")
    frames = np.stack(list(compiled.frames(portrait, given)))
    assert 10 * np.log10(255**2 / np.square(frames.astype(float) - plain).mean()) > 40
    assert {"compiled", COMPILE, "float32", "bfloat16"} == set(compiled.timings.seconds)


def test_an_unknown_speed_is_refused(hef):
    with pytest.raises(UserError, match="the speed must be one of auto, float32"):
        Drawing(hef, torch.device("cpu"), "ludicrous")


@pytest.mark.parametrize(("device", "frames"), [("cuda", drawing.CHUNK["cuda"]), ("cpu", 1)])
def test_what_is_timed_is_what_is_drawn_at_once(hef, monkeypatch, device, frames):
    monkeypatch.setattr(drawing, "_device_name", lambda _: "")
    seconds, drawn = iter((0.0, 8.0)), []

    class Network:
        def encode_source(self, *source):
            return source

        def __call__(self, source, own, driving):
            drawn.append(len(driving))
            return own

    monkeypatch.setattr(drawing.time, "perf_counter", lambda: next(seconds))
    assert Drawing(hef, torch.device(device))._trial(Network()) == 8.0 / frames
    assert drawn == [frames]
