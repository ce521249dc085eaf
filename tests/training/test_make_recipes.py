"""What `make demo`, `make tables` and `make starter` run."""

import re
from pathlib import Path

import yaml

from lit_emotalk.training.recipe.plan import load_recipe
from tests.makefile import make_plan

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "experiments" / "recipes"


def test_the_demo_prints_both_tables(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / "demo.yaml")
    specs = [step.command for step in plan.needed_by("table-ablation") if " tables " in step.command]
    assert ["demo.yaml" in specs[0], "ablation.yaml" in specs[1], len(specs)] == [True, True, 2]
    assert made("tables", "FROM=scratch").endswith(
        "--target table-ablation --force tables --force table-ablation"
    )


def made(*arguments: str) -> str:
    """The last command that make would run."""
    return make_plan(f"VENV={ROOT / 'nowhere'}", *arguments).splitlines()[-1].strip()


def test_make_within_make_plans_the_same(monkeypatch):
    alone = made("demo", "FROM=scratch")
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("MAKEFLAGS", "-- ARGS=--from-above FROM=starter")
    monkeypatch.setenv("ARGS", "--from-above")
    assert made("demo", "FROM=scratch") == alone


def test_the_demo_tunes_the_starter_on_people_it_never_saw(monkeypatch):
    monkeypatch.chdir(ROOT)
    starter, demo = (load_recipe(RECIPES / f"{name}.yaml") for name in ("starter", "demo_tuned"))
    assert made("demo").endswith("recipe experiments/recipes/demo_tuned.yaml")
    assert made("demo", "FROM=scratch").endswith("recipe experiments/recipes/demo.yaml")
    seeds = [
        re.findall(r"--seed (\d+)", " ".join(step.command for step in plan.steps)) for plan in (starter, demo)
    ]
    assert len(seeds[0]) == 3 and len(seeds[1]) == 1 and not set(seeds[0]) & set(seeds[1])
    scratch = [step.name for step in load_recipe(RECIPES / "demo.yaml").steps]
    assert set(scratch) - {"voices", "table-ablation"} <= {step.name for step in demo.steps}
    for stage in ("align", "eac", "hef", "sync"):
        command = demo.step(f"train-{stage}").command
        base = re.findall(r"--config (\S+)", starter.step(f"train-{stage}").command)
        assert re.findall(r"--config (\S+)", command) == [*base, f"experiments/tune/{stage}.yaml"]
        tuned = yaml.safe_load((ROOT / "experiments" / "tune" / f"{stage}.yaml").read_text())
        assert tuned["model"]["init_args"]["initialise_from"] == "starter"
    rows = yaml.safe_load((ROOT / "experiments" / "tables" / "demo_tuned.yaml").read_text())["rows"]
    assert {"starter text", "text"} <= {row["method"] for row in rows}


def test_make_starter_goes_from_nothing_to_the_packed_exports(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert made("starter", "ARGS=--plan").endswith("recipe experiments/recipes/starter.yaml --plan")
    plan = load_recipe(RECIPES / "starter.yaml")
    assert [step.name for step in plan.needed_by("pack")] == [step.name for step in plan.steps]
    assert plan.step("pack").outputs == ("lit_emotalk/starter/manifest.json",)
    assert all(str(plan.out) in " ".join(step.outputs) for step in plan.steps[:-1])
