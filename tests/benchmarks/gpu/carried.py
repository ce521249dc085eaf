"""What travelled: pieces put together, wheels installed into a folder beside the rest, without an index."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text
from tests.benchmarks.gpu.pieces import MANIFEST, unpack
from tests.benchmarks.gpu.results import read_json, write_json

ROOT = Path(__file__).parents[3]
INSTALL_SECONDS = 120


def receive(folder: Path) -> dict[str, Any]:
    """Unpack `folder`/carried below `folder` and install `folder`/wheels into `folder`/site; what was
    found. A fault is said there, for the parts that need nothing of it run all the same."""
    found: dict[str, Any] = {"pieces": "none came"}
    if (folder / "carried" / MANIFEST).is_file():
        try:
            found["pieces"] = unpack(folder / "carried", folder)
        except UserError as error:
            found["pieces"] = {"error": str(error)}
    found["wheels"] = install(folder / "wheels", folder / "site")
    describe_project(folder / "site")
    return found


def describe_project(site: Path) -> None:
    """Write what an installation of this package would say of it: its version and requirements are read, and
    the tree is not installed there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    folder = f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    write_text(site / folder / "METADATA", "\n".join(lines) + "\n")


def install(wheels: Path, site: Path) -> dict[str, Any]:
    """Install the wheels that are not in `site` yet."""
    noted = site / "installed.json"
    there: list[str] = read_json(noted) or []
    new = sorted(path for path in wheels.glob("*.whl") if path.name not in there)
    if new:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--no-compile",
        ]
        command += ["--no-cache-dir", "--disable-pip-version-check", "--upgrade", "--target", str(site)]
        try:
            done = subprocess.run(
                [*command, *map(str, new)],
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
            failed = done.stderr.strip()[-500:] if done.returncode else ""
        except (OSError, subprocess.SubprocessError) as error:
            failed = f"{type(error).__name__}: {error}"[:500]
        if failed:
            return {"installed": there, "error": failed}
        there = sorted({*there, *(path.name for path in new)})
        write_json(noted, there)
    return {"installed": there}
