"""The demo's showcase: one held-out portrait says one held-out sentence with every emotion, given as words.

`python -m lit_emotalk.evaluate.showcase --models DIR --shards DIR --corpus DIR --output DIR` writes
`portrait.png`, `speech.wav`, `contact_sheet.png` and `control.json`: how the generated faces answer to the
text, read by our tracker and by MediaPipe's raw scores.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data.index import index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.evaluate.figures.command import contact_sheet
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.talking_face import Emotion, Portrait, TalkingFace, coefficients_of
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import atomic_path, write_text
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import read_frames
from lit_emotalk.schema import FPS, SAMPLE_RATE
from lit_emotalk.weights.starter import HELP

PROMPTS: dict[str, str] = {
    "neutral": "a person with a neutral expression",
    "happy": "a happy person",
    "sad": "a sad person",
    "angry": "an angry person",
    "fear": "a frightened person",
    "disgusted": "a disgusted person",
    "surprised": "a surprised person",
    "contempt": "a contemptuous person",
}
UNITS: tuple[str, ...] = (
    "mouthSmile", "mouthFrown", "browDown", "browInnerUp", "browOuterUp", "eyeWide", "noseSneer", "jawOpen",
)  # fmt: skip
SHEET_COLUMNS, SHEET_SIDE = 8, 160
CLOSE_UP = 1.25
"""Side of the sheet's pictures, in heights of the face's mesh."""


def pick_clips(shards: Path, split: str = "test") -> tuple[dict, dict]:
    """Records of two clips of `split` by different speakers: the portrait's, and a long one for the speech.

    Neutral clips are preferred, so that the emotion comes from the prompt alone.
    """
    records = [clip.record for clip in index_split(read_manifest(shards), "signals", split)]
    if not records:
        raise UserError(
            f"{shards} has no clips in the split '{split}'; prepare a corpus with held-out speakers"
        )
    ranked = sorted(records, key=lambda record: (record["emotion"] != "neutral", record["key"]))
    portrait = ranked[0]
    others = [record for record in records if record["speaker"] != portrait["speaker"]] or ranked
    speech = min(
        others, key=lambda record: (record["emotion"] != "neutral", -record["frames"], record["key"])
    )
    return portrait, speech


@dataclass(frozen=True, eq=False)
class Measured:
    """N frames with a face: landmarks (N, 478, 3) px, faces (N, 96, 96) that the tracker looks at, raw scores
    (N, 51); and how many frames had none."""

    landmarks: np.ndarray
    faces: np.ndarray
    scores: np.ndarray
    lost: int


def measure(frames: list[np.ndarray], landmarker: Landmarker, tracker: Tracker) -> Measured:
    """Find the face in each frame."""
    pairs = [(frame, found[0]) for frame in frames if (found := landmarker.detect(frame))]
    if not pairs:
        raise UserError("no face was found in any generated frame; train longer")
    landmarks = np.stack([face.landmarks for _, face in pairs])
    return Measured(
        landmarks,
        tracker.faces((frame for frame, _ in pairs), landmarks),
        np.stack([face.scores for _, face in pairs]),
        len(frames) - len(pairs),
    )


def unit_means(coefficients: np.ndarray) -> dict[str, float]:
    """Mean of each of `UNITS` (left and right) over frames (T, 51)."""
    return {unit: round(float(ARKIT.mean_of(coefficients, unit).mean()), 4) for unit in UNITS}


def control_checks(units: dict[str, dict[str, float]], raw: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Whether each emotion shows on the generated faces where it should (issue: text changes the face)."""

    def highest(table: dict[str, dict[str, float]], emotion: str, *names: str) -> bool:
        scores = {name: sum(row[unit] for unit in names) for name, row in table.items()}
        return max(scores, key=lambda name: scores[name]) == emotion

    return {
        "mouthSmile highest for happy": highest(units, "happy", "mouthSmile"),
        "browDown highest for angry": highest(units, "angry", "browDown"),
        "mouthFrown or browInnerUp highest for sad": highest(units, "sad", "mouthFrown")
        or highest(units, "sad", "browInnerUp"),
        "noseSneer highest for disgusted": highest(units, "disgusted", "noseSneer"),
        "eyeWide + browOuterUp + jawOpen highest for surprised": highest(
            units, "surprised", "eyeWide", "browOuterUp", "jawOpen"
        ),
        "raw mouthSmile highest for happy": highest(raw, "happy", "mouthSmile"),
        "raw browDown highest for angry": highest(raw, "angry", "browDown"),
        "raw jawOpen highest for surprised": highest(raw, "surprised", "jawOpen"),
    }


def animate_all(
    face: TalkingFace, portrait: Portrait, samples: np.ndarray, intensity: float
) -> dict[str, list[np.ndarray]]:
    """The portrait saying `samples` (N,) under each prompt: emotion -> frames, without added motion."""
    frames, speech = {}, face.hear(samples)
    for emotion, prompt in track(PROMPTS.items(), "animating each emotion", len(PROMPTS), "videos"):
        expression = face.expression(speech, face.code(Emotion(text=prompt)), intensity)
        frames[emotion] = list(face.render(portrait, coefficients_of(expression, portrait.coefficients[-6:])))
    return frames


def showcase(
    models: Path | None, shards: Path, corpus: Path, output: Path, intensity: float, device: str = "cpu"
) -> None:
    """Make the showcase's files below `output`, by models on `device`."""
    portrait_clip, speech_clip = pick_clips(shards)
    image = next(iter(read_frames(corpus / portrait_clip["source"])))
    samples = load_audio(corpus / speech_clip["source"])
    with atomic_path(output / "portrait.png") as temporary:
        Image.fromarray(image).save(temporary)
    with atomic_path(output / "speech.wav") as temporary:
        soundfile.write(temporary, samples, SAMPLE_RATE)

    face = TalkingFace.load(models, device, speed="float32")
    portrait = face.read_portrait(image)
    videos = animate_all(face, portrait, samples, intensity)
    with Landmarker(video=False) as landmarker:
        read = {name: measure(frames, landmarker, face.tracker) for name, frames in videos.items()}
    landmarks = np.concatenate([measured.landmarks for measured in read.values()])
    rest = face.tracker.rest(landmarks, np.concatenate([measured.faces for measured in read.values()]))
    units = {
        name: unit_means(face.tracker.expression(m.landmarks, rest, m.faces)) for name, m in read.items()
    }
    raw = {name: unit_means(m.scores) for name, m in read.items()}
    report = {
        "portrait": portrait_clip["key"],
        "speech": speech_clip["key"],
        "prompts": PROMPTS,
        "intensity": intensity,
        "tracker": units,
        "mediapipe": raw,
        "frames_without_face": {name: m.lost for name, m in read.items()},
        "checks": control_checks(units, raw),
    }
    sheet = contact_sheet({name: close_up(spread(frames), landmarks) for name, frames in videos.items()})
    with atomic_path(output / "contact_sheet.png") as temporary:
        Image.fromarray(sheet).save(temporary)
    write_text(output / "control.json", json.dumps(report, indent=2) + "\n")
    for check, passed in report["checks"].items():
        print(f"{'yes' if passed else 'NO '}  {check}", file=sys.stderr)
    print(f"wrote {output / 'contact_sheet.png'} and {output / 'control.json'}")


def close_up(frames: list[np.ndarray], landmarks: np.ndarray) -> list[np.ndarray]:
    """The square around the face, the same of all frames (H, W, 3) and within them, at `SHEET_SIDE`;
    `landmarks` (N, 478, 3) in pixels."""
    height, width = frames[0].shape[:2]
    top, bottom = np.median(landmarks[..., 1].min(1)), np.median(landmarks[..., 1].max(1))
    side = min(CLOSE_UP * (bottom - top), height, width)
    left = np.clip(np.median(landmarks[..., 0]) - side / 2, 0, width - side)
    upper = np.clip((top + bottom - side) / 2, 0, height - side)
    box = (float(left), float(upper), float(left + side), float(upper + side))
    size = (SHEET_SIDE, SHEET_SIDE)
    return [np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BICUBIC, box)) for f in frames]


def spread(frames: list[np.ndarray]) -> list[np.ndarray]:
    """`SHEET_COLUMNS` frames, evenly spread over the part in which the emotion is on."""
    first = min(FPS // 4, len(frames) - 1)
    return [frames[i] for i in np.linspace(first, len(frames) - 1, SHEET_COLUMNS).round().astype(int)]


def main() -> None:
    """Command line of the showcase."""
    parser = argparse.ArgumentParser(prog="python -m lit_emotalk.evaluate.showcase", description=__doc__)
    parser.add_argument("--models", type=Path, help=f"folder with the exports align, eac and hef ({HELP})")
    parser.add_argument("--shards", type=Path, required=True, help="shards with a test split")
    parser.add_argument(
        "--corpus", type=Path, required=True, help="the raw corpus that the shards were made from"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the showcase's files")
    parser.add_argument("--intensity", type=float, default=1.0, help="0..1")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    showcase(args.models, args.shards, args.corpus, args.output, args.intensity, args.device)


if __name__ == "__main__":
    run_main(main, "showcase")
