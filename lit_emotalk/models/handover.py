"""What a stage hands to the next one: a network's weights and its configuration, apart from all training
state.

An export is a directory with `model.safetensors` and `model.yaml`:

    format: 1
    stage: hef
    config: {...}          # the network's frozen dataclass, field by field
    manifest: 9f2c...      # sha256 of the manifest.json of the shards it was trained on, or null
    sha256: 77ab...        # of model.safetensors
    versions: {lit_emotalk: ..., torch: ...}

One that was packed (`pack_export`) holds matrices and kernels at half precision, and its card says also

    precision: float16
    packed_from: 5e0c...   # sha256 of the model.safetensors at full precision

It is loaded to float32 like any other. `starter` in place of a directory is the export that ships with this
package, see `weights.starter`.

A network that can be exported is a class with `Config` (a frozen dataclass of plain values), a constructor
that takes one, and `self.config`. Parameters that its constructor fetches by itself (a frozen text tower) are
kept out of the export either by not registering the module, or by naming their prefixes in the class
attribute `export_ignore`.
"""

import dataclasses
import importlib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path, sha256_file, write_text
from lit_emotalk.io.version import __version__
from lit_emotalk.models.device import checked_device
from lit_emotalk.weights.starter import export_folder, mended

FORMAT = 1
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "model.yaml"
CARD_KEYS = ("format", "stage", "config", "manifest", "sha256", "versions")
KEYS_SHOWN = 4

NETWORKS: dict[str, str] = {
    "align": "lit_emotalk.models.emotion_space:EmotionSpace",
    "classify": "lit_emotalk.models.emotion_classifier:EmotionClassifier",
    "eac": "lit_emotalk.models.eac:EAC",
    "hef": "lit_emotalk.models.hef.generator:HEF",
    "sync": "lit_emotalk.models.syncnet:SyncNet",
}
"""The network class of every stage, by import path, so that reading this module imports no model."""


def save_export(directory: Path | str, stage: str, module: nn.Module, manifest_hash: str | None) -> None:
    """Write `module` as an export of `stage` into `directory` (made if absent; an older export is replaced).

    `module.config` is its frozen dataclass. `manifest_hash` is that of the shards it was trained on.
    The card is removed first and written last, so that an interrupted export is never taken for a whole one.
    """
    directory = Path(directory)
    weights = {
        key: value.detach().cpu().contiguous().clone() for key, value in _exported_state(module).items()
    }
    (directory / CARD_NAME).unlink(missing_ok=True)
    with atomic_path(directory / WEIGHTS_NAME) as temporary:
        save_file(weights, temporary)
    config: Any = module.config
    card = {
        "format": FORMAT,
        "stage": stage,
        "config": _plain(dataclasses.asdict(config)),
        "manifest": manifest_hash,
        "sha256": sha256_file(directory / WEIGHTS_NAME),
        "versions": {"lit_emotalk": __version__, "torch": str(torch.__version__)},
    }
    write_text(directory / CARD_NAME, yaml.safe_dump(card, sort_keys=False))


def pack_export(
    source: Path | str, target: Path | str, stage: str, changes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write the export in `source` to `target` with matrices and kernels at half precision; returns the new
    card. Vectors (biases, statistics of norms) are few and of any size: they stay as they are. `changes`:
    fields of its configuration that become others, on which no weight depends.

    Raises UserError like `load_export`, where the export is packed already, where a weight is too large for
    half precision, and where the changed network has no such field or other weights.
    """
    source, target = Path(source), Path(target)
    card = read_card(source, stage)
    if "precision" in card:
        raise UserError(f"{source} is at half precision already; pack the export that was trained")
    card["config"] |= changes or {}
    _built(source, stage, card)
    packed = {key: _halved(value) for key, value in load_file(source / WEIGHTS_NAME).items()}
    lost = sorted(key for key, value in packed.items() if not torch.isfinite(value).all())
    if lost:
        raise UserError(f"{source}: {_shown(lost)} is too large for half precision, or not a number")
    (target / CARD_NAME).unlink(missing_ok=True)
    with atomic_path(target / WEIGHTS_NAME) as temporary:
        save_file(packed, temporary)
    digests = {"sha256": sha256_file(target / WEIGHTS_NAME), "packed_from": card["sha256"]}
    card |= digests | {"precision": "float16"}
    write_text(target / CARD_NAME, yaml.safe_dump(card, sort_keys=False))
    return card


def read_card(directory: Path | str, stage: str) -> dict[str, Any]:
    """The checked `model.yaml` of an export of `stage`.

    Raises UserError where it is missing, unreadable, of another format or of another stage.
    """
    directory = export_folder(directory, stage)
    path = directory / CARD_NAME
    if not path.is_file():
        raise UserError(
            f"no export of stage '{stage}' at {directory}: {CARD_NAME} is missing; train it first"
        )
    try:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML; {mended(directory)}") from error
    if not isinstance(card, dict) or set(CARD_KEYS) - set(card) or not isinstance(card["config"], dict):
        raise UserError(f"{path} is not the card of an export; {mended(directory)}")
    if card["format"] != FORMAT:
        raise UserError(f"{path} has format {card['format']}, not {FORMAT}; export the stage again")
    if card["stage"] != stage:
        raise UserError(f"{directory} holds an export of stage '{card['stage']}', not of stage '{stage}'")
    return card


def load_export(directory: Path | str, stage: str, device: torch.device | str = "cpu") -> nn.Module:
    """The network exported to `directory` by `stage`, on `device`, in evaluation mode.

    Raises UserError where the export is missing, belongs to another stage, is damaged or does not fit the
    network, and where there is no such device.
    """
    device = checked_device(device)
    directory = export_folder(directory, stage)
    return _built(directory, stage, read_card(directory, stage)).to(device).eval()


def load_weights(module: nn.Module, directory: Path | str, stage: str) -> None:
    """Copy the weights of an export into `module`, which must have the same parameters (to initialise
    training).

    Raises UserError like `load_export`; where parameters differ it says which configuration the export has.
    """
    directory = export_folder(directory, stage)
    _load_state(module, directory, read_card(directory, stage))


def network_of(stage: str) -> Any:
    """The network class of `stage`; raises UserError naming the known stages."""
    if stage not in NETWORKS:
        raise UserError(f"unknown stage '{stage}'; known: {', '.join(NETWORKS)}")
    module_name, class_name = NETWORKS[stage].split(":")
    return getattr(importlib.import_module(module_name), class_name)


def _built(directory: Path, stage: str, card: dict[str, Any]) -> nn.Module:
    """The network that a card describes, with the weights beside it."""
    network_class = network_of(stage)
    config = _config_of(network_class.Config, card["config"], directory / CARD_NAME)
    module: nn.Module = network_class(config)
    _load_state(module, directory, card)
    return module


def _exported_state(module: nn.Module) -> dict[str, torch.Tensor]:
    ignored: tuple[str, ...] = tuple(getattr(module, "export_ignore", ()))
    return {key: value for key, value in module.state_dict().items() if not key.startswith(ignored)}


def _load_state(module: nn.Module, directory: Path, card: dict[str, Any]) -> None:
    path = directory / WEIGHTS_NAME
    if not path.is_file():
        raise UserError(f"{path} is missing; {mended(directory)}")
    if sha256_file(path) != card["sha256"]:
        raise UserError(f"{path} is damaged: its checksum is not the one in {CARD_NAME}; {mended(directory)}")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a safetensors file; {mended(directory)}") from error
    expected = _exported_state(module)
    missing = sorted(expected.keys() - weights.keys())
    unexpected = sorted(weights.keys() - expected.keys())
    shapes = sorted(k for k in expected.keys() & weights.keys() if expected[k].shape != weights[k].shape)
    faults = (("lacks", missing), ("has unknown", unexpected), ("has other shapes for", shapes))
    found = [f"{what} {_shown(keys)}" for what, keys in faults if keys]
    if found:
        raise UserError(
            f"{path} does not fit the network of stage '{card['stage']}': it {'; it '.join(found)}"
            f"{_other_values(module, card['config'])}"
        )
    module.load_state_dict(weights, strict=False)


def _halved(value: torch.Tensor) -> torch.Tensor:
    return value.half() if value.is_floating_point() and value.ndim > 1 else value


def _other_values(module: nn.Module, exported: dict[str, Any]) -> str:
    """What the export's configuration has otherwise than the network's, in words."""
    config: Any = module.config
    own, exported = _flat(_plain(dataclasses.asdict(config))), _flat(exported)
    other = [
        f"{key} {exported[key]}, not {own[key]}" for key in own if exported.get(key, own[key]) != own[key]
    ]
    return f"; it has {', '.join(other)}" if other else ""


def _flat(values: dict[str, Any], prefix: str = "network.") -> dict[str, Any]:
    """Nested values by their dotted names, as a command line gives them to a stage."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = prefix + key
        found |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def _shown(keys: list[str]) -> str:
    rest = len(keys) - KEYS_SHOWN
    return ", ".join(keys[:KEYS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _config_of(config_class: Any, values: dict[str, Any], path: Path) -> Any:
    hints = typing.get_type_hints(config_class)
    known = {field.name for field in dataclasses.fields(config_class)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UserError(f"{path} has keys that {config_class.__name__} does not know: {_shown(unknown)}")
    return config_class(**{key: _typed(hints[key], value, path) for key, value in values.items()})


def _typed(hint: Any, value: Any, path: Path) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _config_of(hint, value, path)
    return value if list in (hint, typing.get_origin(hint)) else _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
