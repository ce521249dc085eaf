"""Fixtures for every test: tiny shards, packed by the real packer from drawn faces and hummed speech.

What they are made by is imported where they are made: the process that hands the tests out to others reads
this file too, and would wait for torch.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from data_prep.clips.record import Clip


FORKING = (
    "tests/stages/",
    "tests/training/",
    "tests/gpu/test_processes.py",
    "tests/inference/test_animate.py",
    "tests/losses/test_contrastive.py",
    "tests/metrics/test_processes.py",
    "tests/test_cli.py",
)
"""Where tests fork processes from the server of `tests.forked`."""


def pytest_collectstart() -> None:
    """torchmetrics is imported before the first test's file, without what it would import besides. Nothing
    of what is imported is garbage, so none is looked for."""
    from lit_emotalk.training.early import import_torchmetrics

    gc.disable()
    import_torchmetrics()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that fork come first: where several processes share the tests out, one of them gets these all,
    and one server imports what they need."""
    items.sort(key=lambda item: not item.nodeid.startswith(FORKING))


def pytest_collection_finish() -> None:
    """From here on garbage is looked for among what tests make, not among millions of imported objects."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def own_timings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """How fast this machine draws is measured for the tests alone, and not kept for its user; nor are the
    embeddings of what texts are compared with."""
    folder = tmp_path_factory.mktemp("timings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lit_emotalk.inference.drawing.drawing.home", lambda: folder)
        patch.setattr("lit_emotalk.inference.emotion.doubts.home", lambda: folder)
        yield


@pytest.fixture(scope="session")
def tiny_clips() -> list[Clip]:
    """The clips of `tiny_shards`, before packing."""
    from tests.drawn_clips import TINY_CLIPS, draw_clip

    return [draw_clip(*clip, name=f"{index:03d}") for index, clip in enumerate(TINY_CLIPS, 1)]


@pytest.fixture(scope="session")
def tiny_shards(tiny_clips: list[Clip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 8 clips, 3 speakers (one per split), 30-50 frames of 64 pixels, 2 clips a shard."""
    from tests.drawn_clips import pack_tiny

    return pack_tiny(tiny_clips, tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def small_whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In the module that asks for it the registry's Whisper is a small one with a random encoder."""
    from tests.small_whisper import install_whisper

    with pytest.MonkeyPatch.context() as patch:
        install_whisper(patch, tmp_path_factory.mktemp("whisper"))
        yield


@pytest.fixture(scope="module")
def whisper_shards(
    tiny_clips: list[Clip], small_whisper: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`tiny_shards` with what Whisper hears."""
    from tests.drawn_clips import pack_tiny

    return pack_tiny(tiny_clips, tmp_path_factory.mktemp("heard"), "whisper")


@pytest.fixture(scope="module")
def all_shards(tiny_clips: list[Clip], small_whisper: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_shards` with all that networks hear."""
    from tests.drawn_clips import pack_tiny

    return pack_tiny(tiny_clips, tmp_path_factory.mktemp("all_heard"), "all")


@pytest.fixture(scope="session")
def sound_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of sound only: five training clips and two validation clips, keys with `_s`."""
    from tests.drawn_clips import pack_sound

    return pack_sound(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="session")
def acted_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of sound and coefficients without pictures: four training clips of a speaker, keys with `_a`."""
    from tests.drawn_clips import pack_acted

    return pack_acted(tmp_path_factory.mktemp("acted"))


@pytest.fixture(scope="session")
def tiny_manifest(tiny_shards: Path) -> dict:
    """The manifest of `tiny_shards`."""
    return json.loads((tiny_shards / "manifest.json").read_text())
