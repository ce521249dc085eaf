"""A study's YAML: what is wrong in it is said in one line; the ready specs fit the tables."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.tables.spec import read_spec as read_table
from lit_emotalk.web.study.spec import read_spec
from tests.web.study.conftest import CLIPS, METHODS, spec_content, write_named_video, write_spec

ROOT = Path(__file__).parents[3]
STUDIES = sorted((ROOT / "experiments" / "studies").glob("*.yaml"))
TABLES = {"temporal": "user_study"}
"""The table of a study where it is not its namesake."""

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"rater": 3}, "unknown key 'rater' in the study"),
    "unknown key of a question": ({"questions": {"q": {"txt": "?"}}}, "unknown key 'txt' in question q"),
    "odd name of a question": (
        {"questions": {"a b": {"text": "?"}}},
        "question 'a b' must be up to 60 letters",
    ),
    "no text": ({"questions": {"q": {}}}, "question q lacks text"),
    "no questions": ({"questions": {}}, "the study lacks questions"),
    "questions as a list": ({"questions": ["a"]}, "questions must be names and values"),
    "no title": ({"title": ""}, "lacks title"),
    "raters as text": ({"raters": "many"}, "raters must be a whole number from 1 to 10000, not 'many'"),
    "no raters": ({"raters": 0}, "raters must be"),
    "too many clips": ({"clips_per_rater": 4}, "clips_per_rater must be a whole number from 1 to 3"),
    "too many anchors": ({"clips_per_rater": 1, "anchors_per_rater": 2}, "anchors_per_rater must be"),
    "every check may fail": ({"attention": {"checks": 2, "mistakes": 2}}, "attention.mistakes must be"),
    "clip twice": ({"clips": ["one", "two", "one"]}, "clip 'one' is named twice"),
    "clips as text": ({"clips": "some"}, "clips must be 'all' or a list"),
    "missing clip": ({"clips": ["one", "ten"]}, "lacks ten"),
    "missing folder": ({"methods": {"A": "/nowhere"}}, "no folder /nowhere for method A"),
    "empty method": ({"methods": {"A": None}}, "'A' in methods has no value"),
    "missing practice": ({"practice": "/nowhere.mp4"}, "no such practice video"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(case: str, material: Path, tmp_path: Path) -> None:
    changes, line = WRONG[case]
    path = write_spec(tmp_path / "spec.yaml", spec_content(material, **changes))
    with pytest.raises(UserError, match=line) as caught:
        read_spec(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "a: [", "- a", "title: {a: b"])
def test_a_file_that_is_no_spec_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(UserError, match=r"spec\.yaml"):
        read_spec(tmp_path / "spec.yaml")
    with pytest.raises(UserError, match="no such study spec"):
        read_spec(tmp_path / "none.yaml")


def test_doubled_names_are_said(material: Path, tmp_path: Path) -> None:
    folder = str(material / METHODS[0])
    text = yaml.safe_dump(spec_content(material))
    (tmp_path / "a.yaml").write_text(text + "title: once more\n")
    with pytest.raises(UserError, match="'title' is named twice"):
        read_spec(tmp_path / "a.yaml")
    for methods, line in (
        ({"Ours": folder, "ours": str(material / METHODS[1])}, "'ours' is named twice"),
        ({"Ours": folder, "Mine": folder}, "Ours and Mine have the same folder"),
        ({"Ground_Truth": folder}, "as the key ground_truth"),
    ):
        path = write_spec(tmp_path / "b.yaml", spec_content(material, methods=methods))
        with pytest.raises(UserError, match=line):
            read_spec(path)


def test_missing_and_ambiguous_videos_are_said(material: Path, tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    methods = {name: str(tmp_path / name) for name in "AB"}
    content = spec_content(material, methods=methods, ground_truth=None, sources=None, anchors_per_rater=0)
    path = write_spec(tmp_path / "spec.yaml", content)
    with pytest.raises(UserError, match="there is no video"):
        read_spec(path)
    for name in ("u", "v", "w", "x", "y", "z"):
        (tmp_path / "A" / f"{name}.mp4").touch()
    (tmp_path / "B" / "z.webm").touch()
    with pytest.raises(UserError, match=r"B \(.*\) lacks u, v, w, x and 1 more"):
        read_spec(path)
    (tmp_path / "A" / "z.mov").touch()
    with pytest.raises(UserError, match=r"two files are called z in .*: z\.mov and z\.mp4"):
        read_spec(path)


def test_the_small_study_is_read(material: Path, tmp_path: Path) -> None:
    spec = read_spec(write_spec(tmp_path / "spec.yaml", spec_content(material)))
    assert spec.methods == METHODS and set(spec.clips) == set(CLIPS)
    assert spec.clips_per_rater == 3 and spec.anchors_per_rater == 2 and spec.checks == 2
    assert all(path.is_file() for files in spec.videos.values() for path in files.values())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_ready_studies_fit_their_tables(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load(path.read_text())
    folders = [*content["methods"].values(), *filter(None, [content.get("ground_truth")])]
    for folder in folders:
        for clip in range(6):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / f"{clip}.mp4").touch()
    if "sources" in content:
        (tmp_path / content["sources"]).mkdir(parents=True)
        for clip in range(6):
            (tmp_path / content["sources"] / f"{clip}.png").touch()
    spec = read_spec(path)
    table = read_table(ROOT / "experiments" / "tables" / f"{TABLES.get(path.stem, path.stem)}.yaml")
    assert spec.raters == 15 and spec.checks >= 2
    assert {question.name for question in spec.questions} <= set(table.columns)
    assert set(spec.videos) <= {row.method for row in table.rows}


def test_nested_clips_keep_their_folder(material: Path, tmp_path: Path) -> None:
    write_named_video(tmp_path / "A" / "M003" / "happy.mp4", "A")
    content = spec_content(
        material, methods={"A": str(tmp_path / "A")}, ground_truth=None, sources=None, anchors_per_rater=0
    )
    assert read_spec(write_spec(tmp_path / "spec.yaml", content)).clips == ("M003/happy",)
