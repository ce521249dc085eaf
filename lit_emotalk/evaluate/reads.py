"""One look at a video for all metrics: landmarks of every frame, identity and emotion of every stride-th."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from scipy.signal import medfilt
from torch import Tensor

from lit_emotalk.data.decode_frames import sync_crop
from lit_emotalk.evaluate.emotions import EmotionReader
from lit_emotalk.evaluate.settings import NO_SYNC, OFFICIAL_SYNC, Settings
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.look import FACE_PIXELS
from lit_emotalk.face.regions import LANDMARKS, box
from lit_emotalk.face.tracker import Rest, Tracker
from lit_emotalk.metrics.fid import inception_features, load_inception
from lit_emotalk.metrics.lpips import load_lpips
from lit_emotalk.metrics.sync import SyncScore, centred, sync_score
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.identity import load_identity
from lit_emotalk.models.syncnet import WINDOW_FRAMES, SyncNet, SyncNetConfig, load_reference, windows_of
from lit_emotalk.schema import FPS, SAMPLES_PER_FRAME
from lit_emotalk.weights import fetch as weights

REFERENCE_PAD = 110
REFERENCE_SCALE = 0.4
REFERENCE_MEDIAN = 13
SYNC_BATCH_FRAMES = 64
PICTURE_BATCH = 16


@dataclass(frozen=True, eq=False)
class Reads:
    """What was read off a video of T frames.

    landmarks: (T, 478, 3) float32 pixels, NaN where no face was found. faces: (T, 96, 96) uint8, what the
    tracker looks at, zero there. identity: (K, D) float32 embeddings of the frames 0, stride, 2 stride ...
    NaN likewise; emotions: scores (K, E) of the same frames by column (see `EmotionReader`).
    """

    landmarks: np.ndarray
    faces: np.ndarray
    identity: np.ndarray
    emotions: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: the frames with a face."""
        return np.isfinite(self.landmarks[:, 0, 0])

    def head(self, frames: int, stride: int) -> "Reads":
        """The reads of the first `frames` frames."""
        strided = len(range(0, frames, stride))
        emotions = {name: scores[:strided] for name, scores in self.emotions.items()}
        return Reads(self.landmarks[:frames], self.faces[:frames], self.identity[:strided], emotions)


class Reader:
    """The networks that look at videos, loaded once per process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tracker = Tracker.load()
        self.identity = load_identity(settings.identity, settings.device)
        self.emotions = EmotionReader(settings, self.tracker)
        self.sync_network = load_sync(settings.sync, settings.device)
        self.lpips = load_lpips(weights.path("lpips_alexnet")) if weights.available("lpips_alexnet") else None
        self.inception = (
            load_inception(weights.path("fid_inception")) if weights.available("fid_inception") else None
        )
        for network in (self.lpips, self.inception):
            if network is not None:
                network.to(settings.device)

    def read(self, frames: np.ndarray) -> Reads:
        """Look at a video: (T, H, W, 3) uint8. A frame equal to the one before has its reading."""
        landmarks = np.full((len(frames), LANDMARKS, 3), np.nan, np.float32)
        with Landmarker(video=True, max_faces=1) as landmarker:
            for t, frame in enumerate(frames):
                if t and np.array_equal(frame, frames[t - 1]):
                    landmarks[t] = landmarks[t - 1]
                elif seen := landmarker.track(frame, 1000 * t // FPS):
                    landmarks[t] = seen[0].landmarks
        faces = np.zeros((len(frames), FACE_PIXELS, FACE_PIXELS), np.uint8)
        found = np.isfinite(landmarks[:, 0, 0])
        faces[found] = self.tracker.faces(frames[found], landmarks[found])
        places, wanted, source = self._fresh(frames, found)
        at, rows = places[wanted], len(places)
        if not len(at):
            nothing = {name: np.full((rows, len(e)), np.nan) for name, e in self.emotions.known.items()}
            return Reads(landmarks, faces, np.full((rows, 1), np.nan, np.float32), nothing)

        def spread(values: np.ndarray) -> np.ndarray:
            full = np.full((rows, values.shape[1]), np.nan, np.float32)
            full[wanted] = values
            return full[source]

        identity = spread(self.identity.embed(frames[at], landmarks[at]))
        shown = self.emotions.read(frames[at], landmarks[at], faces[at])
        return Reads(landmarks, faces, identity, {name: spread(scores) for name, scores in shown.items()})

    def _fresh(self, frames: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The frames 0, stride, 2 stride ... (K,); which of the K differ from the one before and have a face;
        and for each of the K the one whose reading it has."""
        places = np.arange(0, len(frames), self.settings.stride)
        pairs = zip(places[1:], places, strict=False)
        fresh = np.array([True, *(not np.array_equal(frames[a], frames[b]) for a, b in pairs)])[: len(places)]
        source = np.maximum.accumulate(np.where(fresh, np.arange(len(places)), 0))
        return places, np.flatnonzero(fresh & found[places]), source

    def rest(self, reads: Reads) -> Rest | None:
        """The speaker at rest; None without any face."""
        found = reads.found
        return self.tracker.rest(reads.landmarks[found], reads.faces[found]) if found.any() else None

    def expression(self, reads: Reads, rest: Rest) -> np.ndarray:
        """(T, 51) coefficients relative to a speaker's rest, NaN where there is no face."""
        found = reads.found
        values = np.full((len(found), 51), np.nan, np.float32)
        if found.any():
            values[found] = self.tracker.expression(reads.landmarks[found], rest, reads.faces[found])
        return values

    @torch.inference_mode()
    def sync(self, frames: np.ndarray, reads: Reads, samples: np.ndarray) -> SyncScore | None:
        """SyncNet's scores of a video and its sound; None without network, face, or with fewer than 6
        frames."""
        network, total = self.sync_network, min(len(frames), len(samples) // SAMPLES_PER_FRAME)
        windows = windows_of(total)
        if network is None or windows < 1 or not reads.found.any():
            return None
        crops = self._sync_crops(frames[:total], reads.landmarks[:total], network.config)
        pictures = torch.from_numpy(crops).permute(0, 3, 1, 2)
        device = self.settings.device
        runs = [
            pictures[None, first : first + SYNC_BATCH_FRAMES + WINDOW_FRAMES - 1]
            for first in range(0, windows, SYNC_BATCH_FRAMES)
        ]
        video = torch.cat([network.video_features(run.to(device).float()) for run in runs], 1)
        sound = network.sound_features(
            torch.from_numpy(samples[: total * SAMPLES_PER_FRAME])[None].to(device)
        )
        return score_as_trained(video[0, :windows].cpu(), sound[0, :windows].cpu(), self.settings.sync)

    def _sync_crops(self, frames: np.ndarray, landmarks: np.ndarray, config: SyncNetConfig) -> np.ndarray:
        if self.settings.sync == OFFICIAL_SYNC:
            return reference_crops(frames, box(filled(landmarks)), config.crop)
        crop = sync_crop(landmarks[np.isfinite(landmarks[:, 0, 0])], config.view)
        return np.stack([crop.cut(frame, config.crop) for frame in frames])

    @torch.inference_mode()
    def inception_features(self, frames: np.ndarray) -> np.ndarray | None:
        """(K, 2048) Inception features of every stride-th frame; None without the weights."""
        if self.inception is None:
            return None
        pictures = torch.from_numpy(frames[:: self.settings.stride]).permute(0, 3, 1, 2)
        batches = pictures.split(PICTURE_BATCH)
        parts = [inception_features(self.inception, batch.to(self.settings.device)) for batch in batches]
        return torch.cat(parts).cpu().numpy()


def score_as_trained(video: Tensor, sound: Tensor, sync: str) -> SyncScore:
    """The scores of features (W, D) as the network `sync` was trained: by the reference's rule for the
    official weights, on features centred on the clip's means for an export of stage sync."""
    if sync == OFFICIAL_SYNC:
        return sync_score(video, sound)
    return sync_score(centred(video), centred(sound))


def load_sync(sync: str, device: str) -> SyncNet | None:
    """The sync network of the settings, or None."""
    if sync == NO_SYNC:
        return None
    if sync == OFFICIAL_SYNC:
        return load_reference(weights.path("syncnet")).to(device)
    network = load_export(sync, "sync", device)
    assert isinstance(network, SyncNet)
    return network


def filled(landmarks: np.ndarray) -> np.ndarray:
    """(T, 478, 3) landmarks whose NaN frames are taken from the nearest frame with a face; at least one has
    one."""
    known = np.flatnonzero(np.isfinite(landmarks[:, 0, 0]))
    nearest = known[np.abs(np.arange(len(landmarks))[:, None] - known[None]).argmin(1)]
    return landmarks[nearest]


def reference_crops(frames: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """The reference's face crops: frames (T, H, W, 3) uint8, boxes (T, 4) x0, y0, x1, y1 -> (T, size, size,
    3) uint8.

    Half side b = half the box's larger side and the box's centre, median-filtered over 13 frames with zeros
    beyond the ends; 1.4 b to both sides, b up, 1.8 b down; beyond the picture grey 110; bilinear. Source:
    syncnet_python, run_pipeline.py. Boxes come from MediaPipe's mesh where the reference has S3FD's.
    """
    import cv2

    half = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2
    tracks = np.stack([half, (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2], 1)
    if len(tracks) < REFERENCE_MEDIAN:
        tracks = np.broadcast_to(np.median(tracks, 0), tracks.shape)
    else:
        tracks = np.stack([medfilt(track, REFERENCE_MEDIAN) for track in tracks.T], 1)
    crops = []
    for frame, (b, x, y) in zip(frames, tracks, strict=True):
        pad = int(b * (1 + 2 * REFERENCE_SCALE))
        padded = np.pad(frame, ((pad, pad), (pad, pad), (0, 0)), constant_values=REFERENCE_PAD)
        rows = slice(int(y + pad - b), int(y + pad + b * (1 + 2 * REFERENCE_SCALE)))
        columns = slice(int(x + pad - b * (1 + REFERENCE_SCALE)), int(x + pad + b * (1 + REFERENCE_SCALE)))
        crops.append(cv2.resize(padded[rows, columns], (size, size)))
    return np.stack(crops)


@lru_cache(maxsize=1)
def reader(settings: Settings) -> Reader:
    """This process's reader."""
    import cv2

    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    return Reader(settings)
