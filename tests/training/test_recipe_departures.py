"""The departures from the paper: each changes one thing, and all are trained and scored alike."""

import shlex
from pathlib import Path

from lit_emotalk.evaluate.tables.spec import read_spec
from lit_emotalk.training.recipe.plan import load_recipe

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "experiments" / "recipes"


def test_every_departure_changes_one_thing_and_is_scored_alike(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / "departures.yaml")
    spec = read_spec(ROOT / "experiments" / "tables" / "departures.yaml")
    assert [path.as_posix() for path in spec.results] == [
        path for path in plan.step("table-departures").inputs if path.endswith(".jsonl")
    ]
    names = [row.method.removesuffix(" text") for row in spec.rows]
    assert spec.differences_to == spec.rows[0].method and names[0] == "ours"
    for name in names[1:]:
        step = plan.step(f"score-{name.replace('_', '-')}")
        assert f"--method {name} " in step.command
        own = [s.name for s in plan.steps if s.outputs and f"departures/{name}/" in s.outputs[0]]
        assert own[-1].startswith("join-") and 1 <= len(own) - 1 <= 2
        made = {path for s in plan.steps if s.name in own for path in s.outputs}
        assert made == {
            f"outputs/scratch/departures/{name}/{stage}" for stage in ("align", "eac", "hef", "sync")
        }
    scores = [s.command for s in plan.steps if s.name.startswith("score-")]
    assert len(scores) == 6
    assert len({c.split("--shards")[1].split("--output")[0] for c in scores}) == 1
    needed = {step.name for step in plan.needed_by("table-departures")}
    assert not {"evaluate", "tables"} & needed and {"train-hef-no-guide", "prepare-heard", "voices"} <= needed


BASES = {
    "train-align-raw": ("train-align", {"network.raw": "true", "network.dim": "384"}),
    "train-eac-raw": ("train-eac", {"emotion_space": "outputs/scratch/departures/raw/align"}),
    "train-eac-token": ("train-eac", {"network.product": "false"}),
    "train-eac-whisper": ("train-eac", {"network.hears": "whisper"}),
    "train-hef-no-guide": ("train-hef", {"network.guide": "none"}),
    "train-hef-plain-source": ("train-hef", {"network.enlarge": "1"}),
}
"""Training of a departure -> that of its base, and what it sets of the model that the base does not."""


def options_of(command: str) -> dict[str, str]:
    """The options of a training, without those that say where it lies and under which name."""
    words = shlex.split(command)[2:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    return {name: value for name, value in options.items() if name not in ("--export_dir", "--name")}


def test_departures_and_their_base_are_trained_alike_from_nothing(monkeypatch):
    monkeypatch.chdir(ROOT)
    length = {stage: f"--trainer.max_epochs {epochs}" for stage, epochs in (("eac", 4), ("hef", 3))}
    plan = load_recipe(RECIPES / "departures.yaml", length)
    trained = [step for step in plan.needed_by("table-departures") if " fit " in step.command]
    assert {step.name for step in trained} == {*BASES, *(base for base, _ in BASES.values()), "train-sync"}
    for step in trained:
        options = options_of(step.command)
        assert "initialise_from" not in step.command + (ROOT / options["--config"]).read_text()
        if step.name not in BASES:
            continue
        base, departure = BASES[step.name]
        heard = {"--data.init_args.shards": "outputs/scratch/heard"} if "whisper" in step.name else {}
        changes = {f"--model.init_args.{name}": value for name, value in departure.items()}
        assert options == options_of(plan.step(base).command) | changes | heard
