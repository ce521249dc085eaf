"""Small trainings that several tests of stages look at."""

from pathlib import Path

import pytest

from tests.stages import runs
from tests.stages.small_align import align_config


@pytest.fixture(scope="session")
def align_run(tiny_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a small emotion space trained for three epochs through the command line."""
    folder = tmp_path_factory.mktemp("align")
    path = runs.write_config(folder / "align.yaml", align_config(tiny_shards, folder, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        runs.fit(path)
    return folder / "align" / "default"
