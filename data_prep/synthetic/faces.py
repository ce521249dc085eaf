"""Faces of hundreds of people: `python -m data_prep.synthetic.faces --output DIR [--people N]`.

Short bursts of pictures of people of all looks, in all light, seen by good and bad cameras: resting, in every
emotion, and with units drawn one by one, as shards of frames for stage hef and of readings for the picture
side of stage align. They are silent. Coefficients are read by the tracker as those of videos are: with the
person's rest in `coeffs`, picture by picture without it in `single`; those that were drawn are kept below
`.work`. A run that was stopped goes on where it was. Nobody is in a corpus or in the tracker's set.
"""

import argparse
import json
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import joblib

from data_prep.clips import apex, record, source
from data_prep.shards.pack import Corpus, Entry, pack
from data_prep.shards.report import write_rejected
from data_prep.shards.rests import reading_facts
from data_prep.shards.spread import spread, workers
from data_prep.shards.work import WORK, remove_leftovers
from data_prep.synthetic import faces_person
from data_prep.synthetic.faces_person import CORPUS, Plan, load_burst, make_person, name_of
from data_prep.synthetic.rays.device import get_device
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.face import alignment, crop, landmarker, look, regions
from lit_emotalk.face.basis import BASIS_FILE
from lit_emotalk.io.files import sha256_file, sha256_text
from lit_emotalk.io.progress import track
from lit_emotalk.io.sources import Sources, code_digest
from lit_emotalk.weights import fetch

PROGRAM = "data_prep.synthetic.faces"
PEOPLE, VAL_PEOPLE = 300, 12
BURSTS, FRAMES, SIZE = 6, 4, 256
MAX_PEOPLE, MAX_FRAMES = 9999, 250
CLIPS_PER_SHARD = 64
NUMBERED = ("val", "test", "train")
"""People are numbered in this order: more who train change nobody's split."""


def drawing_digest(plan: Plan) -> str:
    """What the pictures and what is found in them are made by: the code and the plan."""
    drawn = Sources().digests([faces_person.__name__], within="data_prep.synthetic")
    found = code_digest(record, source, crop, landmarker, regions, alignment, look)
    made_of = [drawn, found, sha256_file(BASIS_FILE), asdict(plan) | {"device": None}]
    return sha256_text(json.dumps(made_of))[:16]


def reading_digest() -> str:
    """What the coefficients are read by."""
    weights, face, code = reading_facts(apex)
    return sha256_text(code + weights + face)[:16]


def make_faces(output: Path, people: dict[str, int], plan: Plan, processes: int) -> None:
    """Bring the shards in `output` up to date: so many `people` by split, those who train last.

    Raises UserError where the landmarker is missing, nobody's face was found, or the place cannot be written.
    """
    fetch.path("face_landmarker")
    drawing, reading = drawing_digest(plan), reading_digest()
    folder = output / WORK / f"drawn-{drawing}"
    read_folder = output / WORK / f"read-{drawing[:8]}{reading[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}; choose another --output") from error
    remove_leftovers(output)
    for stale in {*output.glob(f"{WORK}/drawn-*"), *output.glob(f"{WORK}/read-*")} - {folder, read_folder}:
        shutil.rmtree(stale)
    split_of = [split for split in NUMBERED for _ in range(people[split])]
    files = [(folder / f"{name_of(i)}.npz", read_folder / f"{name_of(i)}.npz") for i in range(len(split_of))]
    due = sum(not drawn.is_file() for drawn, _ in files)
    entries: list[Entry] = []
    speakers: dict[str, set[str]] = defaultdict(set)
    rejected: list[tuple[str, str]] = []
    began = time.monotonic()
    with workers(processes):
        jobs = [joblib.delayed(make_person)(plan, index, *pair) for index, pair in enumerate(files)]
        for index, records, lost in track(spread(jobs), "faces", len(jobs), "people"):
            name, split = name_of(index), split_of[index]
            reason = "no face found in a picture" + ("" if records else "; nobody is read without a rest")
            rejected += [(f"{name}_{label}", reason) for label in lost]
            for number, entry in enumerate(records):
                content = sha256_text(drawing + reading + entry["key"])
                load = partial(load_burst, files[index][0], files[index][1], number)
                entries.append(Entry(entry["key"], split, name, entry["frames"], content, load))
                speakers[split].add(name)
        minutes = (time.monotonic() - began) / 60
        write_rejected(output, rejected)
        if not entries:
            raise UserError("no face was found in any picture; give a larger --size")
        if due:
            frames = due * plan.bursts * plan.frames
            rate = f"{due / minutes:.0f} people/min, {frames / minutes / 60:.1f} frames/s"
            print(f"drew {due} people, {rate}", file=sys.stderr, flush=True)
        entries.sort(key=lambda entry: entry.key)
        by_split = {split: sorted(found) for split, found in speakers.items()}
        command = _command(people, plan)
        written = pack(
            entries, output, Corpus(CORPUS, ARKIT.name, plan.size, by_split, command), CLIPS_PER_SHARD
        )
    seen = sum(len(found) for found in by_split.values())
    print(f"{len(entries)} bursts of {seen} people in {output}, {len(rejected)} left out (rejected.csv)")
    print(f"wrote {written} shards" if written else "nothing to do, the shards are up to date")


def _command(people: dict[str, int], plan: Plan) -> str:
    counts = f"--people {people['train']} --val-people {people['val']} --test-people {people['test']}"
    drawn = f"--bursts {plan.bursts} --frames {plan.frames} --size {plan.size} --seed {plan.seed}"
    return f"python -m {PROGRAM} {counts} {drawn}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(f"python -m {PROGRAM}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"who train (default: {PEOPLE})")
    parser.add_argument("--val-people", type=int, default=VAL_PEOPLE, help=f"(default: {VAL_PEOPLE})")
    parser.add_argument("--test-people", type=int, default=0, help="(default: none)")
    parser.add_argument("--bursts", type=int, default=BURSTS, help=f"of each person (default: {BURSTS})")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"of each burst (default: {FRAMES})")
    parser.add_argument("--size", type=int, default=SIZE, help=f"side in pixels (default: {SIZE})")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal shards (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--device", default="cpu", help="where to render: cpu or cuda (default: cpu)")
    options = parser.parse_args(arguments)
    people = {"train": options.people, "val": options.val_people, "test": options.test_people}
    if options.people < 1 or min(people.values()) < 0 or sum(people.values()) > MAX_PEOPLE:
        raise UserError(f"--people must be 1 or more, the others 0 or more, together at most {MAX_PEOPLE}")
    if min(options.bursts, options.frames) < 2 or options.bursts * options.frames > MAX_FRAMES:
        raise UserError(f"--bursts and --frames must be 2 or more, together at most {MAX_FRAMES} frames")
    if not 96 <= options.size <= 1024 or options.size % 16:
        raise UserError(f"--size must be a multiple of 16 from 96 to 1024, not {options.size}")
    if options.seed < 0 or not 1 <= options.workers <= 256:
        raise UserError("--seed must be 0 or more, --workers between 1 and 256")
    get_device(options.device)
    plan = Plan(options.seed, options.size, options.bursts, options.frames, options.device)
    make_faces(options.output, people, plan, options.workers)


if __name__ == "__main__":
    run_main(main, PROGRAM)
