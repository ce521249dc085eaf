"""What the pages say from the code: complete, and of the code."""

import ast
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Literal

import pytest
import yaml

from docs.generate import configuration, messages, protocols
from docs.generate.configuration import OTHERS, ROOT
from docs.generate.contract import coefficient_tables, shard_tables
from docs.generate.figures import figure, figures
from docs.generate.hooks import GENERATED, fill
from docs.generate.messages import Message, areas, place_of, text_of
from docs.generate.paintings import painting_table, paintings
from docs.generate.reference import keys_of, meanings, table
from lit_emotalk import schema
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.evaluate.columns import COLUMNS


@dataclass(frozen=True)
class Inner:
    """What is inside.

    depth: how deep. width,
    height: of the whole; at least 1.
    """

    depth: float = 1.5
    width: int = 2
    height: int = 3


class Base:
    """A base.

    Arguments:
        rate: how fast, in
            steps.
        network: the module.
    """

    def __init__(self, network: int, rate: float = 0.1, **kwargs: int) -> None: ...


class Outer(Base):
    """What is configured.

    Arguments:
        inner: what is inside.
        kind: `a` or `b`.
        kwargs: see `Base`.

    Raises nothing: at all.
    """

    def __init__(
        self, inner: Inner = Inner(depth=2.5), kind: Literal["a", "b"] | None = None, **kwargs: int
    ) -> None: ...


def test_keys_are_the_constructors_own_and_the_bases() -> None:
    keys = {key.name: key for key in keys_of(Outer, "x.")}
    assert list(keys) == [
        "x.inner",
        "x.inner.depth",
        "x.inner.width",
        "x.inner.height",
        "x.kind",
        "x.network",
        "x.rate",
    ]
    assert (keys["x.inner.depth"].default, keys["x.inner.depth"].meaning) == ("2.5", "how deep")
    assert keys["x.inner.width"].meaning == keys["x.inner.height"].meaning == "of the whole; at least 1"
    assert (keys["x.kind"].type, keys["x.kind"].default) == ("a or b or null", "null")
    assert keys["x.rate"].meaning == "how fast, in steps" and keys["x.network"].default == ""


def test_meanings_end_at_the_next_name_or_blank_line() -> None:
    said = "a: one; b and c: two, as in x: y.\n\nd is not: there"
    assert meanings(said, "abcd") == {"a": "one", "b": "two, as in x: y", "c": "two, as in x: y"}


def test_a_table_keeps_bars_inside_cells() -> None:
    @dataclass
    class Barred:
        """it: one | two."""

        it: int = field(default=1)

    assert "one \\| two" in table(keys_of(Barred))


@pytest.mark.parametrize(
    "section, path, cls", list(configuration.classes()), ids=lambda value: str(value)[-30:]
)
def test_every_key_of_the_configuration_has_a_meaning(section: str, path: str, cls: type) -> None:
    keys = list(keys_of(cls, f"{section}.init_args."))
    assert len(keys) > 5
    assert [key.name for key in keys if not key.meaning] == []


def test_every_key_that_an_experiment_sets_is_documented() -> None:
    for path in configuration.experiments():
        content, known = yaml.safe_load(path.read_text()), set(configuration.class_keys(path))
        for section in ("model", "data"):
            assert unknown(content[section]["init_args"], f"{section}.init_args.", known) == []


def unknown(values: dict, prefix: str, known: set[str]) -> list[str]:
    """Keys of nested values that are not known; those of lists' entries are not looked at."""
    found = [prefix + key for key in values if prefix + key not in known]
    for key, value in values.items():
        if isinstance(value, dict):
            found += unknown(value, f"{prefix}{key}.", known)
    return found


def test_every_yaml_file_of_the_experiments_is_shown_with_what_it_is() -> None:
    page = configuration.experiment_list() + configuration.other_files()
    for path in configuration.all_files():
        assert f"**`{path.relative_to(ROOT)}`** {configuration.comment(path)[:60]}" in page
        assert configuration.comment(path), path
    assert all((ROOT / "experiments" / folder).is_dir() for folder in OTHERS)


def test_the_run_s_own_keys() -> None:
    names = {key.name for key in configuration.run_keys()}
    assert {"seed_everything", "name", "runs", "export_dir", "restart"} <= names
    assert {key.name for key in configuration.trainer_keys()} >= {"trainer.max_epochs"}


def test_every_column_has_its_protocol() -> None:
    page = protocols.protocol_table()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(named) == sorted(COLUMNS)
    for column in COLUMNS.values():
        assert column.protocol.text.replace("|", "\\|") in page


def test_every_message_has_its_advice_and_every_advice_a_message() -> None:
    found = messages.messages()
    assert len(found) > 300
    used = {place_of(message) for message in found}
    idle = [(area.title, kind.says) for area in areas() for kind in area.kinds if (area, kind) not in used]
    assert [entry for entry in idle if entry[1]] == []


def test_every_raise_of_an_error_with_words_is_a_message() -> None:
    raised = 0
    for package in messages.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    raised += bool(text_of(node.exc))
    assert raised <= len(messages.messages())


@pytest.mark.parametrize(
    "code, said",
    [
        ('UserError(f"no {self.kind} at {path!r:>3}: {len(rows)} rows")', "no KIND at PATH: N rows"),
        ('UserError("a b " + f"{x}")', "a b X"),
        ('UserError("first thing" if a else "second thing")', "first thing / second thing"),
        ('Refusal(CODE, f"not {a.b()} here")', "not … here"),
        ("UserError(str(error))", ""),
        ('ValueError("not for users")', ""),
    ],
)
def test_templates_of_messages(code: str, said: str) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert text_of(call) == said


def test_a_file_of_no_area_is_named() -> None:
    with pytest.raises(LookupError, match="elsewhere/x"):
        place_of(Message("elsewhere/x.py", 1, "what is this"))


def test_the_contracts_are_shown_whole() -> None:
    for entry in (*schema.SIGNALS_ENTRIES, *schema.FRAMES_ENTRIES, *schema.RECORD):
        assert f"`{entry}`" in shard_tables()
    numbers = re.findall(r"(\d+) `(\w+)`", coefficient_tables())
    assert numbers == [(str(index), name) for index, name in enumerate(ARKIT.names)]


@pytest.mark.parametrize("name", figures())
def test_figures_are_pictures_with_a_title(name: str) -> None:
    svg = ET.fromstring(figure(name)).find("div/svg")
    assert svg is not None and svg.attrib["aria-label"] == figures()[name]["title"]
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    assert len(svg.findall("rect")) == len(figures()[name]["boxes"])
    for box in svg.findall("rect"):
        place = {key: float(box.attrib[key]) for key in ("x", "y", "width", "height")}
        assert place["x"] + place["width"] <= width and place["y"] + place["height"] <= height
    letters = [len(line) for box in figures()[name]["boxes"].values() for line in box[2].split("\n")]
    assert max(letters) <= 22


def test_paintings_are_few_and_old_and_have_their_sources() -> None:
    assert 1 <= len(paintings()) <= 4
    for painting in paintings():
        assert painting["died"] < 1900
        for cell in (painting["title"], painting["source"], str(painting["died"]), painting["keeper"]):
            assert cell and cell in painting_table()


def test_markers_are_replaced_and_wrong_ones_refused() -> None:
    for name in GENERATED:
        assert len(fill(f"<!-- generated: {name} -->")) > 100
    with pytest.raises(KeyError):
        fill("<!-- generated: weather -->")
