"""Agreement against independent computations; who is left out; the CSV that tables take."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.tables.ratings import read_ratings
from lit_emotalk.web.study.agreement import ordinal_alpha
from lit_emotalk.web.study.results import write_results
from lit_emotalk.web.study.store import Conflict, Store
from lit_emotalk.web.study.study import Study

KRIPPENDORFF_2011 = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Four observers by twelve units, of "Computing Krippendorff's Alpha-Reliability", section C."""


def triples(table: str) -> list[tuple[int, int, float]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return [(u, r, float(s)) for r, row in enumerate(rows) for u, s in enumerate(row) if s != "."]


def pairwise_alpha(ratings: list[tuple[int, int, float]]) -> float:
    """Alpha by counting pairs of ratings one by one, without a coincidence matrix."""
    units: dict[int, list[float]] = {}
    for unit, _, score in ratings:
        units.setdefault(unit, []).append(score)
    kept = {unit: scores for unit, scores in units.items() if len(scores) > 1}
    pool = [score for scores in kept.values() for score in scores]

    def distance(a: float, b: float) -> float:
        low, high = min(a, b), max(a, b)
        between = sum(low <= score <= high for score in pool)
        return (between - (pool.count(a) + pool.count(b)) / 2) ** 2 if a != b else 0.0

    seen = sum(
        distance(a, b) / (len(scores) - 1) for scores in kept.values() for a, b in permutations(scores, 2)
    ) / len(pool)
    chance = sum(distance(a, b) for a, b in permutations(pool, 2)) / (len(pool) * (len(pool) - 1))
    return 1 - seen / chance


def test_the_published_example() -> None:
    assert ordinal_alpha(triples(KRIPPENDORFF_2011)) == pytest.approx(0.815, abs=5e-4)


@pytest.mark.parametrize("seed", range(4))
def test_alpha_is_that_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 6, 12)
    ratings = [
        (unit, rater, float(np.clip(truth[unit] + rng.integers(-1, 2), 1, 5)))
        for unit in range(12)
        for rater in range(4)
        if rng.random() < 0.7
    ]
    assert ordinal_alpha(ratings) == pytest.approx(pairwise_alpha(ratings))


def test_the_ends_of_alpha() -> None:
    assert ordinal_alpha([(u, r, float(u % 5)) for u in range(8) for r in range(3)]) == pytest.approx(1)
    assert ordinal_alpha([(u, r, 3.0) for u in range(8) for r in range(3)]) is None
    assert ordinal_alpha([(u, 0, float(u)) for u in range(8)]) is None
    opposed = [(u, r, float(1 + 4 * ((u + r) % 2))) for u in range(8) for r in range(2)]
    value = ordinal_alpha(opposed)
    assert value is not None and value < -0.5


def rate(study: Study, rater: str, items: int | None = None, attentive: bool = True) -> None:
    """Answer a rater's items: checks as asked or not, the first method 5, the others 2."""
    with Store(study.folder, study.id) as store:
        for number, item in enumerate(study.raters[rater][:items]):
            score = 5 if item.method.startswith("Ours") else 2
            if item.kind == "check":
                score = item.expected if attentive else 6 - item.expected if item.expected != 3 else 1
            store.record(rater, number, {question.name: score for question in study.questions})


def test_ratings_become_the_tables_csv(study: Study, tmp_path: Path) -> None:
    rate(study, "r1")
    rate(study, "r2")
    report = write_results(study.folder, tmp_path / "out" / "ratings.csv")
    ratings = read_ratings(tmp_path / "out" / "ratings.csv")
    assert len(ratings) == 2 * 2 * (3 * 2 + 2)
    assert {rating.method for rating in ratings} == {"Ours-secret", "Other-secret", "ground_truth"}
    assert all(rating.score == (5 if rating.method == "Ours-secret" else 2) for rating in ratings)
    assert "agreement, lip_sync: Krippendorff's ordinal alpha 1.000 (2 raters" in report
    assert "left out" not in report and "0 have not started" in report


def test_the_inattentive_are_left_out_and_listed(study: Study, tmp_path: Path) -> None:
    rate(study, "r1", attentive=False)
    rate(study, "r2")
    report = write_results(study.folder, tmp_path / "ratings.csv")
    assert "left out: r1 failed 2 of 2 attention checks" in report
    assert {rating.rater for rating in read_ratings(tmp_path / "ratings.csv")} == {"r2"}


def test_the_unfinished_are_listed_and_left_out_on_request(study: Study, tmp_path: Path) -> None:
    rate(study, "r1", items=2)
    report = write_results(study.folder, tmp_path / "ratings.csv")
    assert "kept: r1 did not finish (2 of" in report and "1 have not started" in report
    assert len(read_ratings(tmp_path / "ratings.csv")) == 2
    with pytest.raises(UserError, match=r"no rating of .* can be used: .*left out: r1"):
        write_results(study.folder, tmp_path / "none.csv", complete_only=True)
    assert not (tmp_path / "none.csv").exists()


def test_without_ratings_one_line(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no ratings yet; run lit-emotalk study serve"):
        write_results(study.folder, tmp_path / "ratings.csv")


def test_ratings_of_another_study_are_refused(study: Study, tmp_path: Path) -> None:
    with Store(study.folder, study.id) as store:
        assert store._connection.execute("pragma synchronous").fetchone() == (2,)
        assert store._connection.execute("pragma journal_mode").fetchone() == ("wal",)
    with pytest.raises(UserError, match="the ratings of another study"):
        Store(study.folder, "other")
    (tmp_path / "ratings.sqlite").write_text("this is no database, only text that is long enough" * 40)
    with pytest.raises(UserError, match="cannot open"):
        Store(tmp_path, "any")


def test_two_servers_on_one_file_do_not_double(study: Study) -> None:
    with Store(study.folder, study.id) as one, Store(study.folder, study.id) as other:
        one.record("r1", 0, {"q": 3})
        other.record("r1", 0, {"q": 3})
        with pytest.raises(Conflict, match="has been answered"):
            other.record("r1", 0, {"q": 4})
        with pytest.raises(Conflict, match="is not next"):
            one.record("r1", 2, {"q": 4})
        assert other.answers() == {("r1", 0): {"q": 3}}
