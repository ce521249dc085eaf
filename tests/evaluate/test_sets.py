"""A method's row over all its clips: Fréchet distances and THEval's scores, from what was kept of them."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from lit_emotalk.evaluate.sets import keep, score_sets
from lit_emotalk.evaluate.store import SET_KEY, ResultsFile, read_results
from lit_emotalk.evaluate.tasks import TRUE, Outcome

SIZES = {"a/1": 70, "b": 90}


def row(method: str, key: str, made: dict[str, float], true: dict[str, float]) -> dict:
    """A clip's row with THEval's measures."""
    metrics, truth = ({f"theval_{n}": v for n, v in side.items()} for side in (made, true))
    return {"method": method, "key": key, "metrics": metrics | {"psnr": 30.0}, "truth": truth}


def test_all_clips_of_a_method_count(tmp_path):
    dice = np.random.default_rng(0)
    results = ResultsFile(tmp_path / "r.jsonl", {})
    kept: dict[str, list[np.ndarray]] = {TRUE: [], "EAMM": []}
    for key, frames in SIZES.items():
        true = dice.random((frames, 57)).astype(np.float32)
        made = (0.8 * dice.random((frames, 57))).astype(np.float32)
        made[3] = np.nan
        rows = [
            row(
                "EAMM",
                key,
                {"lip_dynamics": 1.0 if key == "b" else 3.0},
                {"lip_dynamics": 4.0, "lip_sync": 1},
            ),
            row("truth", key, {"lip_dynamics": 4.0}, {"lip_dynamics": 4.0}),
        ]
        keep(results.path, Outcome(rows, {}, {TRUE: true, "EAMM": made, "truth": true}))
        for one in rows:
            results.append(one)
        kept[TRUE].append(true)
        kept["EAMM"].append(made[np.isfinite(made[:, 0])])
    results.append({"method": "broken", "key": "b", "metrics": {}, "error": "no face"})
    score_sets(results)
    results.close()
    sets = {r["method"]: r for r in read_results(results.path)[1] if r["key"] == SET_KEY}
    assert set(sets) == {"EAMM", "truth"}
    assert sets["truth"]["metrics"] == pytest.approx(
        {"e_fid": 0, "pose_fid": 0, "theval_score_lip_dynamics": 1, "theval": 1}, abs=1e-9
    )
    found = sets["EAMM"]
    assert found["frames"] == {"e_fid": 158, "e_fid_true": 160}
    assert found["metrics"]["theval"] == found["metrics"]["theval_score_lip_dynamics"] == 0.5
    for name, part in (("e_fid", slice(0, 51)), ("pose_fid", slice(51, 57))):
        a, b = (np.concatenate(kept[side])[:, part].astype(np.float64) for side in ("EAMM", TRUE))
        root = sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
        spread = np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root).real
        expected = np.square(a.mean(0) - b.mean(0)).sum() + spread
        assert found["metrics"][name] == pytest.approx(expected, rel=1e-4)


def test_a_method_may_be_called_reference(tmp_path):
    dice = np.random.default_rng(0)
    results = ResultsFile(tmp_path / "r.jsonl", {})
    rows = [row("reference", "a", {}, {})]
    true, made = dice.random((2, 60, 57)).astype(np.float32)
    keep(results.path, Outcome(rows, {}, {TRUE: true, "reference": made}))
    results.append(rows[0])
    score_sets(results)
    results.close()
    assert results.rows["reference", SET_KEY]["metrics"]["e_fid"] > 0.1
