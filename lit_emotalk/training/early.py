"""What a training's command line is refused for before anything heavy is imported."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.io.sources import named_in
from lit_emotalk.training.run_directory import (
    CONTINUABLE,
    UNNAMED,
    WITHOUT_EFFECT,
    RunDirectory,
    flat,
    run_name,
)

STAGES = "lit_emotalk.stages"
CLASSES = ("model", "data", "model.class_path", "data.class_path")
ENDINGS = (".yaml", ".yml")
SHOWING = ("--print_config", "--help", "-h")
UNUSED = ("torchvision", "transformers", "onnxruntime", "librosa", "matplotlib")
"""What torchmetrics imports, where it is installed, for metrics that this package does not use."""


def main(argv: list[str]) -> None:
    """Refuse what `fit`, `validate` or `test` (`argv` begins with that word) need not be started for. Raises
    UserError for missing files, and for a number that is another than the run's, as the start would."""
    sources = list(_sources(argv[1:]))
    given = {key: value for source in sources for key, value in source.items()}
    checkpoint_file(given.get("ckpt_path"))
    chosen = [{key: source[key] for key in CLASSES if key in source} for source in sources]
    shown = any(word.partition("=")[0] in SHOWING for word in argv)
    if argv[0] == "fit" and not shown and sum(map(bool, chosen)) == 1:
        _refuse_changed(given)
    import_torchmetrics()


def checkpoint_file(given: Any) -> str | None:
    """The file that --ckpt_path names; None for the run's own last one. Raises UserError where it is not
    there."""
    if given is None or str(given) == "last":
        return None
    if "://" not in str(given) and not Path(given).is_file():
        raise UserError(f"--ckpt_path {given}: there is no such file")
    return str(given)


def import_torchmetrics() -> None:
    """Import torchmetrics, which Lightning needs, without what it would import for metrics that are not used
    here: it asks `RequirementCache` for each, and half of a training's start were these."""
    from lightning_utilities.core.imports import RequirementCache

    asked = RequirementCache.__bool__

    def there(self: RequirementCache) -> bool:
        return not (self.requirement or "").startswith(UNUSED) and asked(self)

    RequirementCache.__bool__ = there  # type: ignore[method-assign]
    try:
        import torchmetrics  # noqa: F401
    finally:
        RequirementCache.__bool__ = asked  # type: ignore[method-assign]


def _sources(words: list[str]) -> Iterator[dict[str, Any]]:
    """What every --config and every other argument says, in their order, by dotted keys."""
    waiting = list(words)
    while waiting:
        option, equals, value = waiting.pop(0).partition("=")
        if not option.startswith("--"):
            continue
        if not equals:
            value = waiting.pop(0) if waiting and not waiting[0].startswith("--") else ""
        key = option.removeprefix("--")
        yield _config(value) if key == "config" else flat({key: _parsed(value)})


def _config(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix not in ENDINGS or "://" in name:
        return {}  # the parser takes more than files, and says what it does not
    if not path.is_file():
        raise UserError(f"--config {name}: there is no such file")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--config {name} is no readable YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"the file given to --config is empty, or not keys with values: {name}")
    return flat(content)


def _parsed(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def _refuse_changed(given: dict[str, Any]) -> None:
    """UserError where the run is there and one of its numbers is given another value. Whatever else may have
    changed is left to `RunDirectory.begin`, which knows the whole configuration; so are command lines that
    name a class more than once, since the last one drops the arguments of those before."""
    package, _, stage = str(given.get("model.class_path")).rpartition(".")
    homes = named_in(STAGES, stage) if package in ("", STAGES) else []
    if not homes or given.get("restart", "never") != "never" or given.get("trainer.fast_dev_run"):
        return
    name, runs = given.get("name", UNNAMED), given.get("runs", "runs")
    directory = RunDirectory(Path(str(runs)) / homes[0].rpartition(".")[2] / run_name(str(name)))
    if not directory.last.is_file():
        return
    known = directory.config()
    changed = [
        key
        for key, value in sorted(given.items())
        if _is_number(value)
        and _is_number(known.get(key))
        and value != known[key]
        and not key.startswith(WITHOUT_EFFECT + CONTINUABLE)
    ]
    if changed:
        raise directory.refusal(changed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
