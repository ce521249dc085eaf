"""Do acted voices resemble people's? python -m tests.benchmarks.acting --ravdess DIR [--speakers 24].

Two answers, from RAVDESS's speech (any folders of its sound files; ours is 1-20 of 24 actors):

1. Statistics: the median of each measure for each emotion and intensity, relative to the speaker's own
neutral,
   people (actors 1-16) above acted voices. RAVDESS's normal and strong are levels 2 and 3.
2. Recall: a linear classifier on the measures of `data_prep.check_corpus.voice`, fitted on acted voices
alone,
   asked about actors 17-20 (8 emotions, unweighted average recall, chance 12.5 %); beside it the same fitted
   on actors 1-16. `relative` takes each speaker's mean over all their clips away first.

Nothing is fitted to people but that last one.
"""

import argparse
import json
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_prep.check_corpus.voice import VOICE_FEATURES, voice_features
from data_prep.ravdess import COMMAND
from data_prep.shards.spread import spread, workers
from data_prep.synthetic.corpus import ClipPlan
from data_prep.synthetic.make import act
from data_prep.synthetic.speech.recording import draw_recording, mild_recording
from data_prep.synthetic.voices import FIRST_SEED, plan_voices
from lit_emotalk.emotions import RAVDESS_EMOTIONS
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import write_text
from lit_emotalk.io.progress import track

MEASURES: dict[str, str] = {
    "pitch": "octaves", "pitch_range": "octaves", "pitch_end": "octaves", "voiced": "share",
    "harmonicity": "r", "loudness": "dB", "loudness_range": "dB", "seconds": "s", "pauses": "share",
    "centroid": "octaves", "tilt": "dB/octave", "alpha": "dB",
}  # fmt: skip
"""The measures that are printed; alpha is the ratio of 1-5 kHz to 100-1000 Hz (Eyben et al. 2016)."""

REGULARISATION = 0.05
EDGE, BLOCK = 1600, 320
TRAIN_ACTORS = range(1, 17)

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Features (N, 44), emotions, levels and speakers (N,)."""


def speech_alone(samples: np.ndarray) -> np.ndarray:
    """Without the silence before and after, but for a tenth of a second."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = np.sqrt((blocks.astype(np.float64) ** 2).mean(1))
    loud = np.flatnonzero(level > 0.03 * np.quantile(level, 0.98))
    return samples[max(0, loud[0] * BLOCK - EDGE) : (loud[-1] + 1) * BLOCK + EDGE]


def of_file(path: Path) -> np.ndarray:
    """Features of a sound file."""
    return voice_features(speech_alone(load_audio(path)))


def of_plan(plan: ClipPlan, mild: bool) -> np.ndarray:
    """Features of an acted clip."""
    acted = act(FIRST_SEED, plan, mild_recording if mild else draw_recording)
    return voice_features(speech_alone(acted.samples))


def people(root: Path) -> Rows:
    """The recordings below `root`. Raises UserError where there are none."""
    sources = [s for s in COMMAND.find(argparse.Namespace(root=root, sound_only=True)).sources if s.audio]
    jobs = [joblib.delayed(of_file)(source.audio) for source in sources]
    table = np.array(list(track(spread(jobs, ordered=True), "people", len(jobs), "clips")))
    return (
        table,
        np.array([s.emotion for s in sources]),
        np.array([s.level for s in sources]),
        np.array([int(s.speaker.removeprefix("Actor_")) for s in sources]),
    )


def actors(speakers: int, mild: bool) -> Rows:
    """Acted voices, RAVDESS's emotions."""
    plans = [plan for plan in plan_voices(speakers, 0, 0) if plan.emotion in RAVDESS_EMOTIONS]
    jobs = [joblib.delayed(of_plan)(plan, mild) for plan in plans]
    table = np.array(list(track(spread(jobs, ordered=True), "acted", len(jobs), "clips")))
    return (
        table,
        np.array([p.emotion for p in plans]),
        np.array([p.level for p in plans]),
        np.array([p.index for p in plans]),
    )


def measures_of(table: np.ndarray) -> np.ndarray:
    """The printed measures (N, len(MEASURES))."""
    columns = {name: table[:, i] for i, name in enumerate(VOICE_FEATURES)}

    def power(*bands: int) -> np.ndarray:
        return np.sum([10 ** (columns[f"band_{band}"] / 10) for band in bands], 0)

    columns["alpha"] = 10 * np.log10(power(1000, 1500, 2000, 2600, 3500) / power(100, 400, 700))
    return np.stack([columns[name] for name in MEASURES], 1)


def medians(rows: Rows) -> dict[tuple[str, int], np.ndarray]:
    """Medians of the measures by emotion and level, relative to each speaker's neutral."""
    table, emotions, levels, speakers = rows
    table = measures_of(table)
    relative = np.zeros_like(table)
    for speaker in np.unique(speakers):
        own = speakers == speaker
        relative[own] = table[own] - np.median(table[own & (emotions == "neutral")], 0)
    return {
        (emotion, level): np.median(relative[(emotions == emotion) & (levels == level)], 0)
        for emotion in RAVDESS_EMOTIONS
        for level in np.unique(levels[emotions == emotion]).tolist()
    }


def recall(train: Rows, test: Rows, relative: bool) -> float:
    """Unweighted average recall of a linear classifier."""
    tables = []
    for table, _, _, speakers in (train, test):
        moved = table.copy()
        for speaker in np.unique(speakers) if relative else ():
            moved[speakers == speaker] -= table[speakers == speaker].mean(0)
        tables.append(moved)
    line = LogisticRegression(C=REGULARISATION, max_iter=2000, class_weight="balanced")
    model = make_pipeline(StandardScaler(), line).fit(tables[0], train[1])
    guessed = model.predict(tables[1])
    return float(recall_score(test[1], guessed, labels=list(RAVDESS_EMOTIONS), average="macro"))


def pick(rows: Rows, where: np.ndarray) -> Rows:
    """Some of the rows."""
    table, emotions, levels, speakers = rows
    return table[where], emotions[where], levels[where], speakers[where]


def main() -> None:
    """Measure, print, write outputs/benchmark_acting.json."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.acting")
    parser.add_argument("--ravdess", type=Path, required=True, help="folder with RAVDESS's speech")
    parser.add_argument("--speakers", type=int, default=24, help="acted speakers (default: 24)")
    parser.add_argument("--mild", action="store_true", help="good recordings only")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with workers(options.workers):
        real, acted = people(options.ravdess), actors(options.speakers, options.mild)
    known = np.isin(real[3], TRAIN_ACTORS)
    if known.all() or not known.any():
        raise UserError(f"{options.ravdess} needs actors 1-16 and others")
    true, ours = medians(pick(real, known)), medians(acted)
    print(" " * 20 + "".join(f"{name[:10]:>11}" for name in MEASURES))
    print(" " * 20 + "".join(f"{unit:>11}" for unit in MEASURES.values()))
    for (emotion, level), row in true.items():
        print(f"{emotion:10} {level} people " + "".join(f"{value:11.2f}" for value in row))
        if (emotion, level) in ours:
            print(" " * 13 + "acted  " + "".join(f"{value:11.2f}" for value in ours[emotion, level]))
    test = pick(real, ~known)
    found = {
        f"{name}, {'relative' if relative else 'as they are'}": recall(train, test, relative)
        for name, train in (("acted voices", acted), ("actors 1-16", pick(real, known)))
        for relative in (False, True)
    }
    for name, value in found.items():
        print(f"recall on the other actors, fitted on {name}: {value:.1%}")
    write_text(Path("outputs/benchmark_acting.json"), json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main, "tests.benchmarks.acting")
