"""Each argument has one home, and the command line still knows all of them: types, defaults, texts."""

import ast
import inspect
import textwrap

import pytest
from jsonargparse import ArgumentError, ArgumentParser

import lit_emotalk.data
import lit_emotalk.stages
from lit_emotalk.data.datamodule import ShardDataModule
from lit_emotalk.stages.base import Stage

MODULES = ("SignalsDataModule", "FramesDataModule", "SyncDataModule", "MixedSignalsDataModule")
CLASSES = [getattr(lit_emotalk.data, name) for name in MODULES]
CLASSES += [getattr(lit_emotalk.stages, name) for name in lit_emotalk.stages.__all__]


def base_of(cls: type) -> type:
    return ShardDataModule if issubclass(cls, ShardDataModule) else Stage


def own(cls: type) -> dict[str, inspect.Parameter]:
    """The parameters that a constructor names itself."""
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    return {name: each for name, each in parameters.items() if name not in ("self", "kwargs")}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_command_line_has_every_argument_with_type_default_and_text(cls: type) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, "it")
    texts = " ".join(parser.format_help().split())
    defaults = parser.get_defaults()
    inherited = own(base_of(cls))
    for name in inherited.keys() - {"network", *(["shards"] if "corpora" in own(cls) else [])}:
        default = own(cls).get(name, inherited[name]).default
        if default is not inspect.Parameter.empty:
            assert defaults[f"it.{name}"] == default
        text = texts.split(f"--it.{name} ")[-1].split("--it.")[0]
        assert "(" in text and "type: " in text and not text.startswith("see "), text
    for name in ("seed", "batch_size") if base_of(cls) is ShardDataModule else ("warmup", "ema_decay"):
        with pytest.raises(ArgumentError, match=name):
            parser.parse_args([f"--it.{name}=many"])


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_constructor_repeats_of_its_base_only_what_differs(cls: type) -> None:
    inherited = own(base_of(cls))
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))  # type: ignore[misc]
    assert any(isinstance(node, ast.keyword) and node.arg is None for node in ast.walk(tree))
    for name, parameter in own(cls).items():
        if name in inherited and parameter.default is not inspect.Parameter.empty:
            assert parameter.default != inherited[name].default or name == "batch_size", name
