"""Stage 2 learns from coefficients that you captured: pairs of NAME.wav and NAME.csv, no pictures.

The csv has a column for each of the 51 ARKit units, 25 rows a second (what `animate --coefficients-out`
writes, see `lit_emotalk/io/coefficient_table.py`). NAME is SPEAKER_EMOTION_LEVEL_TAKE, as anna_happy_3_01.

    python examples/train_eac_on_own_coefficients.py captures outputs/demo/models/align runs/own 40
"""

import sys
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np

from data_prep.clips.record import Clip
from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data import SignalsDataModule
from lit_emotalk.emotions import canonical
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.coefficient_table import read_coefficients
from lit_emotalk.models.eac import EACConfig
from lit_emotalk.models.handover import save_export
from lit_emotalk.schema import SAMPLES_PER_FRAME
from lit_emotalk.stages import EACStage


def read_clip(table: Path) -> Clip:
    """One captured clip, as long as both its sound and its coefficients are."""
    speaker, emotion, level, take = table.stem.split("_")
    samples, coefficients = load_audio(table.with_suffix(".wav")), read_coefficients(table)
    frames = min(len(samples) // SAMPLES_PER_FRAME, len(coefficients))
    coefficients = coefficients[:frames]
    record: dict[str, Any] = {
        "key": f"{speaker}_{canonical(emotion)}_{level}_{take}",
        "corpus": "folder",
        "speaker": speaker,
        "emotion": canonical(emotion),
        "level": int(level),
        "text": None,
        "frames": frames,
        "frame_size": None,
        "layout": ARKIT.name,
        "key_frame": int(np.argmax(coefficients[:, ARKIT.expression].sum(1))),
        "crop": None,
        "source": table.name,
        "phonemes": None,
        "scene": None,
        "lost_frames": 0,
    }
    samples = samples[: frames * SAMPLES_PER_FRAME]
    return Clip(record, samples, coefficients, coefficients[:, ARKIT.expression])


def main(arguments: list[str]) -> None:
    """`arguments`: folder of captures, export of stage align, output folder, epochs."""
    captures, space, output, epochs = Path(arguments[0]), arguments[1], Path(arguments[2]), int(arguments[3])
    clips = [read_clip(table) for table in sorted(captures.glob("*.csv"))]
    speakers = sorted({clip.record["speaker"] for clip in clips})
    splits = {"train": speakers, "val": [], "test": []}
    pack_clips(clips, output / "shards", Corpus("folder", ARKIT.name, None, splits, " ".join(sys.argv)))
    data = SignalsDataModule(output / "shards", batch_size=8, steps_per_epoch=20, frames=50, num_workers=0)
    stage = EACStage(Path(space), EACConfig(layers=2, heads=4, width=128))
    trainer = L.Trainer(
        max_epochs=epochs,
        default_root_dir=output,
        accelerator="auto",
        devices=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
    )
    trainer.fit(stage, datamodule=data)
    save_export(output / "export", "eac", stage.exported(), data.manifest.hash)
    loss = trainer.callback_metrics.get("train/loss")
    print(f"{len(clips)} clips of {len(speakers)} speakers, loss {loss}: {output / 'export'}")


if __name__ == "__main__":
    main(sys.argv[1:])
