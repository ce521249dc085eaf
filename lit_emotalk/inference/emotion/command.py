"""`lit-emotalk emotion`: what the emotion space makes of words, pictures, sound, videos, labels and blends.

Prints the cosine similarity of the input's code to each canonical emotion's, in [-1, 1], the nearest first.
"""

import argparse
import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.doubts import negates
from lit_emotalk.inference.emotion.request import MODALITIES, Emotion, parse_blend
from lit_emotalk.io.files import read_text
from lit_emotalk.weights.starter import HELP

if TYPE_CHECKING:
    from lit_emotalk.inference.emotion.codes import EmotionReader

KINDS = (*MODALITIES, "blend")
PATHS = ("image", "audio", "video")


@dataclass(frozen=True)
class Input:
    """One input: its name in the output, what kind it is, its value as given, and the emotion it asks for."""

    name: str
    kind: str
    value: str
    emotion: Emotion

    @classmethod
    def of(cls, given: dict[str, str], name: str = "", folder: Path = Path()) -> "Input":
        """From kinds and values; UserError unless there is exactly one. Paths are relative to `folder`."""
        if len(given) != 1:
            found = " and ".join(given)
            raise UserError(
                f"{found} contradict each other; give one of them"
                if given
                else f"give one of {', '.join(KINDS)}"
            )
        [(kind, value)] = given.items()
        if kind == "blend" or (kind == "label" and ":" in value):
            emotion = parse_blend(value)
        else:
            named: dict[str, Any] = {kind: folder / value if kind in PATHS else value}
            emotion = Emotion(**named)
        return cls(name or value, kind, value, emotion)


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk emotion", description=__doc__)
    parser.add_argument("--models", help=f"folder with the export align, or that export itself ({HELP})")
    parser.add_argument("--text", help='in English words: "a furious person"')
    parser.add_argument("--image", metavar="FILE", help="a picture with one face")
    parser.add_argument("--audio", metavar="FILE", help="a sound of someone speaking, at least 0.5 s")
    parser.add_argument("--video", metavar="FILE", help="a video of one face; its sound is not used")
    parser.add_argument("--label", metavar="NAME", help="a canonical emotion or compound: happy, sadly angry")
    parser.add_argument("--blend", help="weighted labels, words or files: happy:0.7,image=me.jpg:0.3")
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        type=Path,
        help=f"many inputs: csv with columns, or jsonl with keys, of {', '.join(KINDS)} (one filled in each "
        "row) and, if wanted, name; paths are relative to this file",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: an object, or with --inputs a list")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    args = build_parser().parse_args(argv)
    given = {kind: getattr(args, kind) for kind in KINDS if getattr(args, kind) is not None}
    if args.inputs is not None and given:
        raise UserError(f"--inputs and --{next(iter(given))} contradict each other; give one of them")
    if len(given) > 1:
        raise UserError(
            f"{' and '.join(f'--{kind}' for kind in given)} contradict each other; give one of them"
        )
    if not given and args.inputs is None:
        raise UserError(f"give one of {', '.join(f'--{kind}' for kind in KINDS)} or --inputs")
    inputs = read_inputs(args.inputs) if args.inputs is not None else [Input.of(given)]
    from lit_emotalk.inference.emotion.codes import EmotionReader

    reader = EmotionReader.load(args.models, args.device)
    results = []
    for entry in inputs:
        try:
            similarity = reader.space.similarities(reader.code(entry.emotion))
            doubt = reader.doubts.of(entry.emotion)
        except UserError as error:
            raise UserError(f"{entry.name}: {error}") if args.inputs is not None else error from None
        results.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "input": entry.value,
                "nearest": next(iter(similarity)),
                "similarity": {emotion: round(cosine, 6) for emotion, cosine in similarity.items()},
                "doubt": "; ".join(doubt) or None,
                **(sureness(reader, entry.value) if entry.kind == "text" else {}),
            }
        )
        for line in doubt:
            print(line, file=sys.stderr)
    if args.json:
        json.dump(results if args.inputs is not None else results[0], sys.stdout, indent=1)
        print()
    else:
        print("\n\n".join(table(result) for result in results))


def sureness(reader: "EmotionReader", text: str) -> dict[str, Any]:
    """How near a text is to the nearest words that the space knows (see `doubts`), and whether it negates."""
    near = reader.doubts.nearness(text)
    return {"nearness": None if near is None else round(near, 6), "negation": negates(text)}


def table(result: dict[str, Any]) -> str:
    """One input's similarities as text, a line for each emotion."""
    lines = [f"  {emotion:<10} {cosine:+.3f}" for emotion, cosine in result["similarity"].items()]
    if result.get("nearness") is not None:
        lines.append(f"  nearest known words {result['nearness']:+.3f}")
    return "\n".join([f"{result['kind']} {result['name']}", *lines])


def read_inputs(path: Path) -> list[Input]:
    """The inputs of a csv or jsonl file; UserError names the line that is wrong."""
    rows = _rows(path)
    if not rows:
        raise UserError(f"{path} holds no input; give rows with one of {', '.join(KINDS)}")
    inputs = []
    for line, row in rows:
        unknown = sorted(str(key) for key in row.keys() - {*KINDS, "name"})
        if unknown:
            raise UserError(
                f"{path}, line {line}: unknown column {', '.join(unknown)}; known: {', '.join(KINDS)}"
            )
        given = {kind: str(row[kind]) for kind in KINDS if row.get(kind) not in (None, "")}
        try:
            inputs.append(Input.of(given, str(row.get("name") or ""), path.parent))
        except UserError as error:
            raise UserError(f"{path}, line {line}: {error}") from error
    return inputs


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise UserError(f"--inputs takes a .csv or .jsonl file, not {path.name}")
    text = read_text(path)
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(text.splitlines())
        return [(reader.line_num, row) for row in reader]
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise UserError(f"{path}, line {number}: not an object, as {{'text': 'a happy person'}}")
            rows.append((number, row))
    return rows
