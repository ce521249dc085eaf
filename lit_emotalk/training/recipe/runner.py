"""`lit-emotalk recipe FILE`: runs a list of steps; skips those whose inputs, code and outputs are unchanged.

    out: outputs/demo            # state in OUT/.recipe, times and memory in OUT/summary.json under "steps"
    extends: base.yaml           # a recipe beside this one, whose keys, variables and steps this one changes
    without: [animate]           # its steps that are left out
    requires:                    # what must be there first: path, device, disk (GB), weights, package
      - {path: "${variables.root}", why: the videos}
      - {weights: fid_inception, why: FID, optional: true}
      - {weights: vgg19, optional: true, without: {loss: edges}} # variables, where it is absent
    variables: {root: data}      # for ${variables.root}; --set root=FOLDER replaces it
    packages: [torch, lightning] # their versions are part of every fingerprint
    summary: {table: ${out}/table.json}  # JSON files to gather in the summary, under these keys
    steps:
      - name: prepare            # unique
        command: python -m data_prep.mead --input ${out}/corpus --output ${out}/shards
        inputs: [${out}/corpus] # files, directories or globs: their contents are part of the fingerprint
        code: [tool.sh]          # likewise, beside the project's code that the command runs: the runner
                                 # follows its module's imports, and the class paths of its YAML files
        outputs: [${out}/shards]# must exist afterwards; the step is run again when they change or vanish
        needs: [corpus]          # steps that come before
        when: ratings.csv        # the step is left out while this path is not there

A step's fingerprint is made of its command, the contents of inputs and code (comments and docstrings aside),
and the packages' versions. It is given to the command in the environment variable LIT_EMOTALK_FINGERPRINT,
by which a training knows whether it may continue an earlier run. A recipe that was killed at any moment is
continued by the same command.
"""

import argparse
import fcntl
import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text
from lit_emotalk.training.recipe.needs import report
from lit_emotalk.training.recipe.plan import Fingerprints, Recipe, Step, difference, fingerprint, load_recipe
from lit_emotalk.training.recipe.process import GIB, run_process


class Runner:
    """Runs the steps of a recipe. `state` holds what every step last did, in OUT/.recipe/state.json."""

    def __init__(self, recipe: Recipe, extra: dict[str, str], forced: set[str]) -> None:
        self.recipe = recipe
        self.extra = extra
        self.forced = forced
        self.state_path = recipe.out / ".recipe" / "state.json"
        self.state: dict[str, Any] = _read_json(self.state_path)
        self.fingerprints = Fingerprints(recipe.out / ".recipe" / "hashes.json", recipe.packages)

    def command(self, step: Step) -> str:
        """The step's command with the extra arguments of the command line."""
        return f"{step.command} {self.extra.get(step.name, '')}".strip()

    def reason(self, step: Step) -> str | None:
        """Why the step has to run, or None where it is up to date."""
        known = self.state.get(step.name)
        if step.name in self.forced:
            return "forced"
        if known is None:
            return "never finished"
        parts = self.fingerprints.parts(step, self.command(step))
        if "parts" not in known:
            return "finished by an older runner, which did not note all that it depends on"
        changed = difference(known["parts"], parts)
        if changed is not None:
            return changed
        if known["outputs"] != self.fingerprints.contents(step.outputs):
            return "its outputs changed or are missing"
        return None

    def plan(self, steps: Sequence[Step]) -> None:
        """Say what is needed, what will run and why; raises UserError naming what is lacking: needs, and
        inputs that nothing makes."""
        if self.recipe.needs:
            lines, unmet = report(self.recipe.needs, self.recipe.out)
            print("\n".join([f"{self.recipe.name} needs", *lines]), flush=True)
            if unmet:
                raise UserError(f"{self.recipe.name} lacks: {'; '.join(map(str, unmet))}")
        lacking = [
            f"{step.name} needs {path}"
            for step in steps
            for path in self._absent_inputs(step, by_earlier=True)
        ]
        if lacking:
            raise UserError(f"{self.recipe.name}: missing: {'; '.join(lacking)}")
        due: set[str] = set()
        print(f"{self.recipe.name}: {len(steps)} steps", flush=True)
        for step in steps:
            reason = self.reason(step)
            waiting = sorted(due & set(step.needs))
            if reason is not None or waiting:
                due.add(step.name)
            line = reason or (f"if {', '.join(waiting)} comes out different" if waiting else None)
            print(f"  {step.name:<16} {'unchanged' if line is None else f'to do: {line}'}", flush=True)

    def run(self, steps: Sequence[Step]) -> None:
        """Run the steps in order, skipping those that are up to date; raises UserError where one fails."""
        for number, step in enumerate(steps, 1):
            label = f"{self.recipe.name}: step {number}/{len(steps)} {step.name}"
            if self.reason(step) is None:
                print(f"{label}: unchanged, skipped", flush=True)
                self._summarise(step, skipped=True)
            else:
                self._run_step(step, label)
        seconds = sum(self.state[step.name]["seconds"] for step in steps)
        peak = max((self.state[step.name]["peak_memory_bytes"] for step in steps), default=0)
        print(
            f"{self.recipe.name}: done; all steps took {seconds:.0f} s, peak memory {peak / GIB:.2f} GiB",
            flush=True,
        )

    def _run_step(self, step: Step, label: str) -> None:
        missing = self._absent_inputs(step, by_earlier=False)
        if missing:
            raise UserError(f"step {step.name} needs {missing[0]}; run the steps before it first")
        command = self.command(step)
        parts = self.fingerprints.parts(step, command)
        if self.state.pop(step.name, None) is not None:
            self._save()
        print(f"{label}: {command}", flush=True)
        result = run_process(shlex.split(command), fingerprint(parts))
        if result.status != 0:
            raise UserError(
                f"step {step.name} failed with status {result.status}; "
                "run the same command again to continue from here"
            )
        absent = [path for path in step.outputs if not self.fingerprints.matches(path)]
        if absent:
            raise UserError(f"step {step.name} finished without making {absent[0]}")
        self.forced.discard(step.name)
        self.state[step.name] = {
            "parts": parts,
            "outputs": self.fingerprints.contents(step.outputs),
            "seconds": round(result.seconds, 2),
            "peak_memory_bytes": result.peak_memory_bytes,
        }
        self._save()
        self._summarise(step, skipped=False)
        peak = result.peak_memory_bytes / GIB
        print(f"{label}: done in {result.seconds:.1f} s, peak memory {peak:.2f} GiB", flush=True)

    def _absent_inputs(self, step: Step, by_earlier: bool) -> list[str]:
        made = [Path(path) for other in self.recipe.steps for path in other.outputs] if by_earlier else []
        return [
            path
            for path in step.inputs
            if not self.fingerprints.matches(path) and not any(_overlap(Path(path), other) for other in made)
        ]

    def _save(self) -> None:
        write_text(self.state_path, json.dumps(self.state, indent=1))

    def _summarise(self, step: Step, skipped: bool) -> None:
        path = self.recipe.out / "summary.json"
        summary = _read_json(path)
        known = self.state[step.name]
        summary.setdefault("steps", {})[step.name] = {
            "seconds": known["seconds"],
            "peak_memory_bytes": known["peak_memory_bytes"],
            "skipped": skipped,
        }
        for key, file in self.recipe.summary.items():
            if file.is_file():
                summary[key] = _read_json(file)
        write_text(path, json.dumps(summary, indent=1) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is damaged; remove it and run again") from error


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Hold the recipe's lock; raises UserError where another process holds it."""
    lock = out / ".recipe" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"another recipe is running in {out}; wait for it or stop it") from error
        yield


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk recipe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="the YAML file")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--only", metavar="STEP", help="this step alone")
    chosen.add_argument("--until", metavar="STEP", help="all steps down to this one")
    chosen.add_argument(
        "--target", metavar="STEP", action="append", help="this step and all that it needs; may be repeated"
    )
    parser.add_argument(
        "--force", metavar="STEP", action="append", default=[], help="run it though nothing changed"
    )
    parser.add_argument(
        "--extra", metavar="ARGS", default="", help="more arguments for the --only or --target step"
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="replace a variable of the recipe"
    )
    parser.add_argument("--plan", action="store_true", help="say what would run, and stop")
    return parser


def _setting(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not name or not equals:
        raise UserError(f"--set {argument}: give NAME=VALUE")
    return name, value


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for a wrong recipe, for missing inputs and where a step fails."""
    args = build_parser().parse_args(argv)
    recipe = load_recipe(Path(args.recipe), dict(map(_setting, args.set)))
    targets = args.target or []
    aim = args.only or (targets[0] if len(targets) == 1 else None)
    if args.extra and not aim:
        raise UserError("--extra needs --only or one --target: the step that gets the arguments")
    for name in args.force:
        recipe.step(name)
    if args.only:
        steps: Sequence[Step] = [recipe.step(args.only)]
    elif args.until:
        steps = recipe.steps[: recipe.steps.index(recipe.step(args.until)) + 1]
    else:
        steps = recipe.needed_by(*targets) if targets else recipe.steps
    with _only_one(recipe.out):
        runner = Runner(recipe, {aim: args.extra} if aim and args.extra else {}, set(args.force))
        runner.plan(steps)
        if not args.plan:
            runner.run(steps)
