"""`lit-emotalk pack`: a folder of exports at half precision, as the starter ships, with how they were made.

    lit-emotalk pack --models outputs/starter/models --shards outputs/starter/shards

writes below --output (the package's starter) each stage's export at half precision, `manifest.json` (of every
stage: checksums, size, and the training's command, seed, revision and versions; of the data: commands, counts
and checksums) and, with --table, `figures.md`. A training's facts are those of the run that the export lies
in (`RUN/export`, also behind a link), or of --run. Names of folders of the machine are left out.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from lit_emotalk.data.manifest import MANIFEST_NAME as DATA_MANIFEST
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import read_text, read_yaml, write_text
from lit_emotalk.io.version import __version__
from lit_emotalk.models.handover import CARD_NAME, WEIGHTS_NAME, pack_export
from lit_emotalk.schema import SPLITS
from lit_emotalk.weights.starter import FOLDER, MANIFEST_NAME, STAGES

FORMAT = 1
LARGEST = 30_000_000
"""Bytes that the exports may take together: they are part of every installation."""

ABSOLUTE = re.compile(r"""(?<![\w.~}:/-])/(?:[^\s'",\]}=/]+/)+(?=[^\s'",\]}=/])""")
"""The folders of an absolute path, up to its last name."""


def pack(
    models: Path,
    output: Path,
    runs: dict[str, Path],
    shards: list[Path],
    tables: list[Path],
    guide: str | None = None,
) -> dict[str, Any]:
    """Pack the exports `align`, `eac`, `hef` and `sync` below `models` into `output`; returns the manifest.

    `runs`: stage -> directory of its run, where the export does not lie in it. `shards`: what they were
    trained on. `tables`: Markdown files of figures, joined to `figures.md`. `guide`: the generator's, in
    place of the one it was trained with (see `HEFConfig`). Raises UserError where an export or a file is
    missing or wrong, and where the exports together are larger than `LARGEST`.
    """
    size = sum(_weights(models, stage).stat().st_size for stage in STAGES) // 2
    if size > LARGEST:
        raise UserError(
            f"the exports in {models} take {size / 1e6:.1f} MB at half precision; the starter has at most "
            f"{LARGEST / 1e6:.0f}"
        )
    facts = {stage: _run_facts(models / stage, runs.get(stage)) for stage in STAGES}
    data = [_data_facts(folder) for folder in shards]
    figures = "\n".join(read_text(table).strip() + "\n" for table in tables)
    (output / MANIFEST_NAME).unlink(missing_ok=True)
    stages = {}
    for stage in STAGES:
        changes = {"guide": guide} if guide and stage == "hef" else None
        card = pack_export(models / stage, output / stage, stage, changes)
        stages[stage] = _size(output / stage / WEIGHTS_NAME) | {
            "sha256": card["sha256"],
            "packed_from": card["packed_from"],
            "shards": card["manifest"],
            "versions": card["versions"],
            **facts[stage],
            **({"changed": changes} if changes else {}),
        }
    if figures:
        write_text(output / "figures.md", figures)
    manifest = {"format": FORMAT, "lit_emotalk": __version__, "stages": stages, "data": data}
    write_text(output / MANIFEST_NAME, json.dumps(manifest, indent=1) + "\n")
    return manifest


def without_folders(text: str) -> str:
    """A command without the folders of this machine: `/data/me/shards` -> `shards`."""
    return ABSOLUTE.sub("", text)


def _weights(models: Path, stage: str) -> Path:
    path = models / stage / WEIGHTS_NAME
    if not path.is_file() or not path.with_name(CARD_NAME).is_file():
        raise UserError(
            f"{models / stage} is no export of stage {stage}; the starter has {', '.join(STAGES)}"
        )
    return path


def _size(path: Path) -> dict[str, int]:
    with safe_open(path, "pt") as file:
        parameters = sum(int(torch.tensor(file.get_slice(key).get_shape()).prod()) for key in file.keys())  # noqa: SIM118
    return {"bytes": path.stat().st_size, "parameters": parameters}


def _run_facts(export: Path, run: Path | None) -> dict[str, Any]:
    """Command, seed and versions of the training behind an export; none where its run is not known."""
    directory = run or export.resolve().parent
    if not (directory / "run.yaml").is_file():
        if run is not None:
            raise UserError(f"{run} is no directory of a run: run.yaml is missing")
        return {"command": None}
    facts = read_yaml(directory / "run.yaml", "file of a run's facts")
    config = read_yaml(directory / "config.yaml", "configuration of a run")
    try:
        trained = {"command": without_folders(facts["command"]), "seed": config["seed_everything"]}
        return trained | {"trained_by": facts["versions"]}
    except (KeyError, TypeError) as error:
        raise UserError(f"{directory} is no directory of a run: {error} is missing") from error


def _data_facts(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    counts = {split: manifest.count("signals", split) or manifest.count("frames", split) for split in SPLITS}
    return {
        "name": folder.name,
        "corpus": manifest.corpus,
        "command": without_folders(json.loads(read_text(folder / DATA_MANIFEST)).get("command", "")),
        "clips": counts,
        "sha256": manifest.hash,
    }


def _named_runs(values: list[str]) -> dict[str, Path]:
    runs = {}
    for value in values:
        stage, _, place = value.partition("=")
        if stage not in STAGES or not place:
            raise UserError(f"--run takes STAGE=FOLDER with one of {', '.join(STAGES)}, not '{value}'")
        runs[stage] = Path(place)
    return runs


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk pack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True, help=f"folder with {', '.join(STAGES)}")
    parser.add_argument("--output", type=Path, default=FOLDER, help="default: this package's starter")
    parser.add_argument(
        "--run", action="append", default=[], metavar="STAGE=FOLDER", help="a stage's run; may be repeated"
    )
    parser.add_argument("--shards", type=Path, nargs="+", default=[], help="what they were trained on")
    parser.add_argument("--table", type=Path, nargs="+", default=[], help="Markdown tables of figures")
    parser.add_argument(
        "--guide", choices=("basis", "skin"), help="of stage hef (default: the one it was trained with)"
    )
    args = parser.parse_args(argv)
    manifest = pack(args.models, args.output, _named_runs(args.run), args.shards, args.table, args.guide)
    for stage, facts in manifest["stages"].items():
        made = facts["command"] or "by a run that is not known; name it with --run"
        print(f"{stage:<6}{facts['bytes'] / 1e6:6.1f} MB  {facts['sha256'][:12]}  {made}")
    total = sum(facts["bytes"] for facts in manifest["stages"].values())
    print(f"packed {args.models} into {args.output}: {total / 1e6:.1f} MB")
