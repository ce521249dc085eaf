"""Making a planned corpus: clips in parallel, each whole or absent, so that it can be stopped and resumed."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError

from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.acting.performance import Performance, perform
from data_prep.synthetic.corpus import ClipPlan, CorpusPlan, Parameters, clip_generator, scene_generator
from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.scenes.fingerprint import content_fingerprint
from data_prep.synthetic.scenes.scene import draw_scene
from data_prep.synthetic.speech.recording import Recording, mild_recording
from data_prep.synthetic.speech.visemes import closure_track, viseme_track
from data_prep.synthetic.speech.voice import draw_voice
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path, sha256_file, write_text
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import write_video
from lit_emotalk.schema import FPS

if TYPE_CHECKING:
    from data_prep.synthetic.scenes.render import Renderer

CORPUS_FILE, SPLITS_FILE = "corpus.json", "splits.json"
SUFFIXES = (".mp4", ".npz", ".json")
CLIPS_PER_TASK = 8


def make_corpus(plan: CorpusPlan, root: Path, workers: int, device: str) -> None:
    """Make what is missing of a corpus in `root` with `workers` processes, then write the list of its files.

    Raises UserError where `root` holds something else, cannot be written or the disk is full.
    """
    listed = _open_corpus(plan, root)
    due = [clip for clip in plan.clips if not _is_whole(root, clip, listed)]
    if not due and listed:
        print(f"{root}: the corpus of {len(plan.clips)} clips is complete, nothing to do", file=sys.stderr)
        return
    if len(due) < len(plan.clips):
        print(
            f"{root}: {len(plan.clips) - len(due)} of {len(plan.clips)} clips are there already",
            file=sys.stderr,
        )
    if due:
        _make_clips_in_parallel(plan.parameters, due, root, workers, device)
    _close_corpus(plan, root)


def _open_corpus(plan: CorpusPlan, root: Path) -> dict[str, str]:
    """Claim `root` for this corpus, or check that it is already; returns the checksums of a finished one."""
    path = root / CORPUS_FILE
    if path.is_file():
        files, code = _read_corpus(path, plan.parameters.to_json())
        for stale in root.rglob(".*.tmp.*"):
            stale.unlink(missing_ok=True)
        if code == content_fingerprint():
            return files
        print(f"{root}: the code that makes clips has changed, all are made again", file=sys.stderr)
        for clip in plan.clips:
            (root / clip.path).with_suffix(".json").unlink(missing_ok=True)
    else:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {root}: {error.strerror}; choose another --output") from error
        if any(root.iterdir()):
            raise UserError(f"{root} is not empty and holds no corpus; give a new folder")
    _write_corpus(plan, root, {})
    return {}


def _read_corpus(path: Path, parameters: dict[str, Any]) -> tuple[dict[str, str], str]:
    """The checksums of a corpus file and the fingerprint of its code.

    Raises UserError where it is another corpus' or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        there, files, code = found["parameters"], found["files"], found["code"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}); delete the folder or use another one") from error
    if there != parameters:
        other = ", ".join(f"{k} {there.get(k)} not {v}" for k, v in parameters.items() if there.get(k) != v)
        raise UserError(f"{path.parent} holds another corpus ({other}); use another folder or delete it")
    return files, code


def _write_corpus(plan: CorpusPlan, root: Path, files: dict[str, str]) -> None:
    content = {
        "corpus": "synthetic",
        "parameters": plan.parameters.to_json(),
        "code": content_fingerprint(),
        "clips": len(plan.clips),
        "files": files,
    }
    write_text(root / CORPUS_FILE, json.dumps(content, indent=1) + "\n")


def _close_corpus(plan: CorpusPlan, root: Path) -> None:
    write_text(root / SPLITS_FILE, json.dumps(plan.splits, indent=1) + "\n")
    names = [str(Path(clip.path).with_suffix(suffix)) for clip in plan.clips for suffix in SUFFIXES]
    _write_corpus(plan, root, {name: sha256_file(root / name) for name in sorted([SPLITS_FILE, *names])})


def _is_whole(root: Path, clip: ClipPlan, listed: dict[str, str]) -> bool:
    """Whether a clip's three files are there, with their checksums where they are listed. The json is written
    last."""
    for suffix in SUFFIXES:
        name = str(Path(clip.path).with_suffix(suffix))
        if not (root / name).is_file() or (name in listed and sha256_file(root / name) != listed[name]):
            return False
    return True


def _make_clips_in_parallel(
    parameters: Parameters, due: list[ClipPlan], root: Path, workers: int, device: str
) -> None:
    start = time.monotonic()
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        lengths = joblib.Parallel(n_jobs=workers)(
            joblib.delayed(_length)(parameters.seed, clip) for clip in due
        )
        made = _frames_made(parameters, due, root, workers, device)
        frames = sum(1 for _ in track(made, "corpus", sum(lengths), "frames"))
    rate = frames / (time.monotonic() - start)
    print(f"made {len(due)} clips, {frames} frames, {rate:.1f} frames/s", file=sys.stderr, flush=True)


def _frames_made(
    parameters: Parameters, clips: list[ClipPlan], root: Path, workers: int, device: str
) -> Iterator[None]:
    """Make clips in worker processes; yields once for each frame."""
    tasks: list[list[ClipPlan]] = []
    for clip in clips:
        last = tasks[-1][-1] if tasks else None
        if (
            last is None
            or (last.index, last.scene) != (clip.index, clip.scene)
            or len(tasks[-1]) >= CLIPS_PER_TASK
        ):
            tasks.append([])
        tasks[-1].append(clip)
    try:
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
        for frames in parallel(joblib.delayed(make_clips)(parameters, task, root, device) for task in tasks):
            yield from (None for _ in range(frames))
    except TerminatedWorkerError as error:
        raise UserError(
            "a worker process was killed, probably for lack of memory; try --workers 1"
        ) from error


def _length(seed: int, clip: ClipPlan) -> int:
    return len(act(seed, clip).weights)


def make_clips(parameters: Parameters, clips: list[ClipPlan], root: Path, device: str) -> int:
    """Make clips of one speaker in one scene below `root`; returns how many frames."""
    from data_prep.synthetic.scenes.render import Renderer

    first = clips[0]
    identity = draw_identity(parameters.seed, first.index)
    scene = draw_scene(scene_generator(parameters.seed, first))
    renderer = Renderer(identity, scene, size=parameters.size, device=device)
    frames = 0
    for clip in clips:
        acted = act(parameters.seed, clip)
        target = root / clip.path
        landmarks: list[np.ndarray] = []
        write_video(target, film(renderer, acted, landmarks), fps=FPS, audio=acted.samples)
        arrays = truth_arrays(acted) | {"landmarks": np.stack(landmarks)}
        with atomic_path(target.with_suffix(".npz")) as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)
        record = clip_record(parameters.seed, clip, acted)
        record |= {"size": parameters.size, "identity": identity.to_json(), "scene": scene.to_json()}
        write_text(target.with_suffix(".json"), json.dumps(record) + "\n")
        frames += len(acted.weights)
    return frames


def film(renderer: "Renderer", acted: Performance, landmarks: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The pictures of a performance; each one's true landmarks (68, 2) in pixels are added to `landmarks`."""
    from data_prep.synthetic.heads.landmarks import true_landmarks

    for pose in zip(acted.weights, acted.rotation, acted.translation, strict=True):
        yield renderer.frame(*pose)
        landmarks.append(true_landmarks(renderer.screen()))


def act(
    seed: int,
    clip: ClipPlan,
    draw_recording: Callable[[np.random.Generator], Recording] = mild_recording,
) -> Performance:
    """The performance of a planned clip."""
    woman = draw_identity(seed, clip.index).woman
    voice, manner = draw_voice(seed, clip.index, man=not woman), draw_manner(seed, clip.index)
    generator = clip_generator(seed, clip)
    return perform(clip.text, clip.emotion, clip.level, voice, manner, generator, draw_recording)


def truth_arrays(acted: Performance) -> dict[str, np.ndarray]:
    """The arrays of a sidecar, less what belongs to the picture.

    weights (T, 51), rotation (T, 3), translation (T, 2), closed (T,) bool: lips closed.
    """
    times = (np.arange(len(acted.weights)) + 0.5) / FPS
    return {
        "weights": acted.weights,
        "rotation": acted.rotation,
        "translation": acted.translation,
        "closed": closure_track(acted.phonemes, times) >= 1.0,
    }


def clip_record(seed: int, clip: ClipPlan, acted: Performance) -> dict[str, Any]:
    """The json of a sidecar, less what belongs to the picture."""
    return {
        "speaker": clip.speaker,
        "split": clip.split,
        "emotion": clip.emotion,
        "level": clip.level,
        "take": clip.take,
        "text": clip.text,
        "seed": seed,
        "frames": len(acted.weights),
        "fps": FPS,
        "phonemes": acted.phoneme_rows,
        "visemes": [[name, round(a, 4), round(b, 4)] for name, a, b in viseme_track(acted.phonemes)],
        "voice": asdict(draw_voice(seed, clip.index, man=not draw_identity(seed, clip.index).woman)),
        "manner": asdict(draw_manner(seed, clip.index)),
        "recording": acted.recording.to_json(),
    }
