"""Packs what has to travel to a machine with a GPU and no package index: experiments/gpu/pack.sh, which is
python -m tests.benchmarks.gpu.pack [--shards DIR] [--newest hef.tar] [--have check.json].

Wheels of what the check imports and that machine lacks, some shards of a corpus, and the generator that an
earlier call trained, in pieces below outputs/gpu/carried. The first piece holds the wheels. Wheels that lie
in outputs/gpu/wheels are not fetched again.
"""

import argparse
import subprocess
import tarfile
from pathlib import Path

from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import existing_file, read_text
from tests.benchmarks.gpu.pieces import MANIFEST, pack
from tests.benchmarks.gpu.results import read_json
from tests.benchmarks.gpu.shards import subset
from tests.benchmarks.gpu.wheels import closure, download, project_requirements

ROOT = Path(__file__).parents[3]
KNOWN = ROOT / "experiments" / "gpu" / "packages.txt"
MIB = 2**20
MOST_MIB = 60.0
CALL_MIB = 63.0
"""What one call carries, this tree included, with a little room."""


def present_there(have: Path | None) -> list[str]:
    """Distributions on that machine: from a check.json that came back, or else from the list. Raises
    UserError where the file holds none."""
    if have is None:
        return [line for line in map(str.strip, read_text(KNOWN).splitlines()) if line and line[0] != "#"]
    content = read_json(existing_file(have, "check.json"))
    packages = (content or {}).get("machine", {}).get("packages")
    if not isinstance(packages, dict):
        raise UserError(f"{have} has no list of packages (machine.packages); leave --have out")
    carried = content.get("carried", {}).get("wheels", {}).get("installed", [])
    travelled = {name.split("-")[0].lower().replace("_", "-") for name in carried}
    return [name for name in packages if name.lower().replace("_", "-") not in travelled]


def tree_bytes() -> int:
    """Bytes of this tree that travel with every call: what git does not ignore."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum((ROOT / name).stat().st_size for name in names if name and (ROOT / name).is_file())


def newest(path: Path, folder: Path) -> list[tuple[str, Path]]:
    """The files of a hef.tar that came back; UserError where it is none."""
    wanted = ("hef/model.safetensors", "hef/model.yaml")
    try:
        with tarfile.open(existing_file(path, "hef.tar")) as tar:
            for name in wanted:
                tar.extract(name, folder, filter="data")
    except (tarfile.TarError, KeyError, OSError) as error:
        raise UserError(f"{path} is no hef.tar of a check ({error})") from error
    return [(f"newest/{name}", folder / name) for name in wanted]


def collect(arguments: argparse.Namespace) -> list[tuple[str, Path]]:
    """Names and paths of all that travels, wheels first."""
    folder: Path = arguments.output
    files: list[tuple[str, Path]] = []
    if not arguments.no_wheels:
        wanted = closure(project_requirements(ROOT / "pyproject.toml"), present_there(arguments.have))
        wheels = download(wanted, folder.parent / "wheels")
        files += [(f"wheels/{path.name}", path) for path in wheels]
        print(f"{len(wheels)} wheels, {sum(path.stat().st_size for path in wheels) / MIB:.1f} MiB")
        for path in sorted(wheels, key=lambda each: -each.stat().st_size)[:5]:
            print(f"  {path.stat().st_size / MIB:6.1f} MiB  {path.name}")
    if arguments.newest is not None:
        files += newest(arguments.newest, folder / "newest")
    if arguments.shards is not None:
        most = int(arguments.shard_mib * MIB)
        chosen = subset(arguments.shards, most, folder / "shards.json")
        files += [(f"shards/{name}", path) for name, path in chosen]
        print(f"{len(chosen) - 1} shards, {sum(path.stat().st_size for _, path in chosen) / MIB:.1f} MiB")
    if not files:
        raise UserError("nothing to pack: give --shards or --newest, or leave --no-wheels out")
    return files


def main() -> None:
    """Pack, and say what each call carries."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.gpu.pack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=Path("outputs/gpu/carried"))
    parser.add_argument("--shards", type=Path, help="a folder of shards with frames, such as outputs/faces")
    parser.add_argument("--shard-mib", type=float, default=36.0, help="MiB of shards (default: 36)")
    parser.add_argument("--newest", type=Path, help="hef.tar that came back: training goes on from it")
    parser.add_argument("--have", type=Path, help="check.json that came back: what that machine holds")
    parser.add_argument("--no-wheels", action="store_true", help="they lie there already")
    parser.add_argument("--piece-mib", type=float, help="(default: what fits beside this tree, at most 60)")
    arguments = parser.parse_args()
    tree = tree_bytes() / MIB
    size = arguments.piece_mib or min(MOST_MIB, CALL_MIB - tree)
    if not 0 < size <= MOST_MIB:
        raise UserError(f"a piece has more than 0 and at most {MOST_MIB:.0f} MiB, not {size:.1f}")
    pieces = pack(collect(arguments), arguments.output, int(size * MIB))
    print(f"this tree: {tree:.1f} MiB; {len(pieces)} pieces of at most {size:.1f} MiB, one for each call:")
    for piece in pieces:
        print(f"  {piece.stat().st_size / MIB:6.1f} MiB  carry {arguments.output / MANIFEST} {piece}")


if __name__ == "__main__":
    run_main(main, "tests.benchmarks.gpu.pack")
