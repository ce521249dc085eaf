"""Tables of paired differences, and the paper's own numbers in the tables that print them."""

import json
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.tables.build import build
from lit_emotalk.evaluate.tables.spec import read_spec
from lit_emotalk.evaluate.tables.write import markdown
from tests.evaluate.test_tables import SPEC, write_results


def test_differences_are_paired_and_signed(tmp_path):
    spec = SPEC.replace("columns:", "differences_to: good\ncolumns:").replace(
        "  - {method: ground_truth, name: Truth, competes: false}\n", ""
    )
    (tmp_path / "spec.yaml").write_text(spec)
    results = write_results(tmp_path / "results.jsonl")
    table = build(read_spec(tmp_path / "spec.yaml"), [results])
    cells = dict(table.rows)
    rows = [json.loads(line) for line in results.read_text().splitlines()[1:]]
    psnr = {
        m: np.array([r["metrics"]["psnr"] for r in rows if r["method"] == m and r["metrics"]])
        for m in ("good", "bad")
    }
    assert (
        cells["Good"]["psnr"].estimate.mean == pytest.approx(psnr["good"].mean())
        and not cells["Good"]["psnr"].bold
    )
    found = cells["Bad_one"]["psnr"]
    assert found.estimate.mean == pytest.approx((psnr["bad"] - psnr["good"]).mean())
    assert found.bold and found.estimate.low < found.estimate.high < 0
    assert not cells["Bad_one"]["m_lmd"].bold, "its interval holds zero"
    assert cells["Never run"]["psnr"].reason == "no results of this method"
    text = markdown(table)
    assert "Rows but Good: paired differences to it" in text
    line = next(line for line in text.splitlines() if line.startswith("| Bad_one"))
    assert "**-" in line and ", +" in line
    lines = results.read_text().splitlines()
    few = [line for line in lines if not any(f'"clip{i}"' in line for i in (4, 5))]
    results.write_text("".join(f"{line}\n" for line in few))
    found = dict(build(read_spec(tmp_path / "spec.yaml"), [results]).rows)["Bad_one"]["psnr"]
    assert found.estimate.high < 0 and not found.bold, "four clips say little"
    (tmp_path / "spec.yaml").write_text(SPEC.replace("columns:", "differences_to: nobody\ncolumns:"))
    with pytest.raises(UserError, match="names nobody, which is no row"):
        read_spec(tmp_path / "spec.yaml")


def test_the_papers_numbers_are_the_papers():
    """Tables 1 and 2 of the supplement, as printed there: the order of the columns is the paper's."""
    folder = Path(__file__).parents[2] / "experiments" / "tables"
    first, second = (read_spec(folder / f"{name}.yaml").reported for name in ("ravdess", "user_study"))
    columns = ("efd", "f_lmd", "sync", "csim", "fid", "psnr", "ssim")
    assert {name: [row[c] for c in columns] for name, row in first.items()} == {
        "PC-AVS": [0.127, 2.90, 3.01, 0.78, 37.83, 27.98, 0.66],
        "EAMM": [0.108, 2.67, 3.09, 0.69, 40.57, 28.12, 0.71],
        "Ours-T": [0.088, 2.49, 3.23, 0.82, 17.06, 29.19, 0.83],
    }
    questions = ("lip_sync", "emotion", "quality", "identity")
    rated = {name: [row[q] for q in questions] for name, row in second.items() if "lip_sync" in row}
    assert rated == {
        "MEAD": [3.67, 4.11, 3.09, 4.27],
        "EVP": [3.78, 3.84, 3.94, 3.12],
        "EAMM": [3.83, 4.09, 3.25, 3.34],
        "Ours": [4.34, 4.52, 4.28, 4.69],
    }
    assert {name: row["temporal"] for name, row in second.items() if "temporal" in row} == {
        "PC-AVS": 3.27, "EAMM": 3.80, "Ours": 4.54,
    }  # fmt: skip
