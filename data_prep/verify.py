"""Complete check of a shard directory: `python -m data_prep.verify DIR [--workers N] [--sheet PNG]`.

Prints one line per fault and a table of what is there; exits with 2 if there is a fault. Speakers whose clips
seem to show several people are named, where the identity network is installed, but are no fault.
"""

import argparse
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
from rich.console import Console
from rich.table import Table

from data_prep.shards.one_speaker import SeenFaces, mixed_speakers
from data_prep.shards.verify_sample import frames_faults, read_record, read_samples, signals_faults
from lit_emotalk import schema
from lit_emotalk.data.manifest import Manifest, Shard, read_manifest
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.progress import track

SHARED_ENTRIES = ("json", "coeffs.npy", "landmarks.npy")
"""Entries that a clip's signals and frames samples must have in common, byte for byte."""


@dataclass(frozen=True)
class Report:
    """What one shard holds: its faults, its records in order, a digest of the shared entries by key, and some
    of the faces."""

    faults: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    shared: dict[str, str] = field(default_factory=dict)
    seen: SeenFaces = field(default_factory=SeenFaces)


def check_shard(shard: Shard, speakers: list[str], hears: schema.Hears = "mel") -> Report:
    """Check one shard against the manifest and every sample of it against the schema."""
    report = Report()
    name = shard.path.name
    try:
        shard.check_end()
        shard.check_sum()
        for key, sample in read_samples(shard.path):
            signals = shard.kind == "signals"
            faults = signals_faults(key, sample, hears) if signals else frames_faults(key, sample)
            report.faults.extend(f"{name}: {key}: {fault}" for fault in faults)
            record = read_record(sample) or {}
            if record.get("speaker") not in speakers:
                line = f"{name}: {key}: speaker {record.get('speaker')} is not of the split {shard.split}"
                report.faults.append(line)
            if shard.split == "train" and record.get("emotion") in COMPOUNDS:
                report.faults.append(f"{name}: {key}: compound emotion in the training split")
            report.records.append({"key": key, **record})
            parts = [hashlib.sha256(sample.get(entry, b"")).hexdigest() for entry in SHARED_ENTRIES]
            report.shared[key] = " ".join(parts)
            if signals:
                report.seen.look(key, record, sample)
    except UserError as error:
        report.faults.append(str(error))
        return report
    if len(report.records) != shard.samples:
        report.faults.append(
            f"{name}: holds {len(report.records)} samples, the manifest says {shard.samples}"
        )
    return report


def verify(directory: Path, workers: int = 1) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    """All faults of a shard directory, one line each, and the signals records by split.

    Raises UserError where there is no readable manifest.
    """
    manifest = read_manifest(directory)
    return judge(manifest, read_reports(manifest, workers))


def read_reports(manifest: Manifest, workers: int = 1) -> dict[Shard, Report]:
    """The reports of all shards."""
    jobs = (
        joblib.delayed(check_shard)(shard, manifest.speakers[shard.split], manifest.hears)
        for shard in manifest.shards
    )
    found = joblib.Parallel(n_jobs=workers, return_as="generator")(jobs)
    return dict(zip(manifest.shards, track(found, "verifying", len(manifest.shards), "shards"), strict=True))


def judge(
    manifest: Manifest, reports: dict[Shard, Report]
) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    """All faults, of the shards and between them, and the signals records by split."""
    faults = [fault for report in reports.values() for fault in report.faults]
    faults += _manifest_faults(manifest)
    records: dict[str, list[dict[str, Any]]] = {split: [] for split in schema.SPLITS}
    seen: set[str] = set()
    for shard, report in reports.items():
        if shard.kind != "signals":
            continue
        records[shard.split] += report.records
        keys = [record["key"] for record in report.records]
        faults += [f"{shard.path.name}: the key {key} occurs twice" for key in sorted(seen & set(keys))]
        seen |= set(keys)
        if manifest.frame_size:
            faults += _partner_faults(shard, report, reports)
    return faults, records


def _manifest_faults(manifest: Manifest) -> Iterator[str]:
    places = defaultdict(list)
    for split, speakers in manifest.speakers.items():
        for speaker in speakers:
            places[speaker].append(split)
    for speaker, splits in places.items():
        if len(splits) > 1:
            yield f"manifest.json: speaker {speaker} is in {' and '.join(splits)}"
    listed = {shard.path.name for shard in manifest.shards}
    for path in sorted(manifest.directory.glob("*.tar")):
        if path.name not in listed:
            yield f"{path.name}: not in the manifest"


def _partner_faults(shard: Shard, report: Report, reports: dict[Shard, Report]) -> Iterator[str]:
    """A signals shard and its frames shard must hold the same clips in the same order."""
    name = shard.path.name.replace("signals", "frames", 1)
    partner = next((other for other in reports if other.path.name == name), None)
    if partner is None:
        yield f"{shard.path.name}: the shard {name} is not in the manifest"
        return
    shared = reports[partner].shared
    if list(shared) != list(report.shared) and not (report.faults or reports[partner].faults):
        yield f"{name}: its clips are not those of {shard.path.name} in the same order"
    for key, digest in report.shared.items():
        if shared.get(key, digest) != digest:
            parts = zip(SHARED_ENTRIES, digest.split(), shared[key].split(), strict=True)
            which = ", ".join(entry for entry, a, b in parts if a != b)
            yield f"{name}: {key}: {which} differs from {shard.path.name}"


def print_statistics(records: dict[str, list[dict[str, Any]]]) -> None:
    """Tables of clips, speakers, minutes and lost frames by split, and of clips by emotion."""
    labels = [
        e
        for e in (*EMOTIONS, *COMPOUNDS, None)
        if any(r.get("emotion") == e for s in records.values() for r in s)
    ]
    table = Table(
        "split", "speakers", "clips", "frames", "minutes", "lost %", *[e or "unknown" for e in labels]
    )
    for split, clips in records.items():
        frames = sum(record.get("frames") or 0 for record in clips)
        lost = sum(record.get("lost_frames") or 0 for record in clips)
        emotions = Counter(record.get("emotion") for record in clips)
        table.add_row(
            split,
            str(len({record.get("speaker") for record in clips})),
            str(len(clips)),
            str(frames),
            f"{frames / schema.FPS / 60:.1f}",
            f"{100 * lost / max(frames, 1):.2f}",
            *[str(emotions[label]) for label in labels],
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m data_prep.verify", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directory", type=Path, help="folder with manifest.json")
    parser.add_argument(
        "--workers", type=int, default=joblib.cpu_count(), help="processes (default: all cores)"
    )
    parser.add_argument("--sheet", type=Path, help="also draw a contact sheet with landmarks to this png")
    return parser.parse_args(arguments)


def main() -> None:
    """Entry point of `python -m data_prep.verify`."""
    options = parse_arguments()
    manifest = read_manifest(options.directory)
    reports = read_reports(manifest, max(options.workers, 1))
    faults, records = judge(manifest, reports)
    for line in [*faults, *mixed_speakers(report.seen for report in reports.values())]:
        print(line)
    if options.sheet:
        from data_prep.shards.sheet import draw_sheet

        draw_sheet(options.directory, options.sheet)
        print(f"contact sheet: {options.sheet}")
    print_statistics(records)
    clips = sum(map(len, records.values()))
    if faults:
        print(f"{options.directory}: {len(faults)} faults in {clips} clips", file=sys.stderr)
        raise SystemExit(2)
    print(f"{options.directory}: {clips} clips, no fault")


if __name__ == "__main__":
    run_main(main, "data_prep.verify")
