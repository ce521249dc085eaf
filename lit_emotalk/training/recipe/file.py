"""A recipe's YAML with what it extends: one dict, its interpolations resolved."""

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lit_emotalk.errors import UserError
from lit_emotalk.training.recipe.needs import read_need

KEYS = ("out", "packages", "steps", "summary", "variables", "extends", "without", "requires")


def read_recipe(path: Path, settings: dict[str, str]) -> dict[str, Any]:
    """A recipe's content; `settings` replace its variables.

    With `extends` (a file beside it) it is that recipe's, with these changes: keys replace keys, `variables`
    and `summary` are joined, steps named in `without` are left out, and steps come after the others or, where
    they have a name of theirs, in their place. Where a need is absent, the variables of its `without` replace
    the recipe's. Raises UserError where a file is missing or no YAML, for unknown keys, variables that no
    recipe has and recipes without steps.
    """
    content = _joined(path, ())
    absent = _without(content, path)
    unknown = sorted({*settings, *absent} - set(content.get("variables") or {}))
    if unknown:
        known = ", ".join(content.get("variables") or {}) or "none"
        raise UserError(f"{path} has no variable {unknown[0]}; its variables: {known}")
    content["variables"] = {**(content.get("variables") or {}), **absent, **settings}
    if not isinstance(content.get("steps"), list) or "out" not in content:
        raise UserError(f"{path} needs the keys 'out' and 'steps' (a list)")
    try:
        resolved: Any = OmegaConf.to_container(OmegaConf.create(content), resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{path} is not a readable recipe: {' '.join(str(error).split())}") from error
    return resolved


def _without(content: dict[str, Any], path: Path) -> dict[str, str]:
    """The variables that replace others because of needs that are absent."""
    given = [item for item in content.get("requires") or () if isinstance(item, dict) and "without" in item]
    absent = [
        need for item in given if not (need := read_need(item, path)).met(Path(str(content.get("out"))))
    ]
    return {name: value for need in absent for name, value in need.without.items()}


def _joined(path: Path, children: tuple[Path, ...]) -> dict[str, Any]:
    """The content of a recipe and of what it extends, not resolved."""
    if path in children:
        raise UserError(f"{path} extends itself")
    own = _load(path)
    if "extends" not in own:
        return own
    base = _joined(path.parent / str(own.pop("extends")), (*children, path))
    dropped = set(own.pop("without", ()))
    for key in ("variables", "summary"):
        own[key] = {**(base.get(key) or {}), **(own.get(key) or {})}
    own["steps"] = _steps(base.get("steps") or [], own.get("steps") or [], dropped, path)
    return {**base, **own}


def _steps(base: list[Any], own: list[Any], dropped: set[str], path: Path) -> list[Any]:
    names = [_name(step, path) for step in base]
    lacking = sorted(dropped - set(names))
    if lacking:
        raise UserError(f"{path}: 'without' names {lacking[0]}, which is no step of what it extends")
    replacing = {_name(step, path): step for step in own}
    kept = [replacing.pop(name, step) for name, step in zip(names, base, strict=True) if name not in dropped]
    joined = [*kept, *replacing.values()]
    for step in joined:
        if isinstance(step.get("needs"), list):
            step["needs"] = [name for name in step["needs"] if name not in dropped]
    return joined


def _name(step: Any, path: Path) -> str:
    if not isinstance(step, dict) or "name" not in step:
        raise UserError(f"{path}: every step needs a name and a command")
    return str(step["name"])


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"no such recipe: {path}")
    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{path} is not a readable recipe: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} needs the keys 'out' and 'steps' (a list)")
    unknown = sorted(set(content) - set(KEYS))
    if unknown:
        raise UserError(f"{path} has unknown keys: {', '.join(unknown)}; known: {', '.join(KEYS)}")
    return content
