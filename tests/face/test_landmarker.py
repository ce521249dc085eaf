"""The landmarker on pictures without a face and, where they are at hand, on real clips."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.errors import UserError
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.regions import (
    LEFT_EYE,
    LIPS,
    MOUTH_68,
    OUTER_EYE_CORNERS,
    POINTS_68,
    RIGHT_EYE,
    region_boxes,
)
from lit_emotalk.weights import fetch as weights

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "real_clips"


def test_no_face_no_result_and_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    with Landmarker(video=False) as landmarker:
        assert landmarker.detect(np.full((120, 200, 3), 127, np.uint8)) == []
    with Landmarker(video=True) as landmarker:
        assert [landmarker.track(np.zeros((64, 64, 3), np.uint8), time) for time in (0, 40)] == [[], []]
    assert capfd.readouterr().err == ""


def test_absent_model_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    assert not weights.available("face_landmarker")
    with pytest.raises(UserError, match="weights fetch face_landmarker"):
        Landmarker()


RESTORE_AND_GO_ON = """
import signal
import numpy as np
from lit_emotalk.face.landmarker import Landmarker
nothing = np.zeros((120, 200, 3), np.uint8)
with Landmarker() as landmarker:
    landmarker.detect(nothing)
    signal.signal(signal.SIGPROF, signal.getsignal(signal.SIGPROF))  # what Lightning does when a run ends
    for _ in range(100):
        landmarker.detect(nothing)
"""


def test_the_process_outlives_mediapipes_profiling_timer() -> None:
    assert subprocess.run([sys.executable, "-c", RESTORE_AND_GO_ON], timeout=120).returncode == 0


def first_frames(clip: Path, count: int) -> list[np.ndarray]:
    """The first frames of a video."""
    import av

    with av.open(str(clip)) as container:
        return [
            f.to_ndarray(format="rgb24")
            for _, f in zip(range(count), container.decode(video=0), strict=False)
        ]


@pytest.mark.shared_data
@pytest.mark.skipif(not CLIPS.exists(), reason="shared data are absent")
def test_real_faces_are_found_in_pixels() -> None:
    frames = first_frames(CLIPS / "mead" / "M003_level_1_happy_024.mp4", 5)
    large = frames[0][100:1060, 450:1410]
    small = np.pad(large[::2, ::2], ((0, 480), (0, 0), (0, 0)), "edge")
    with Landmarker(video=False) as landmarker:
        (face,) = landmarker.detect(frames[0])
        both = landmarker.detect(np.concatenate([small, large], 1))
    assert face.landmarks.shape == (478, 3) and face.scores.shape == (len(ARKIT_NAMES),)
    assert face.scores.min() >= 0 and face.scores.max() <= 1
    boxes = region_boxes(face.landmarks)
    assert 600 < boxes["face"][0] < boxes["left_eye"][2] < 1200
    assert boxes["right_eye"][0] < boxes["left_eye"][0]
    assert boxes["mouth"][1] > boxes["right_eye"][3]
    assert len(both) == 2 and both[0].size > 1.5 * both[1].size
    with Landmarker(video=True) as landmarker:
        tracked = [landmarker.track(frame, 40 * i)[0].landmarks for i, frame in enumerate(frames)]
    assert np.abs(tracked[0] - face.landmarks).max() < 0.05 * face.size


def test_regions_are_sound() -> None:
    assert len(POINTS_68) == 68 and len(set(LIPS)) == 40
    assert set(POINTS_68[MOUTH_68]) <= set(LIPS)
    assert set(POINTS_68[36:42]) <= set(RIGHT_EYE) and set(POINTS_68[42:48]) <= set(LEFT_EYE)
    assert (POINTS_68[36], POINTS_68[45]) == OUTER_EYE_CORNERS
