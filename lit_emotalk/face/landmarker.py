"""MediaPipe's FaceLandmarker: 478 points and raw blendshape scores of every face in a picture or a video
frame."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.face.regions import box
from lit_emotalk.weights import fetch as weights

MAX_FACES = 4

_STDERR = threading.Lock()
"""Held while the process's stderr leads elsewhere: two threads may look for faces at once."""


@dataclass(frozen=True, eq=False)
class Face:
    """A found face.

    landmarks: (478, 3) float32, pixels right and down; depth in the same unit, smaller is nearer.
    scores: (51,) float32 in [0, 1], MediaPipe's own blendshape scores in the order of ARKIT_NAMES; empty
    where they were not asked for.
    """

    landmarks: np.ndarray
    scores: np.ndarray

    @property
    def size(self) -> float:
        """The larger side of the landmarks' box, in pixels."""
        x0, y0, x1, y1 = box(self.landmarks)
        return float(max(x1 - x0, y1 - y0))


class Landmarker:
    """Context manager over MediaPipe's landmarker, in image mode or, with `video`, in tracking mode.

    Its blendshape `scores` take time of their own.
    Faces come sorted by size, largest first. One instance serves one video: its times must grow.
    Raises UserError where the model file has not been fetched.
    """

    def __init__(self, video: bool = False, max_faces: int = MAX_FACES, scores: bool = True) -> None:
        model = weights.path("face_landmarker")
        _survive_profiling_timer()
        with _quiet_native_log():
            from mediapipe.tasks.python import BaseOptions, vision

            mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
            options = vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(model)),
                running_mode=mode,
                num_faces=max_faces,
                output_face_blendshapes=scores,
            )
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        self._warm = False

    def __enter__(self) -> "Landmarker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _quiet_native_log():
            self._landmarker.close()

    def detect(self, frame: np.ndarray) -> list[Face]:
        """Faces of a picture (H, W, 3) uint8 RGB; only without `video`."""
        return self._faces(frame, lambda image: self._landmarker.detect(image))

    def track(self, frame: np.ndarray, time_ms: int) -> list[Face]:
        """Faces of the next frame (H, W, 3) uint8 RGB of a video, at a time in ms later than the last; only
        with `video`."""
        return self._faces(frame, lambda image: self._landmarker.detect_for_video(image, time_ms))

    def _faces(self, frame: np.ndarray, run: Any) -> list[Face]:
        from mediapipe import Image, ImageFormat

        image = Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        if self._warm:
            result = run(image)
        else:
            with _quiet_native_log():
                result = run(image)
            self._warm = True
        height, width = frame.shape[:2]
        unit = np.array([width, height, width], np.float32)
        faces = []
        for index, points in enumerate(result.face_landmarks):
            landmarks = np.array([(p.x, p.y, p.z) for p in points], np.float32) * unit
            scores = np.zeros(0, np.float32)
            if result.face_blendshapes:
                by_name = {item.category_name: item.score for item in result.face_blendshapes[index]}
                scores = np.array([by_name[name] for name in ARKIT_NAMES], np.float32)
            faces.append(Face(landmarks, scores))
        return sorted(faces, key=lambda face: face.size, reverse=True)


@contextlib.contextmanager
def _quiet_native_log() -> Iterator[None]:
    """Send the process's stderr to nowhere: MediaPipe's C++ start-up log has no switch."""
    with _STDERR:
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def _survive_profiling_timer() -> None:
    """Let the process outlive MediaPipe's profiling timer.

    MediaPipe sets one, with a handler of its own in C++; Lightning, when a run ends, puts back the handler
    that Python knows. Where that is the default, the next tick ends the process: so Python is told to ignore.
    """
    untouched = signal.getsignal(signal.SIGPROF) == signal.SIG_DFL
    if untouched and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
