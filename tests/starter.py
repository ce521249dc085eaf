"""The starter that ships with the package, or a small one of untrained networks where its weights are not
here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lit_emotalk.models.handover import save_export
from lit_emotalk.models.syncnet import SyncNet, SyncNetConfig
from lit_emotalk.training.pack import pack
from lit_emotalk.weights import starter
from tests.small_models import save_small_models


def save_small_exports(folder: Path) -> Path:
    """Untrained exports of all four stages below `folder`, which is returned."""
    save_small_models(folder)
    save_export(folder / "sync", "sync", SyncNet(SyncNetConfig(width=0.125, crop=64, embedding=32)), None)
    return folder


@contextmanager
def small_starter(folder: Path) -> Iterator[Path]:
    """A packed starter of untrained networks in `folder / starter`, which is the package's meanwhile; the
    exports at full precision lie in `folder / models`."""
    pack(save_small_exports(folder / "models"), folder / "starter", {}, [], [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starter, "FOLDER", folder / "starter")
        yield folder / "starter"


@contextmanager
def any_starter(folder: Path) -> Iterator[Path]:
    """The package's starter, or a small one in `folder`."""
    if (starter.FOLDER / starter.MANIFEST_NAME).is_file():
        yield starter.FOLDER
    else:
        with small_starter(folder) as made:
            yield made
