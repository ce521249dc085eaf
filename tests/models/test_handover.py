from dataclasses import dataclass, field

import pytest
import torch
import yaml
from torch import nn

from lit_emotalk.errors import UserError
from lit_emotalk.models import handover as export
from lit_emotalk.models.handover import load_export, load_weights, save_export


@dataclass(frozen=True)
class Part:
    """A nested configuration."""

    sizes: tuple[int, ...] = (2, 3)


@dataclass(frozen=True)
class BoxConfig:
    """A configuration with every kind of value."""

    width: int = 4
    rate: float = 0.5
    name: str = "box"
    deep: tuple[tuple[int, int], ...] = ((1, 2), (3, 4))
    maybe: int | None = None
    items: list[int] = field(default_factory=lambda: [1])
    part: Part = Part()


class Box(nn.Module):
    """A network with a part that is not exported."""

    Config = BoxConfig
    export_ignore = ("frozen.",)

    def __init__(self, config: BoxConfig = BoxConfig()) -> None:
        super().__init__()
        self.config = config
        self.layer = nn.Linear(config.width, 2)
        self.tied = self.layer.weight
        self.frozen = nn.Linear(3, 3)
        self.register_buffer("count", torch.tensor(7))


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(export.NETWORKS, "box", f"{__name__}:Box")
    monkeypatch.setitem(export.NETWORKS, "other", f"{__name__}:Box")


def test_round_trip(tmp_path):
    config = BoxConfig(width=6, rate=1e-9, deep=((5, 6),), maybe=3, items=[4, 5], part=Part((9,)))
    box = Box(config)
    save_export(tmp_path / "new" / "box", "box", box, "cafe")
    loaded = load_export(tmp_path / "new" / "box", "box")
    assert loaded.config == config and not loaded.training
    assert torch.equal(loaded.layer.weight, box.layer.weight) and loaded.count == 7
    assert not torch.equal(loaded.frozen.weight, box.frozen.weight)
    assert export.read_card(tmp_path / "new" / "box", "box")["manifest"] == "cafe"
    assert sorted(p.name for p in (tmp_path / "new" / "box").iterdir()) == ["model.safetensors", "model.yaml"]


def changed_card(directory, **changes):
    path = directory / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "model.yaml").unlink(), "model.yaml is missing; train it first"),
        (lambda d: (d / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda d: (d / "model.yaml").write_text("a: ["), "not readable YAML"),
        (lambda d: (d / "model.yaml").write_text("just text"), "not the card of an export"),
        (lambda d: changed_card(d, format=99), "format 99"),
        (lambda d: changed_card(d, config={"width": 5}), "other shapes for layer.weight"),
        (lambda d: changed_card(d, config={"widht": 5}), "does not know: widht"),
        (lambda d: (d / "model.safetensors").write_bytes(b"short"), "damaged: its checksum"),
    ],
)
def test_what_is_wrong_with_an_export_is_said(tmp_path, spoil, message):
    save_export(tmp_path, "box", Box(), None)
    spoil(tmp_path)
    with pytest.raises(UserError, match=message):
        load_export(tmp_path, "box")


def test_the_export_of_another_stage_is_refused(tmp_path):
    save_export(tmp_path, "box", Box(), None)
    with pytest.raises(UserError, match="holds an export of stage 'box', not of stage 'other'"):
        load_export(tmp_path, "other")
    with pytest.raises(UserError, match="unknown stage 'none'"):
        changed_card(tmp_path, stage="none")
        load_export(tmp_path, "none")


def test_keys_that_do_not_match_are_named(tmp_path):
    save_export(tmp_path, "box", Box(), None)

    class Wider(Box):
        def __init__(self) -> None:
            super().__init__()
            del self.count
            self.extra = nn.Linear(1, 1)

    with pytest.raises(UserError, match=r"lacks extra.bias, extra.weight; it has unknown count"):
        load_weights(Wider(), tmp_path, "box")


def test_an_interrupted_export_is_not_taken_for_a_whole_one(tmp_path, monkeypatch):
    save_export(tmp_path, "box", Box(), None)
    monkeypatch.setattr(export, "write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_export(tmp_path, "box", Box(), None)
    with pytest.raises(UserError, match=r"model.yaml is missing"):
        load_export(tmp_path, "box")
