"""From a clip in a frames shard to pairs of frames, and to windows of frames with their sound."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
import torch
from torch import Tensor

from lit_emotalk.coefficients import Layout
from lit_emotalk.data.decode import (
    Sample,
    decode_jpg,
    facts,
    frame_landmarks,
    frames_of,
    read_array,
    read_landmarks,
)
from lit_emotalk.data.index import Clip, SampleError
from lit_emotalk.data.recolour import PLAIN, Colours, Recolour
from lit_emotalk.data.reframe import STILL, Reframe, Similarity
from lit_emotalk.face.crop import Crop
from lit_emotalk.face.regions import LIPS, MOUTH_OPENING, box, region_boxes
from lit_emotalk.schema import SAMPLES_PER_FRAME

View = Literal["face", "mouth"]
MOUTH_SHARE = 0.72
PARTS = ("mouth", "left_eye", "right_eye")
"""The parts of a face whose pixels weigh more (see `regions.region_boxes`)."""
SECOND_AWAY = 12
"""Half a second: a second source frame is farther than this from the frames to draw (our choice)."""


def driving_window(coeffs: np.ndarray, centre: int, window: int) -> np.ndarray:
    """`window` (odd) rows of (T, size) around row `centre`; beyond the ends the end rows repeat."""
    rows = np.arange(centre - window // 2, centre + window // 2 + 1)
    return coeffs[np.clip(rows, 0, len(coeffs) - 1)]


def part_boxes(landmarks: np.ndarray, size: int) -> Tensor:
    """Boxes of `PARTS` in whole pixels of a picture of side `size`: int64 (3, 4), x0, y0, x1, y1.

    landmarks: (478, 3) in crop units.
    """
    boxes = region_boxes(landmarks)
    corners = np.stack([boxes[part] for part in PARTS])
    return torch.from_numpy(np.clip(np.round(corners * size), 0, size).astype(np.int64))


def companions_of(clips: list[Clip]) -> dict[str, list[Clip]]:
    """For every clip's key the other clips of the same speaker and scene."""
    groups: dict[tuple[str, str | None], list[Clip]] = {}
    for clip in clips:
        groups.setdefault((str(clip.record.get("speaker")), clip.record.get("scene")), []).append(clip)
    return {
        clip.key: [other for other in group if other is not clip]
        for group in groups.values()
        for clip in group
    }


@dataclass(frozen=True)
class PairsDecoder:
    """Decodes (source, target) pairs of a frames shard, in training some of them across two clips.

    Within a clip the emotion hardly changes; a source from another clip of the same speaker and scene shows
    the generator how a face goes from one emotion to another. `companions` maps a clip's key to those clips,
    `cross` is the share of training pairs that use them, `widest` the share whose target is the frame with
    the widest mouth in the pair's clips: most frames have it shut, and its inside is learned from the others.
    `resolution` is the pictures' side, `window` (odd) the length of the driving window, `eval_pairs` the
    pairs of a clip in validation and test; `reframe` how far training pairs' crops are moved, `recolour` how
    far their colours are changed;
    with `following` training pairs also have the frame after the target (the target again at a clip's end);
    with `second` all pairs have a second frame of the source's clip, see `widest_mouth`.

    Pictures are uint8 (S, S, 3) as they were prepared; `move` (2, 3), `colours` (4,) and `boxes` (3, 4) say
    what `finish_frames.finished` has to make of them. Coefficients, landmarks and `face_box` are moved here.
    """

    layout: Layout
    resolution: int
    window: int
    eval_pairs: int
    cross: float
    widest: float
    companions: dict[str, list[Clip]]
    reframe: Reframe
    recolour: Recolour
    following: bool
    second: bool

    def __call__(self, clip: Clip, choices: np.random.Generator | None) -> list[Sample]:
        """One random pair of different frames where `choices` are given, else the first frame with
        `eval_pairs` later ones, evenly spread."""
        total = frames_of(clip)
        if choices is None:
            targets = [round((j + 1) * (total - 1) / self.eval_pairs) for j in range(self.eval_pairs)]
            return [self._pair(clip, 0, clip, [target], STILL, PLAIN) for target in targets]
        others = self.companions.get(clip.key, [])
        if others and choices.random() < self.cross:
            other = others[int(choices.integers(len(others)))]
            source, target = (int(choices.integers(frames_of(each))) for each in (other, clip))
        else:
            other = clip
            source, target = (int(i) for i in choices.choice(total, 2, replace=total < 2))
        if self.widest and choices.random() < self.widest:
            widest = {each.key: mouth_openings(read_landmarks(each)) for each in (clip, other)}
            if widest[other.key].max() > widest[clip.key].max():
                clip, target, other, source = other, source, clip, target
            target = int(widest[clip.key].argmax())
        targets = [target, min(target + 1, frames_of(clip) - 1)] if self.following else [target]
        move, colours = self.reframe.draw(choices), self.recolour.draw(choices)
        return [self._pair(other, source, clip, targets, move, colours)]

    def _coefficients(self, clip: Clip) -> np.ndarray:
        return read_array(clip, "coeffs.npy", (frames_of(clip), self.layout.size))

    def _pair(
        self,
        source_clip: Clip,
        source: int,
        clip: Clip,
        targets: list[int],
        move: Similarity,
        colours: Colours,
    ) -> Sample:
        def pixels(owner: Clip, frame: int) -> Tensor:
            return torch.from_numpy(decode_jpg(owner, f"{frame:04d}.jpg", self.resolution))

        coeffs = self._coefficients(clip)
        source_coeffs = coeffs if source_clip is clip else self._coefficients(source_clip)
        landmarks = move.landmarks(frame_landmarks(clip, targets[0]))
        own_landmarks = move.landmarks(frame_landmarks(source_clip, source))
        face = np.clip(box(landmarks) * self.resolution, 0, self.resolution)
        sample = facts(clip) | {
            "source": pixels(source_clip, source),
            "source_coeffs": torch.from_numpy(move.coefficients(source_coeffs[source : source + 1])[0]),
            "source_landmarks": torch.from_numpy(own_landmarks),
            "boxes": part_boxes(landmarks, self.resolution),
            "face_box": torch.from_numpy(face.astype(np.float32)),
        }
        if move is not STILL:
            sample["move"] = move.back
        if colours is not PLAIN:
            sample["colours"] = colours.numbers
        for name, target in zip(("", "following_"), targets, strict=False):
            driving = move.coefficients(driving_window(coeffs, target, self.window))
            sample[f"{name}target"] = pixels(clip, target)
            sample[f"{name}driving"] = torch.from_numpy(driving)
        if self.second:
            landmarks = read_landmarks(source_clip)
            other = widest_mouth(landmarks, source, targets if source_clip is clip else [])
            sample["second"] = pixels(source_clip, other)
            sample["second_coeffs"] = torch.from_numpy(move.coefficients(source_coeffs[[other]])[0])
            sample["second_landmarks"] = torch.from_numpy(move.landmarks(landmarks[other])).float()
        return sample


def widest_mouth(landmarks: np.ndarray, source: int, targets: list[int]) -> int:
    """The frame whose mouth is open widest, of landmarks (T, 478, 3), farther than `SECOND_AWAY` frames from
    the targets, which it must not give away; the source where no frame is."""
    frames = np.arange(len(landmarks))
    away = np.all([np.abs(frames - target) > SECOND_AWAY for target in targets], axis=0)
    allowed = frames[np.broadcast_to(away, frames.shape)]
    if not len(allowed):
        return source
    return int(allowed[mouth_openings(landmarks[allowed]).argmax()])


def mouth_openings(landmarks: np.ndarray) -> np.ndarray:
    """How far apart the lips are, (T,), of landmarks (T, 478, 3), in their unit."""
    upper, lower = MOUTH_OPENING
    return np.linalg.norm(landmarks[:, lower] - landmarks[:, upper], axis=-1)


def sync_crop(landmarks: np.ndarray, view: View = "face") -> Crop:
    """The square that SyncNet looks at: landmarks (T, 478, 3) of a clip, in any unit -> one Crop in that
    unit.

    `face`: with half side b of the face's box (median over the clip) 1.4 b to both sides, b up and 1.8 b
    down, as in syncnet_python's run_pipeline; one square per clip and repeated edges are our choice. `mouth`
    (our choice): around the middle of the lips' box, 0.72 b to every side, for crops of few pixels.
    """
    x0, y0, x1, y1 = np.median(box(landmarks), axis=0)
    half = max(x1 - x0, y1 - y0) / 2
    if view == "mouth":
        left, top, right, bottom = np.median(box(landmarks, LIPS), axis=0)
        return Crop(float(left + right) / 2, float(top + bottom) / 2, MOUTH_SHARE * float(half))
    return Crop(float(x0 + x1) / 2, float(y0 + y1) / 2 + 0.4 * half, 1.4 * half)


@dataclass(frozen=True)
class SyncDecoder:
    """Decodes windows of consecutive face crops and the sound that goes with them.

    `sounds` maps a clip's key to its clip in the signals shard. A window is `frames` crops (sync_crop) of
    side `resolution`, decoded from frames of `frame_size` pixels, and `samples` samples of sound from its
    first frame on. `windows` are taken from a clip, in training at random places, else evenly spread. `view`:
    see `sync_crop`.
    """

    sounds: dict[str, Clip]
    frame_size: int
    resolution: int
    frames: int
    samples: int
    windows: int
    view: View = "face"

    def __call__(self, clip: Clip, choices: np.random.Generator | None) -> list[Sample]:
        """`windows` samples; raises SampleError where the clip is shorter than a window."""
        total = frames_of(clip)
        last = min(total - self.frames, (total * SAMPLES_PER_FRAME - self.samples) // SAMPLES_PER_FRAME)
        if last < 0:
            raise SampleError(f"{clip.key} has {total} frames, fewer than a window needs")
        if clip.key not in self.sounds:
            raise SampleError(f"{clip.key} is in the frames shards but not in the signals shards")
        if choices is None:
            starts = [round(j * last / max(self.windows - 1, 1)) for j in range(self.windows)]
        else:
            drawn = choices.choice(last + 1, self.windows, replace=last + 1 < self.windows)
            starts = sorted(int(start) for start in drawn)
        landmarks = read_landmarks(clip)
        sound = read_sound(self.sounds[clip.key])
        crop = sync_crop(landmarks * self.frame_size, self.view)
        return [self._window(clip, crop, sound, start) for start in starts]

    def _window(self, clip: Clip, crop: Crop, sound: np.ndarray, start: int) -> Sample:
        pictures = [
            crop.cut(decode_jpg(clip, f"{i:04d}.jpg", self.frame_size), self.resolution)
            for i in range(start, start + self.frames)
        ]
        first = start * SAMPLES_PER_FRAME
        return facts(clip) | {
            "frames": torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(torch.float32),
            "samples": torch.from_numpy(sound[first : first + self.samples]),
            "start": torch.tensor(start),
        }


def read_sound(clip: Clip) -> np.ndarray:
    """The flac entry of a clip of a signals shard: float32 (T * 640,) in [-1, 1]; raises SampleError."""
    try:
        sound, _ = soundfile.read(io.BytesIO(clip.read("flac")), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise SampleError(f"{clip.key}: flac is damaged ({error})") from error
    if sound.shape != (frames_of(clip) * SAMPLES_PER_FRAME,):
        raise SampleError(f"{clip.key}: flac has {sound.shape} samples for {frames_of(clip)} frames")
    return sound
