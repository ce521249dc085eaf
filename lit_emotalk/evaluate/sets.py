"""The numbers of a method that speak of all its clips: FID, E-FID, pose FID, THEval's scores."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.evaluate.scores import rounded
from lit_emotalk.evaluate.store import SET_KEY, ResultsFile, Row
from lit_emotalk.evaluate.tasks import TRUE, Outcome
from lit_emotalk.io.files import atomic_path
from lit_emotalk.metrics.coefficient_fid import ExpressionFID, PoseFID
from lit_emotalk.metrics.fid import FrechetDistance
from lit_emotalk.metrics.theval_score import MEASURES, THEval

FEATURES, COEFFICIENTS = "features", "coefficients"


def kept_folder(results: Path, kind: str) -> Path:
    """Where what is kept of a results file's clips lies: `features` (Inception's) or `coefficients`."""
    return results.with_suffix(f".{kind}")


def keep(results: Path, outcome: Outcome) -> None:
    """Keep a clip's Inception features and coefficients, one file a method."""
    for kind, found in ((FEATURES, outcome.features), (COEFFICIENTS, outcome.coefficients)):
        for method, values in found.items():
            key = outcome.rows[0]["key"].replace("/", "__")
            with (
                atomic_path(kept_folder(results, kind) / _name(method) / f"{key}.npy") as temporary,
                open(temporary, "wb") as handle,
            ):
                np.save(handle, values)


def score_sets(results: ResultsFile) -> None:
    """Add a row with the key "*" for every method: what can be computed over all its clips."""
    methods = {method for method, key in results.rows if key != SET_KEY}
    for method in sorted(methods):
        row = set_row(results, method)
        if row["metrics"]:
            results.append(row)


def set_row(results: ResultsFile, method: str) -> Row:
    """A method's row over all its clips; `frames` says how many each Fréchet distance rests on."""
    metrics: dict[str, float] = {}
    frames: dict[str, int] = {}
    features = _sets(results.path, FEATURES, method)
    coefficients = _sets(results.path, COEFFICIENTS, method)
    if features is not None:
        _distance(metrics, "fid", FrechetDistance(), *features)
        frames["strided"] = len(features[0])
    if coefficients is not None:
        made, true = coefficients
        expression, pose = ExpressionFID(), PoseFID()
        _distance(metrics, "e_fid", expression, made[:, ARKIT.expression], true[:, ARKIT.expression])
        _distance(metrics, "pose_fid", pose, made[:, ARKIT.pose], true[:, ARKIT.pose])
        frames["e_fid"], frames["e_fid_true"] = (int(count) for count in expression.counts)
    theval = THEval()
    for row in results.rows.values():
        if row["method"] == method and row["key"] != SET_KEY and "truth" in row:
            theval.update(*(_measures(row[part]) for part in ("metrics", "truth")))
    if theval.clips.any():
        scores = {name: rounded(float(value)) for name, value in theval.compute().items()}
        metrics |= {f"theval_score_{name}": scores[name] for name in MEASURES if name in scores}
        if np.isfinite(scores["total"]):
            metrics["theval"] = scores["total"]
    return {"method": method, "key": SET_KEY, "frames": frames, "metrics": metrics}


def _distance(
    metrics: dict[str, float], name: str, distance: FrechetDistance, made: Tensor, true: Tensor
) -> None:
    distance.update(made, real=False)
    distance.update(true, real=True)
    value = float(distance.compute())
    if np.isfinite(value):
        metrics[name] = rounded(max(value, 0.0))


def _measures(columns: dict[str, float]) -> dict[str, float]:
    """THEval's measures among columns."""
    return {name: columns[f"theval_{name}"] for name in MEASURES if f"theval_{name}" in columns}


def _sets(results: Path, kind: str, method: str) -> tuple[Tensor, Tensor] | None:
    """What is kept of a method's clips and of the true ones of the same names; None without any."""
    made, true = (kept_folder(results, kind) / name for name in (_name(method), TRUE))
    names = sorted(path.name for path in made.glob("*.npy") if (true / path.name).is_file())
    if not names:
        return None
    own, real = (np.concatenate([np.load(place / name) for name in names]) for place in (made, true))
    return torch.from_numpy(own), torch.from_numpy(real)


def _name(method: str) -> str:
    return method.replace("/", "__")
