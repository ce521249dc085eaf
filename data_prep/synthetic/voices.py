"""Speakers without pictures: `python -m data_prep.synthetic.voices --output DIR [--speakers N]`.

People who act shuffled words, of the training sentences and others, with every emotion and level, as shards
of sound and of the coefficients that they act with. Acting is a thousand times cheaper than rendering, so
that stages align and eac can learn from more people and more words than the corpus shows. Their voices and
manners are drawn like the corpus', from a seed of their own: nobody is in both. They are recorded in any
conditions (`speech/recording.py`; a clip's record names them as its scene), and a third of the clips begin or
end in mid-speech. Test speakers say the test split's sentences, with calm and the compounds too: what stage
eac is scored on against what was acted, not tracked.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np

from data_prep.clips.apex import find_apex
from data_prep.clips.record import Clip
from data_prep.clips.source import Source, Truth, sound_record
from data_prep.shards.command import add_hears
from data_prep.shards.pack import Corpus, pack_clips
from data_prep.shards.spread import spread, workers
from data_prep.synthetic.acting.performance import Performance
from data_prep.synthetic.corpus import MAX_SPEAKERS, ClipPlan, Scale, acts_of
from data_prep.synthetic.make import act
from data_prep.synthetic.speech.recording import draw_recording
from data_prep.synthetic.speech.sentences import choose_sentences, shuffled_sentences
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS, LEVELS
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.progress import track
from lit_emotalk.models.hearing import check_hearing
from lit_emotalk.schema import FPS, SPLITS, Hears

PROGRAM = "data_prep.synthetic.voices"
SPEAKERS = 50
FIRST_SEED = 1_000_003
"""Seed of the voices is this plus `--seed`: a corpus of such a seed would share them."""

SCALE = Scale(SPEAKERS, LEVELS, takes=1, neutral_takes=2, short_only=True, extras=True, scenes=1)

CUT_SHARE = 0.35
"""Share of clips that begin in mid-speech, and of those that end so, as clips cut out of talks do (our
choice)."""
CUT_SECONDS = 0.6
SHORTEST_CUT = 25
"""Frames that are left at least."""

_SENTENCE_STREAM, _CUT_STREAM = 0x701C, 0xC07


def plan_voices(speakers: int, test_speakers: int, seed: int) -> list[ClipPlan]:
    """What is said. In words of the training sentences and of `more_words`: for every speaker two neutral
    strings of words, and one of each other emotion and level, calm among them. In the test split's sentences:
    by the test speakers, who come after the others, the same and all compounds."""
    plans = []
    for index in range(speakers + test_speakers):
        split = "train" if index < speakers else "test"
        acts = acts_of(SCALE, split)
        rng = np.random.default_rng([_SENTENCE_STREAM, seed, index])
        if split == "train":
            texts = shuffled_sentences(split, len(acts), rng)
        else:
            texts = choose_sentences(split, SCALE.short_only, len(acts), rng)
        name = f"V{index + 1:03d}"
        plans += [ClipPlan(index, name, split, *a, text, 0) for a, text in zip(acts, texts, strict=True)]
    return plans


def cut_out(acted: Performance, rng: np.random.Generator) -> Performance:
    """The clip, or a part of it that begins or ends while the speaker speaks."""
    begins, ends = rng.random(2) < CUT_SHARE
    early, late = np.round(rng.uniform(0, CUT_SECONDS, 2) * FPS).astype(int)
    frames = len(acted.weights)
    first = int(acted.phonemes[0].end * FPS) + int(early) if begins else 0
    last = int(acted.phonemes[-1].start * FPS) - int(late) if ends else frames
    return acted.cut(first, last) if last - first >= SHORTEST_CUT else acted


def cut_generator(seed: int, plan: ClipPlan) -> np.random.Generator:
    """The generator that a clip's cut is drawn from: a function of seed, speaker, emotion, level and take."""
    code = (*EMOTIONS, *COMPOUNDS).index(plan.emotion)
    return np.random.default_rng([_CUT_STREAM, seed, plan.index, code, plan.level, plan.take])


def voice_clip(plan: ClipPlan, seed: int) -> Clip:
    """One acted sentence: its sound, its record, and the coefficients that it was acted with.

    A single picture's reading is not to be had: `single` is the acted expression.
    """
    acted = cut_out(act(FIRST_SEED + seed, plan, draw_recording), cut_generator(seed, plan))
    frames = len(acted.weights)
    key = f"{plan.speaker}_{plan.emotion.replace(' ', '-')}_{plan.level}_{plan.take:03d}"
    source = Source(key, "synthetic", plan.speaker, plan.emotion, plan.level, relative=key, video=None)
    record = sound_record(source, Truth(plan.text, acted.phoneme_rows), frames) | {
        "layout": ARKIT.name,
        "scene": acted.recording.name,
        "key_frame": find_apex(acted.weights, np.zeros(frames, bool), plan.emotion),
    }
    scale = np.zeros((frames, 1), np.float32)
    coeffs = np.concatenate([acted.weights, acted.rotation, acted.translation, scale], 1)
    return Clip(record, acted.samples, coeffs, acted.weights)


def make_voices(
    output: Path, speakers: int, test_speakers: int, seed: int, processes: int, hears: Hears = "mel"
) -> None:
    """Write the shards and their manifest. UserError where the place cannot be written or holds others, and
    as `check_hearing`."""
    check_hearing(hears)
    plans = plan_voices(speakers, test_speakers, seed)
    command = f"python -m {PROGRAM} --speakers {speakers} --test-speakers {test_speakers} --seed {seed}"
    command += "" if hears == "mel" else f" --hears {hears}"
    splits = {split: sorted({p.speaker for p in plans if p.split == split}) for split in SPLITS}
    with workers(processes):
        jobs = [joblib.delayed(voice_clip)(plan, seed) for plan in plans]
        clips = list(track(spread(jobs, ordered=True), "acting", len(plans), "clips"))
        pack_clips(clips, output, Corpus("synthetic", ARKIT.name, None, splits, command, hears))
    print(f"{len(clips)} clips of {speakers + test_speakers} voices in {output}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(f"python -m {PROGRAM}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--speakers", type=int, default=SPEAKERS, help=f"who train (default: {SPEAKERS})")
    parser.add_argument("--test-speakers", type=int, default=0, help="more of them who test (default: none)")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal shards (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    add_hears(parser)
    options = parser.parse_args(arguments)
    if options.speakers < 1 or options.test_speakers < 0:
        raise UserError("--speakers must be 1 or more, --test-speakers 0 or more")
    if options.speakers + options.test_speakers > MAX_SPEAKERS:
        raise UserError(f"there are at most {MAX_SPEAKERS} speakers, --speakers and --test-speakers together")
    if options.seed < 0 or not 1 <= options.workers <= 256:
        raise UserError("--seed must be 0 or more, --workers between 1 and 256")
    speakers = (options.speakers, options.test_speakers)
    make_voices(options.output, *speakers, options.seed, options.workers, options.hears)


if __name__ == "__main__":
    run_main(main, PROGRAM)
