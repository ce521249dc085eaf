"""One person of the faces: their bursts drawn, filmed and looked at; then read by the tracker."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.clips.apex import find_apex
from data_prep.clips.record import Clip, jpg_bytes
from data_prep.clips.source import Source, Truth, sound_record
from data_prep.clips.track import shared_tracker
from data_prep.synthetic.acting.bursts import Burst, draw_bursts
from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.heads.variety import draw_person
from data_prep.synthetic.scenes.camera import draw_camera, record
from data_prep.synthetic.scenes.variety import draw_varied_scene
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.crop import clip_crop
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.io.files import atomic_path
from lit_emotalk.schema import SAMPLES_PER_FRAME

CORPUS = "faces"
FIRST_SEED = 9_000_003
"""Seed of the people is this plus `--seed`: a corpus or a tracker's set of such a seed would share them."""
ROOM_NOISE = 3e-4
"""Deviation of the sound, that of a silent room: speech would say nothing in so few frames."""
COLUMNS = ("landmarks", "faces", "weights", "rotation", "translation")


@dataclass(frozen=True)
class Plan:
    """What is drawn of everybody: `bursts` bursts of `frames` frames of `size` pixels on a Warp `device`."""

    seed: int
    size: int
    bursts: int
    frames: int
    device: str


def name_of(index: int) -> str:
    """The name of person `index` (from 0)."""
    return f"F{index + 1:04d}"


def draw_person_file(plan: Plan, index: int, file: Path) -> None:
    """Draw and film person `index`, find the face in every picture, and keep it all in `file` (npz).

    Of the bursts whose faces were all found: `records` (json), `lengths` in frames; of all frames `landmarks`
    in crop units, what the tracker looks at (`faces`), the drawn `weights`, `rotation`, `translation`; `jpg`,
    `jpg_sizes`. Of the others the labels, `lost` (json).
    """
    from data_prep.synthetic.scenes.render import Renderer

    seed, name = FIRST_SEED + plan.seed, name_of(index)
    rng = np.random.default_rng([0xFACE5, seed, index])
    renderer = Renderer(draw_person(seed, index, name), draw_varied_scene(rng), plan.size, plan.device)
    camera = draw_camera(rng)
    bursts = draw_bursts(plan.bursts, plan.frames, draw_manner(seed, index), rng)
    columns: dict[str, list[np.ndarray]] = {column: [] for column in COLUMNS}
    records, lost, pictures = [], [], []
    with Landmarker(max_faces=1, scores=False) as landmarker:
        for number, burst in enumerate(bursts):
            poses = zip(burst.weights, burst.rotation, burst.translation, strict=True)
            filmed = record([renderer.frame(*pose) for pose in poses], camera, rng)
            found = [landmarker.detect(picture) for picture in filmed]
            if not all(found):
                lost.append(burst.label)
                continue
            landmarks = np.stack([faces[0].landmarks for faces in found])
            crop = clip_crop(landmarks, filmed[0].shape[:2])
            values = (crop.normalise(landmarks), shared_tracker().faces(filmed, landmarks))
            truth = (burst.weights, burst.rotation, burst.translation)
            for column, value in zip(columns.values(), (*values, *truth), strict=True):
                column.append(value)
            pictures += [jpg_bytes(crop.cut(picture, plan.size)) for picture in filmed]
            place = [round(crop.x, 2), round(crop.y, 2), round(crop.half, 2)]
            records.append(_record(name, number, burst, plan.size) | {"crop": place})
    with atomic_path(file) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            records=np.frombuffer(json.dumps(records).encode(), np.uint8),
            lost=np.frombuffer(json.dumps(lost).encode(), np.uint8),
            lengths=np.array([entry["frames"] for entry in records], int),
            jpg=np.frombuffer(b"".join(pictures), np.uint8),
            jpg_sizes=np.array([len(jpg) for jpg in pictures], int),
            **{column: np.concatenate(parts) for column, parts in columns.items() if parts},
        )


def _record(name: str, number: int, burst: Burst, size: int) -> dict:
    key = f"{name}_{burst.label}_{number + 1:03d}"
    source = Source(key, CORPUS, name, burst.emotion, burst.level, relative=key, video=None)
    return sound_record(source, Truth(), len(burst.weights)) | {"layout": ARKIT.name, "frame_size": size}


def read_person_file(drawn: Path, file: Path) -> None:
    """Read a drawn person as the preparation reads a speaker, into `file` (npz): the rest from all of their
    frames, `coeffs` (N, 57) with it, `single` (N, 51) without, and each burst's `key_frames`."""
    tracker = shared_tracker()
    with np.load(drawn) as kept:
        records = json.loads(kept["records"].tobytes())
        landmarks, faces, lengths = kept["landmarks"], kept["faces"], kept["lengths"]
    look = tracker.eye.codes(faces)
    rest = tracker.rest(landmarks, faces, lasting=np.inf)
    expression = tracker.expression(landmarks, rest, look=look)
    parts = np.split(expression, np.cumsum(lengths)[:-1])
    apexes = [
        find_apex(part, np.zeros(len(part), bool), entry["emotion"])
        for part, entry in zip(parts, records, strict=True)
    ]
    with atomic_path(file) as temporary:
        np.savez(
            temporary,
            coeffs=np.concatenate([expression, tracker.pose(landmarks)], 1),
            single=tracker.expression(landmarks, look=look),
            key_frames=np.array(apexes, int),
        )


def make_person(plan: Plan, index: int, drawn: Path, read: Path) -> tuple[int, list[dict], list[str]]:
    """Do what is missing of person `index`; their index, the records of their bursts, the labels of those in
    which the face was not found in every picture.

    There are no records where the resting face was not found: nothing can be read without it.
    """
    if not drawn.is_file():
        draw_person_file(plan, index, drawn)
    with np.load(drawn) as kept:
        records, lost = (json.loads(kept[column].tobytes()) for column in ("records", "lost"))
    if not records or records[0]["emotion"] != "neutral":
        return index, [], lost
    if not read.is_file():
        read_person_file(drawn, read)
    return index, records, lost


def load_burst(drawn: Path, read: Path, number: int) -> Clip:
    """Burst `number` of those that are kept of a person, as it is packed."""
    with np.load(drawn) as kept, np.load(read) as readings:
        lengths = kept["lengths"]
        end = int(lengths[: number + 1].sum())
        part = slice(end - int(lengths[number]), end)
        entry = json.loads(kept["records"].tobytes())[number]
        entry["key_frame"] = int(readings["key_frames"][number])
        ends = np.cumsum(kept["jpg_sizes"])
        starts = ends - kept["jpg_sizes"]
        data = kept["jpg"].tobytes()
        jpgs = [data[a:b] for a, b in zip(starts[part], ends[part], strict=True)]
        samples = np.random.default_rng([number, *entry["key"].encode()]).normal(
            0, ROOM_NOISE, entry["frames"] * SAMPLES_PER_FRAME
        )
        coeffs, single = readings["coeffs"][part], readings["single"][part]
        return Clip(entry, samples, coeffs, single, kept["landmarks"][part], jpgs)
