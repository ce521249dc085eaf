"""Voices without faces: `python -m data_prep.synthetic.voices --output DIR [--speakers N] [--seed S]`.

People who act the training split's short sentences with every emotion and level, as shards of sound alone.
Acting is a thousand times cheaper than rendering, so that stage align can hear more people than the corpus
shows. Their voices are drawn like the corpus', from a seed of their own: nobody is in both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np

from data_prep.pack import Clip, Corpus, pack_clips
from data_prep.spread import spread, workers
from data_prep.synthetic.corpus import MAX_SPEAKERS, ClipPlan
from data_prep.synthetic.make import act
from data_prep.synthetic.sentences import choose_sentences
from lit_emotalk.emotions import LEVELS, MEAD_EMOTIONS
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.progress import track

PROGRAM = "data_prep.synthetic.voices"
SPEAKERS = 50
FIRST_SEED = 1_000_003
"""Seed of the voices is this plus `--seed`: a corpus of such a seed would share them."""

NEUTRAL_TAKES = 2

_SENTENCE_STREAM = 0x701C


def plan_voices(speakers: int, seed: int) -> list[ClipPlan]:
    """What is said: for every speaker two neutral sentences, and one of each other emotion and level."""
    acts = [("neutral", 1, take) for take in range(1, NEUTRAL_TAKES + 1)]
    acts += [(emotion, level, 1) for emotion in MEAD_EMOTIONS if emotion != "neutral" for level in LEVELS]
    plans = []
    for index in range(speakers):
        rng = np.random.default_rng([_SENTENCE_STREAM, seed, index])
        texts = choose_sentences("train", True, len(acts), rng)
        name = f"V{index + 1:03d}"
        plans += [ClipPlan(index, name, "train", *a, text, 0) for a, text in zip(acts, texts, strict=True)]
    return plans


def voice_clip(plan: ClipPlan, seed: int) -> Clip:
    """One acted sentence: its sound and its record."""
    acted = act(FIRST_SEED + seed, plan)
    key = f"{plan.speaker}_{plan.emotion}_{plan.level}_{plan.take:03d}"
    record = {
        "key": key,
        "corpus": "synthetic",
        "speaker": plan.speaker,
        "emotion": plan.emotion,
        "level": plan.level,
        "text": plan.text,
        "frames": len(acted.weights),
        "frame_size": None,
        "layout": None,
        "key_frame": None,
        "crop": None,
        "source": key,
        "phonemes": [[p.name, round(p.start, 4), round(p.end, 4)] for p in acted.phonemes],
        "scene": None,
        "lost_frames": 0,
    }
    return Clip(record, acted.samples)


def make_voices(output: Path, speakers: int, seed: int, processes: int) -> None:
    """Write the shards and their manifest. UserError where the place cannot be written or holds others."""
    plans = plan_voices(speakers, seed)
    command = f"python -m {PROGRAM} --speakers {speakers} --seed {seed}"
    corpus = Corpus("synthetic", None, None, {"train": sorted({plan.speaker for plan in plans})}, command)
    with workers(processes):
        jobs = [joblib.delayed(voice_clip)(plan, seed) for plan in plans]
        clips = list(track(spread(jobs, ordered=True), "acting", len(plans), "clips"))
        pack_clips(clips, output, corpus)
    print(f"{len(clips)} clips of {speakers} voices in {output}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(f"python -m {PROGRAM}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--speakers", type=int, default=SPEAKERS, help=f"default: {SPEAKERS}")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal shards (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    options = parser.parse_args(arguments)
    if not 1 <= options.speakers <= MAX_SPEAKERS:
        raise UserError(f"--speakers must be between 1 and {MAX_SPEAKERS}, not {options.speakers}")
    if options.seed < 0 or not 1 <= options.workers <= 256:
        raise UserError("--seed must be 0 or more, --workers between 1 and 256")
    make_voices(options.output, options.speakers, options.seed, options.workers)


if __name__ == "__main__":
    run_main(main, PROGRAM)
