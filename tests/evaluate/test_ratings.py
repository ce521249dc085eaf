"""The user study's table: crossed intervals, bold print, the reported block, wrong CSV files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.tables.command import main
from lit_emotalk.evaluate.tables.ratings import build_ratings, read_ratings
from lit_emotalk.evaluate.tables.spec import Bootstrap, read_spec
from lit_emotalk.evaluate.tables.statistics import resample_crossed, weighted_estimate

SPEC = Path(__file__).parents[2] / "experiments" / "tables" / "user_study.yaml"
QUALITY = {"ground_truth": 4.8, "MEAD": 3.0, "EAMM": 3.1, "Ours": 4.2}
HEAD = "rater,video,method,question,score\n"


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """8 raters, 10 videos, 4 methods, 2 questions; in lip_sync all methods but the truth are alike."""
    rng = np.random.default_rng(0)
    path = tmp_path / "ratings.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "rater", "question", "method", "score", "comment"])
        for rater in range(8):
            mood = rng.normal(0, 0.4)
            for video in range(10):
                for method, mean in QUALITY.items():
                    for question in ("quality", "lip_sync"):
                        level = mean if question == "quality" or method == "ground_truth" else 3.5
                        score = np.clip(round(level + mood + rng.normal(0, 0.7)), 1, 5)
                        writer.writerow([f"v{video}", f"r{rater}", question, method, score, "fine"])
    return path


def test_the_printed_table(ratings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--spec", str(SPEC), "--ratings", str(ratings), "--output", str(tmp_path / "out")])
    text = capsys.readouterr().out
    lines = {line.split("|")[1].strip(): line.split("|")[2:] for line in text.splitlines() if "|" in line}
    assert [cell.strip() for cell in lines["Method"][:3]] == ["Lip Sync. ↑", "Emo Acc. ↑", "Video Quality ↑"]
    assert "**" in lines["Ours"][2] and "**" not in "".join(lines["Ours"][:2] + lines["EAMM"] + lines["MEAD"])
    assert "**" not in "".join(lines["Ground truth"])
    assert "- (1)" in lines["Ours"][1] and "(1) no ratings" in text
    assert "*4.34*" in lines["*Ours*"][0] and "*3.27*" in lines["*PC-AVS*"][4]
    assert "640 ratings from 1 to 5 by 8 rater(s) of 10 video(s)" in text
    found = json.loads((tmp_path / "out" / "user_study.json").read_text())["rows"]["Ours"]["quality"]
    assert (found["ratings"], found["raters"]) == (80, 8) and found["low"] < found["mean"] < found["high"]
    with open(tmp_path / "out" / "user_study.csv", newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["method"] == "Ours" and r["column"] == "quality")
    assert (row["ratings"], row["raters"]) == ("80", "8")
    assert r"\textbf{" in (tmp_path / "out" / "user_study.tex").read_text()


def test_means_are_of_the_ratings(ratings: Path) -> None:
    table = build_ratings(read_spec(SPEC), ratings)
    cells = dict(table.rows)
    with open(ratings, newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["method"], r["question"]) == ("EAMM", "quality")]
    found = cells["EAMM"]["quality"].estimate
    assert found is not None and found.mean == pytest.approx(np.mean([float(r["score"]) for r in rows]))


def test_a_rating_counts_as_rater_times_video() -> None:
    raters, videos = list("aabbcc"), list("xyxyxy")
    weights = resample_crossed(raters, videos, Bootstrap(samples=300)).reshape(-1, 3, 2)
    for table in weights:
        assert np.linalg.matrix_rank(table) <= 1
    assert (weights.sum((1, 2)) == 6).all() and weights.std() > 0.5


@pytest.mark.parametrize("shared", ["raters", "videos"])
def test_intervals_know_that_people_and_videos_have_their_ways(shared: str) -> None:
    rng = np.random.default_rng(1)
    own = rng.normal(size=8)
    names = [(str(r), str(v)) for r in range(8) for v in range(8)]
    place = 0 if shared == "raters" else 1
    scores = np.array([own[int(name[place])] + 0.05 * rng.normal() for name in names])
    raters, videos = ([name[i] for name in names] for i in (0, 1))
    crossed = weighted_estimate(scores, resample_crossed(raters, videos, Bootstrap()), Bootstrap(), 8)
    alone = np.random.default_rng(0).multinomial(64, np.full(64, 1 / 64), 2000).astype(float)
    independent = weighted_estimate(scores, alone, Bootstrap(), 64)
    assert crossed.high - crossed.low > 2 * (independent.high - independent.low)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rater,video,method,score\n", "lacks the column.s. question"),
        (HEAD, "holds no ratings"),
        (HEAD + "a,v,Ours,quality,6\n", "line 2: the score 6 is not between 1 and 5"),
        (HEAD + "a,v,Ours,quality,5\na,v,Ours,quality,good\n", "line 3: the score 'good' is no number"),
        (HEAD + "a,,Ours,quality,5\n", "line 2: no video"),
        (HEAD + "a,v,Ours\n", "line 2: no question"),
        (HEAD + 2 * "a,v,Ours,quality,5\n", "a / v / Ours / quality is rated 2 times"),
        (HEAD + "a,v,ours,quality,5\n", "rates ours on quality"),
    ],
)
def test_wrong_ratings_are_one_line(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text(text)
    with pytest.raises(UserError, match=line):
        build_ratings(read_spec(SPEC), tmp_path / "ratings.csv")
    with pytest.raises(UserError, match="no ratings at"):
        read_ratings(tmp_path / "none.csv")


def test_what_has_no_place_is_counted(tmp_path: Path) -> None:
    rows = "a,v,Ours,quality,4\na,v,Other,quality,2\na,v,Ours,charm,2\n"
    (tmp_path / "ratings.csv").write_text(HEAD + rows)
    table = build_ratings(read_spec(SPEC), tmp_path / "ratings.csv")
    assert "Ratings that the table has no place for: Other (1), Ours (1)." in table.notes
    assert any("With 1 rater(s)" in note for note in table.notes)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("ratings: outputs", "results: [a.jsonl]\nratings: outputs", "results or ratings, not both"),
        ("columns: [lip_sync", "columns: [charm, lip_sync", "unknown column.s. charm"),
        ("ratings: outputs/user_study/ratings.csv\n", "", "go together"),
    ],
)
def test_wrong_specs_are_one_line(old: str, new: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.read_text().replace(old, new))
    with pytest.raises(UserError, match=line):
        read_spec(tmp_path / "spec.yaml")
