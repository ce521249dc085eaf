"""librosa on a machine where nothing of it is compiled yet."""

import subprocess
import sys

import pytest

SOUND_BEATS = """
import numpy as np
from lit_emotalk.metrics.rhythm import sound_beats
sound = np.random.default_rng(0).normal(0, 0.1, 16000)
sound[:8000] = 0
assert len(sound_beats(sound))
"""


@pytest.mark.slow
def test_processes_that_compile_at_once_do_not_harm_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for _ in range(2):
        processes = [subprocess.Popen([sys.executable, "-c", SOUND_BEATS]) for _ in range(3)]
        assert [process.wait() for process in processes] == [0, 0, 0]
    assert list(tmp_path.rglob("*.nbc"))
