"""The numbers of one clip: a generated video against its reference."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.evaluate.looks import Look, look_of, score_emotion, score_looks, score_rhythm
from lit_emotalk.evaluate.reads import Reader, Reads
from lit_emotalk.evaluate.scores import Scores
from lit_emotalk.face.regions import MOUTH_68, OUTER_EYE_CORNERS, POINTS_68, region_boxes
from lit_emotalk.face.tracker import Rest
from lit_emotalk.metrics.csim import csim
from lit_emotalk.metrics.lmd import STANDARD_SIZE, lmd
from lit_emotalk.metrics.lpips import lpips_distance
from lit_emotalk.metrics.psnr import decibels, squared_errors
from lit_emotalk.metrics.sharpness import relative_sharpness
from lit_emotalk.metrics.ssim import mean_ssim, ssim_maps
from lit_emotalk.metrics.temporal import flow_difference, warping_error

CHUNK = 16


@dataclass(frozen=True, eq=False)
class Reference:
    """A true clip: frames (T, H, W, 3) uint8, their reads, sound (N,) at 16 kHz or None, the identity (D,)
    of the source portrait (NaN where no face was found), the speaker's rest or None without any face, and
    what its landmarks say relative to it."""

    frames: np.ndarray
    reads: Reads
    samples: np.ndarray | None
    source: np.ndarray
    rest: Rest | None
    look: Look


def reference_of(
    frames: np.ndarray, samples: np.ndarray | None, source: np.ndarray | None, reader: Reader
) -> Reference:
    """Look at a true clip (T, H, W, 3) once; `source` (H, W, 3) is the portrait, the clip's first frame
    where None."""
    reads = reader.read(frames)
    portrait = reads.identity[0] if source is None else reader.read(source[None]).identity[0]
    rest = reader.rest(reads)
    look = look_of(reads, rest, frames.shape[1:3], samples, reader)
    return Reference(frames, reads, samples, portrait, rest, look)


def score(
    generated: np.ndarray,
    reference: Reference,
    reader: Reader,
    samples: np.ndarray | None,
    reads: Reads | None = None,
    emotion: str | None = None,
) -> Scores:
    """Every metric of a generated video (T, H, W, 3) uint8 of the reference's size.

    Frame t is compared with frame t; the longer video's last frames are left out. `samples` is the generated
    video's own sound (N,), the reference's where None. `reads` are its reads, where they are known. `emotion`
    is what was asked for.
    """
    total = min(len(generated), len(reference.frames))
    scores = Scores()
    scores.fail("frames_more_than_reference", max(len(generated) - len(reference.frames), 0))
    scores.fail("frames_fewer_than_reference", max(len(reference.frames) - len(generated), 0))
    own = (reads or reader.read(generated[:total])).head(total, reader.settings.stride)
    true = reference.reads.head(total, reader.settings.stride)
    scores.frames = {
        "used": total,
        "side": max(generated.shape[1:3]),
        "strided": len(own.identity),
        "with_faces": int((own.found & true.found).sum()),
    }
    scores.fail("no_face_in_generated", int((~own.found).sum()))
    scores.fail("no_face_in_reference", int((~true.found).sum()))
    made, real = generated[:total], reference.frames[:total]
    score_pictures(scores, made, real, true, reader)
    score_landmarks(scores, own, true, max(made.shape[1:3]))
    sound = reference.samples if samples is None else samples
    known = reads is reference.reads and samples is None
    size = generated.shape[1:3]
    look = reference.look if known else look_of(own, reference.rest, size, sound, reader)
    score_looks(scores, look.head(total), reference.look.head(total), reference.rest, reader)
    score_rhythm(scores, own, sound)
    score_emotion(scores, own, emotion, reader)
    if own.identity.shape[1] == len(reference.source):
        scores.put("csim", csim(torch.from_numpy(own.identity), torch.from_numpy(reference.source)))
    score_motion(scores, made, real, reader)
    score_sync(scores, made, own, sound, reader)
    return scores


def score_pictures(scores: Scores, made: np.ndarray, real: np.ndarray, true: Reads, reader: Reader) -> None:
    """PSNR and SSIM of picture and face box and the face's sharpness on every frame, LPIPS on every
    stride-th."""
    seen = torch.from_numpy(true.found)
    boxes = torch.from_numpy(region_boxes(np.nan_to_num(true.landmarks))["face"])
    values: dict[str, list[Tensor]] = {}
    for a, b, span in _chunks(made, real, reader.settings.device):
        box = boxes[span].to(a.device)
        for name, maps, mean in (("psnr", squared_errors, decibels), ("ssim", ssim_maps, mean_ssim)):
            found = maps(a, b)
            values.setdefault(name, []).append(mean(found).cpu())
            values.setdefault(f"{name}_face", []).append(mean(found, box).cpu().where(seen[span], torch.nan))
        sharp = relative_sharpness(a, b, box).cpu().where(seen[span], torch.nan)
        values.setdefault("sharp", []).append(sharp)
    for name, parts in values.items():
        scores.put(name, torch.cat(parts))
    if reader.lpips is not None:
        step = reader.settings.stride
        pairs = _chunks(made[::step], real[::step], reader.settings.device)
        scores.put("lpips", torch.cat([lpips_distance(reader.lpips, a, b) for a, b, _ in pairs]).cpu())


def score_landmarks(scores: Scores, own: Reads, true: Reads, side: int) -> None:
    """M-LMD and F-LMD in pixels of a picture whose larger side is 256, and in percent of the inter-ocular
    distance."""
    made, real = (torch.from_numpy(reads.landmarks[:, list(POINTS_68), :2]) for reads in (own, true))
    right, left = (true.landmarks[:, corner, :2] for corner in OUTER_EYE_CORNERS)
    eyes = np.linalg.norm(left - right, axis=-1)
    for name, part in (("m_lmd", MOUTH_68), ("f_lmd", slice(0, 68))):
        distance = lmd(made[:, part], real[:, part]).numpy()
        scores.put(name, distance * STANDARD_SIZE / side)
        scores.put(f"{name}_iod", 100 * distance / eyes)


def score_motion(scores: Scores, made: np.ndarray, real: np.ndarray, reader: Reader) -> None:
    """Warping error, tOF and tLPIPS of every stride-th pair of neighbouring frames."""
    pairs = np.arange(0, len(made) - 1, reader.settings.stride)
    if not len(pairs):
        return
    scores.put("warp", warping_error(made, pairs))
    scores.put("tof", flow_difference(made, real, pairs))
    if reader.lpips is not None:
        device = reader.settings.device
        own, true = (
            torch.cat(
                [lpips_distance(reader.lpips, *pair[:2]) for pair in _chunks(v[pairs], v[pairs + 1], device)]
            )
            for v in (made, real)
        )
        scores.put("tlpips", 1000 * (true - own).abs().cpu())


def score_sync(
    scores: Scores, made: np.ndarray, own: Reads, samples: np.ndarray | None, reader: Reader
) -> None:
    """SyncNet's confidence, distance and absolute offset."""
    if samples is None:
        scores.fail("no_sound", 1)
    elif (found := reader.sync(made, own, samples)) is not None:
        scores.put("sync", np.array([found.confidence]))
        scores.put("sync_distance", np.array([found.distance]))
        scores.put("sync_offset", np.array([abs(found.offset)]))
    elif reader.sync_network is not None:
        scores.fail("too_short_or_faceless_for_sync", 1)


def _chunks(made: np.ndarray, real: np.ndarray, device: str) -> Iterator[tuple[Tensor, Tensor, slice]]:
    for start in range(0, len(made), CHUNK):
        span = slice(start, start + CHUNK)
        a, b = (
            torch.from_numpy(np.ascontiguousarray(v[span])).to(device).permute(0, 3, 1, 2)
            for v in (made, real)
        )
        yield a, b, span
