"""The tracker's training set: rendered heads with independently drawn units, seen through MediaPipe.

Each head is one npz file of `landmarks` (F, 478, 3) px, `weights` (F, 51), `rotation` (F, 3), `scores` (F,
51) (MediaPipe's raw ones), `neutral` (F,) bool, `independent` (F,) bool: units drawn one by one, unlike
the acted frames, which teach what usually goes together; `jpg`, the pictures one after the other, and
`jpg_sizes` (F,). Frames in which no face is found are left out.
"""

import hashlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from data_prep.clips.record import jpg_bytes
from data_prep.synthetic.acting.manner import Manner, draw_manner
from data_prep.synthetic.acting.random_faces import MAX_ANGLES, draw_acted, draw_units
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import track
from lit_emotalk.io.sources import Sources, code_digest

DRAWING = (
    "data_prep.synthetic.heads.identity", "data_prep.synthetic.scenes.scene",
    "data_prep.synthetic.scenes.render", "data_prep.synthetic.acting.random_faces",
)  # fmt: skip
"""Modules that decide, with all that they import there, what a rendered head looks like and does."""
IDENTITY_SEED_OFFSET = 7_000_000
"""Added to the seed, so that no head of the tracker's set is a speaker of a corpus made with a usual seed."""
ACTED_SHARE = 0.4
"""How many frames show an emotion's face and a sound's mouth: what usually goes together, and how weak it
usually is."""
NEUTRAL_FRAMES = 5
SIZE = 256


@dataclass(frozen=True)
class SetPlan:
    """What to render: `heads` heads of `frames_per_head` frames, a function of `seed`."""

    heads: int
    frames_per_head: int
    seed: int

    def folder(self, root: Path) -> Path:
        """Where the set is kept: the name carries the seed and a digest of the code that draws the heads."""
        found = Sources().digests(DRAWING, within="data_prep.synthetic")
        text = json.dumps(found) + code_digest(sys.modules[__name__])
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return root / f"heads-{self.frames_per_head}x-seed{self.seed}-{digest}"


def make_set(plan: SetPlan, root: Path, workers: int) -> list[Path]:
    """Render what is missing of the set with `workers` processes; the heads' files in order."""
    folder = plan.folder(root)
    files = [folder / f"{index:04d}.npz" for index in range(plan.heads)]
    missing = [index for index, file in enumerate(files) if not file.exists()]
    if missing:
        jobs = (delayed(_make_head)(plan, index, files[index]) for index in missing)
        done = Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)
        for _ in track(done, "tracker heads", len(missing), "heads"):
            pass
    return files


def _make_head(plan: SetPlan, index: int, file: Path) -> None:
    import torch

    from data_prep.synthetic.heads.identity import draw_identity
    from data_prep.synthetic.scenes.render import Renderer
    from data_prep.synthetic.scenes.scene import draw_scene

    torch.set_num_threads(1)
    rng = np.random.default_rng([plan.seed, index])
    identity = draw_identity(plan.seed + IDENTITY_SEED_OFFSET, index)
    renderer = Renderer(identity, draw_scene(rng), size=SIZE)
    manner = draw_manner(plan.seed + IDENTITY_SEED_OFFSET, index)
    names = ("landmarks", "weights", "rotation", "scores", "neutral", "independent")
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    pictures: list[bytes] = []
    with Landmarker(max_faces=1) as landmarker:
        for frame in range(plan.frames_per_head):
            neutral = frame < NEUTRAL_FRAMES
            acted = not neutral and rng.random() < ACTED_SHARE
            weights = _draw_frame(neutral, acted, manner, rng)
            rotation = (rng.triangular(-1, 0, 1, 3) * MAX_ANGLES).astype(np.float32)
            translation = rng.normal(0, 0.04, 2).astype(np.float32)
            picture = degrade(renderer.frame(weights, rotation, translation), rng)
            faces = landmarker.detect(picture)
            if faces:
                independent = not neutral and not acted
                face_columns = (faces[0].landmarks, weights, rotation, faces[0].scores)
                row = (*face_columns, np.array(neutral), np.array(independent))
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
                pictures.append(jpg_bytes(picture))
    with atomic_path(file) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            jpg=np.frombuffer(b"".join(pictures), np.uint8),
            jpg_sizes=np.array([len(jpg) for jpg in pictures]),
            **{name: np.array(column) for name, column in columns.items()},
        )


def _draw_frame(neutral: bool, acted: bool, manner: Manner, rng: np.random.Generator) -> np.ndarray:
    if neutral:
        return np.zeros(ARKIT.expression_size, np.float32)
    return draw_acted(manner, rng) if acted else draw_units(rng)


def degrade(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture as a corpus or a generator at a lower resolution would give it: sometimes half its size,
    sometimes JPEG."""
    image = Image.fromarray(picture)
    if rng.random() < 0.4:
        low = int(rng.integers(112, SIZE))
        image = image.resize((low, low), Image.Resampling.BICUBIC).resize(
            (SIZE, SIZE), Image.Resampling.BICUBIC
        )
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(40, 90)))
        image = Image.open(buffer)
    return np.asarray(image)


def load_set(files: list[Path]) -> list[dict[str, np.ndarray]]:
    """The heads' arrays, in order; heads with fewer than two neutral and ten other frames are left out."""
    heads = []
    for file in files:
        with np.load(file) as stored:
            head = {name: stored[name] for name in stored.files}
        if head["neutral"].sum() >= 2 and (~head["neutral"]).sum() >= 10:
            heads.append(head)
    return heads
