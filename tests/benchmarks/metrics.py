"""How fast every metric is, and the whole evaluation beside the reference programs run one after another.

Clips of shards are written as mp4 with their sound, beside blurred copies as the generated videos. The suite
scores the folders as `lit-emotalk evaluate --stride 1` does: each video decoded once, each face looked for
once. The reference programs do what the public ones do, each by itself: decode both videos, look for the
faces where it needs them, and compute its metric by scikit-image, the lpips package, pytorch-fid, OpenCV, or
SyncNet window by window. Loading packages and networks is not counted, on either side. Where weights are
absent the networks are random, which is as fast. Compare only within one run. Run it with
python -m tests.benchmarks.metrics --shards outputs/demo/shards [--device cuda]
or with --true FOLDER for the first videos of a folder; --parts leaves the reference programs out.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lit_emotalk.errors import run_main
from lit_emotalk.evaluate.folders import VideoPair, folder_pairs, load_pair
from lit_emotalk.evaluate.looks import look_of, score_looks, score_rhythm
from lit_emotalk.evaluate.reads import Reader, Reads, filled, reference_crops
from lit_emotalk.evaluate.scores import Scores
from lit_emotalk.evaluate.scoring import (
    reference_of,
    score,
    score_landmarks,
    score_motion,
    score_pictures,
)
from lit_emotalk.evaluate.settings import Settings
from lit_emotalk.evaluate.shards import load_clip, shard_clips
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.regions import box
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.folders import VIDEO_SUFFIXES
from lit_emotalk.io.video import read_frames, write_video
from lit_emotalk.metrics.fid import frechet_of_features, inception_features
from lit_emotalk.metrics.sync import sync_score
from lit_emotalk.metrics.temporal import FARNEBACK, warping_error
from lit_emotalk.metrics.theval_score import clip_measures
from lit_emotalk.models.syncnet import WINDOW_FRAMES, SyncNet
from lit_emotalk.schema import FPS

SYNC_BATCH = 20
BLUR = (5, 5)
ADDED = "of 2026: "
"""The metrics that the field took up lately, whose share of the time is printed."""


def write_folders(shards: Path, split: str, limit: int, place: Path) -> None:
    """Clips as place/true/KEY.mp4, blurred as place/made/KEY.mp4."""
    for clip in shard_clips(shards, split, limit):
        loaded = load_clip(clip)
        for name, frames in (
            ("true", loaded.frames),
            ("made", [cv2.GaussianBlur(f, BLUR, 0) for f in loaded.frames]),
        ):
            write_video(place / name / f"{clip.key}.mp4", list(frames), audio=loaded.samples)


def write_copies(folder: Path, limit: int, place: Path) -> None:
    """The first videos of a folder, cut to the face, as `write_folders` writes clips."""
    videos = sorted(path for path in folder.rglob("*") if path.suffix in VIDEO_SUFFIXES)[:limit]
    for video in videos:
        loaded = load_pair(VideoPair(video.stem, video, video, None), resize=False)
        soft = [cv2.GaussianBlur(frame, BLUR, 0) for frame in loaded.reference]
        for name, frames in (("true", list(loaded.reference)), ("made", soft)):
            write_video(place / name / f"{video.stem}.mp4", frames, audio=loaded.reference_sound)


def make_reader(device: str) -> Reader:
    """The evaluation's tools with every network: random ones where weights are absent."""
    import lpips
    from torchvision.models import inception_v3

    reader = Reader(Settings(stride=1, device=device))
    reader.sync_network = SyncNet().eval().to(device)
    if reader.lpips is None:
        reader.lpips = (
            lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval().requires_grad_(False).to(device)
        )
    if reader.inception is None:
        plain = inception_v3(weights=None, init_weights=False, aux_logits=True).eval()
        plain.fc, plain.AuxLogits = torch.nn.Identity(), None
        reader.inception = _AsPytorchFid(plain).to(device)
    return reader


class _AsPytorchFid(torch.nn.Module):
    """Torchvision's Inception behind pytorch-fid's resizing and form of answer: the same layers."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        resized = torch.nn.functional.interpolate(pictures, (299, 299), mode="bilinear", align_corners=False)
        return [self.network(2 * resized - 1)[:, :, None, None]]


def both(pair: VideoPair) -> tuple[np.ndarray, np.ndarray]:
    """Generated and true frames (T, H, W, 3) uint8 of a pair, decoded."""
    return np.stack(list(read_frames(pair.generated))), np.stack(list(read_frames(pair.reference)))


def faces(frames: np.ndarray) -> np.ndarray:
    """Landmarks (T, 478, 3) of every frame, NaN where there is no face."""
    with Landmarker(video=True, max_faces=1) as landmarker:
        found = [landmarker.track(frame, 1000 * t // FPS) for t, frame in enumerate(frames)]
    return np.stack([f[0].landmarks if f else np.full((478, 3), np.nan, np.float32) for f in found])


def reference_programs(reader: Reader) -> dict[str, Callable[[VideoPair], Any]]:
    """What computes each metric of one pair by itself, by name."""
    tracker, network, device = reader.tracker, reader.sync_network, reader.settings.device
    assert network is not None and reader.lpips is not None and reader.inception is not None

    def tensor(frames: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float()

    def psnr(pair: VideoPair) -> float:
        return float(
            np.mean([peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(*both(pair), strict=True)])
        )

    def ssim(pair: VideoPair) -> float:
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
        pairs = zip(*both(pair), strict=True)
        return float(np.mean([structural_similarity(a, b, channel_axis=-1, **options) for a, b in pairs]))

    def lmd(pair: VideoPair) -> Scores:
        own, true = (Reads(faces(frames), np.empty(0), np.empty(0)) for frames in both(pair))
        score_landmarks(scores := Scores(), own, true, 128)
        return scores

    def efd(pair: VideoPair) -> list[np.ndarray]:
        marks = [(frames, faces(frames)) for frames in both(pair)]
        looks = [tracker.faces(frames, points) for frames, points in marks]
        rest = tracker.rest(marks[1][1], looks[1])
        return [
            tracker.expression(points, rest, look) for (_, points), look in zip(marks, looks, strict=True)
        ]

    def csim(pair: VideoPair) -> np.ndarray:
        frames = both(pair)[0]
        return reader.identity.embed(frames, faces(frames))

    def sync(pair: VideoPair) -> Any:
        frames = np.stack(list(read_frames(pair.generated)))
        crops = torch.from_numpy(reference_crops(frames, box(filled(faces(frames))), 224)).permute(0, 3, 1, 2)
        windows = crops.unfold(0, WINDOW_FRAMES, 1).permute(0, 4, 1, 2, 3)[: len(frames) - WINDOW_FRAMES]
        video = torch.cat(
            [network.video_features(part.float().to(device))[:, 0] for part in windows.split(SYNC_BATCH)]
        )
        sound = network.sound_features(torch.from_numpy(load_audio(pair.generated))[None].to(device))[0]
        return sync_score(video, sound[: len(video)])

    def lpips(pair: VideoPair) -> list[float]:
        made, true = (tensor(frames) / 127.5 - 1 for frames in both(pair))
        return [float(reader.lpips(a[None], b[None])) for a, b in zip(made, true, strict=True)]

    def tlpips(pair: VideoPair) -> list[float]:
        videos = [tensor(frames) / 127.5 - 1 for frames in both(pair)]
        return [
            float(reader.lpips(v[t : t + 1], v[t + 1 : t + 2])) for v in videos for t in range(len(v) - 1)
        ]

    def fid(pair: VideoPair) -> torch.Tensor:
        made, true = (
            torch.cat([inception_features(reader.inception, part) for part in tensor(frames).split(16)])
            for frames in both(pair)
        )
        return frechet_of_features(made[:, :256].cpu(), true[:, :256].cpu())

    def tof(pair: VideoPair) -> float:
        flows = []
        for frames in both(pair):
            greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
            flows.append([cv2.calcOpticalFlowFarneback(a, b, None, *FARNEBACK) for a, b in pairwise(greys)])
        return float(np.mean([np.linalg.norm(a - b, axis=-1) for a, b in zip(*flows, strict=True)]))

    def warp(pair: VideoPair) -> np.ndarray:
        return warping_error(both(pair)[0])

    programs = (psnr, ssim, lmd, efd, csim, sync, lpips, tlpips, fid, tof, warp)
    return {program.__name__: program for program in programs}


def our_parts(reader: Reader, pair: VideoPair) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """Name, frames looked at and work of each part of the suite on one pair."""
    loaded = load_pair(pair, resize=False)
    made, true = loaded.generated, loaded.reference
    own, reads = reader.read(made), reader.read(true)
    rest, count = reader.rest(reads), len(true)
    sound = loaded.generated_sound
    assert rest is not None and sound is not None
    yield "decoding both videos and sounds", 2 * count, lambda: load_pair(pair, resize=False)
    yield "landmarks, face pictures, identity", count, lambda: reader.read(made)
    yield "M-LMD, F-LMD", count, lambda: score_landmarks(Scores(), own, reads, 128)
    yield "EFD (expression)", count, lambda: reader.expression(own, rest)
    yield (
        "PSNR, SSIM, face variants, LPIPS",
        count,
        lambda: score_pictures(Scores(), made, true, reads, reader),
    )
    yield "E-warp, tOF, tLPIPS", count, lambda: score_motion(Scores(), made, true, reader)
    yield "Sync (224 pixels, full width)", count, lambda: reader.sync(made, own, sound)
    yield "Inception's features (FID)", count, lambda: reader.inception_features(made)
    shown, marks, looks = made[own.found], own.landmarks[own.found], own.faces[own.found]
    yield f"{ADDED}EmoAcc", count, lambda: reader.emotions.read(shown, marks, looks)
    face, size = reader.tracker.face, made.shape[1:3]
    tensor = torch.from_numpy(own.landmarks)
    yield f"{ADDED}THEval's five", count, lambda: clip_measures(tensor, size, sound, face)
    yield f"{ADDED}BAS, SLCC", count, lambda: score_rhythm(Scores(), own, sound)
    both_looks = [look_of(r, rest, size, sound, reader) for r in (own, reads)]
    yield (
        f"{ADDED}LVE, FDD, MHD, points and pose",
        count,
        lambda: (
            reader.tracker.align(marks),
            reader.tracker.pose(marks / max(size)),
            score_looks(Scores(), *both_looks, rest, reader),
        ),
    )


def print_parts(reader: Reader, pair: VideoPair) -> None:
    """Every part's speed, and the share of the whole that `ADDED` ones take."""
    print("| part of the suite | frames/s | frames per CPU second |\n| --- | ---: | ---: |")
    spent = {}
    for name, frames, work in our_parts(reader, pair):
        work()
        wall, cpu = spent[name] = clocked(work)
        print(f"| {name} | {frames / wall:.0f} | {frames / max(cpu, 1e-6):.0f} |", flush=True)
    added, total = (
        np.array([times for name, times in spent.items() if name.startswith(start)]).sum(0)
        for start in (ADDED, "")
    )
    share = added / total
    print(f"{ADDED}{share[0]:.1%} of the time of all parts, {share[1]:.1%} of the CPU time")


def whole(reader: Reader, pair: VideoPair) -> Scores:
    """The suite on one pair, but for Inception's features."""
    loaded = load_pair(pair, resize=False)
    reference = reference_of(loaded.reference, loaded.reference_sound, loaded.source, reader)
    return score(loaded.generated, reference, reader, loaded.generated_sound)


def inception(reader: Reader, pair: VideoPair) -> None:
    """The suite's Inception features of one pair: nearly all of FID's time, on either side."""
    for frames in both(pair):
        reader.inception_features(frames)


def clocked(call: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


@torch.inference_mode()
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.metrics", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--shards", type=Path, default=Path("outputs/demo/shards"))
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--limit", type=int, default=4, help="number of clips")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--true", type=Path, help="folder of true videos in place of shards")
    parser.add_argument("--parts", action="store_true", help="only the suite's parts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if args.true:
            write_copies(args.true, args.limit, place)
        else:
            write_folders(args.shards, args.split, args.limit, place)
        pairs, _ = folder_pairs(place / "made", place / "true", None)
        reader = make_reader(args.device)
        whole(reader, pairs[0])
        print_parts(reader, pairs[0])
        if args.parts:
            return
        print("\n| program | seconds | CPU seconds |\n| --- | ---: | ---: |")
        programs = reference_programs(reader) | {
            "suite": partial(whole, reader),
            "suite's FID": partial(inception, reader),
        }
        spent = {}
        for name, program in programs.items():
            spent[name] = np.array([clocked(partial(program, pair)) for pair in pairs]).sum(0)
            print(f"| {name} | {spent[name][0]:.2f} | {spent[name][1]:.2f} |", flush=True)
        ours, our_fid, their_fid = spent.pop("suite"), spent.pop("suite's FID"), spent["fid"]
        theirs = sum(spent.values())
        for what, ratio in (
            ("all", theirs / (ours + our_fid)),
            ("all but FID", (theirs - their_fid) / ours),
        ):
            print(
                f"{what}: the suite is {ratio[0]:.2f} times faster by the clock, {ratio[1]:.2f} in CPU time"
            )


if __name__ == "__main__":
    run_main(main, "metrics")
