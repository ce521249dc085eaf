"""Recipes that extend others and say what they need, and the committed ones."""

import re
import shlex
from pathlib import Path

import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.tables.spec import read_spec
from lit_emotalk.training.recipe import runner as recipe
from lit_emotalk.training.recipe.needs import Need, read_need, report
from lit_emotalk.training.recipe.plan import load_recipe

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "experiments" / "recipes"
GIVEN = ("experiments/", "outputs/user_study", "outputs/scratch/", "lit_emotalk/starter", "data/")
"""Where files lie that no step of a recipe makes."""
OUTPUTS = {"demo": "scratch", "embedded": "embedded", "mead": "mead"}
"""Preset -> its folder below outputs; outputs/demo is that of `make demo`, which tunes the starter."""

BASE = """
out: out/base
packages: [numpy]
summary: {a: "${out}/a.json"}
variables: {word: hello, place: "${out}/x"}
requires: [{path: nowhere}]
steps:
  - {name: first, command: "echo ${variables.word} ${variables.place}"}
  - {name: second, command: echo two, needs: [first]}
"""
CHILD = """
extends: base.yaml
out: out/child
without: [first]
summary: {b: "${out}/b.json"}
variables: {word: bye}
requires: [{path: there}, {path: gone, why: the best of it, optional: true}]
steps:
  - {name: third, command: "echo ${variables.word} ${variables.place}", needs: [second]}
"""


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A recipe and one that extends it, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "child.yaml").write_text(CHILD)
    return tmp_path


def test_a_recipe_extends_another(family):
    child = load_recipe(Path("child.yaml"))
    assert [step.name for step in child.steps] == ["second", "third"]
    assert child.step("second").needs == () and child.step("third").command == "echo bye out/child/x"
    assert child.packages == ("numpy",) and child.out == Path("out/child") and child.name == "child"
    assert {key: str(path) for key, path in child.summary.items()} == {
        "a": "out/child/a.json",
        "b": "out/child/b.json",
    }
    assert [need.value for need in child.needs] == ["there", "gone"]
    assert load_recipe(Path("base.yaml")).step("first").command == "echo hello out/base/x"


def test_a_step_of_the_same_name_takes_the_place(family):
    (family / "child.yaml").write_text(
        "extends: base.yaml\nsteps: [{name: first, command: echo other}, {name: last, command: echo end}]\n"
    )
    child = load_recipe(Path("child.yaml"))
    assert [(step.name, step.command) for step in child.steps] == [
        ("first", "echo other"),
        ("second", "echo two"),
        ("last", "echo end"),
    ]


def test_variables_are_set_on_the_command_line(family):
    settings = {"word": "hi", "place": "/data"}
    assert load_recipe(Path("child.yaml"), settings).step("third").command == "echo hi /data"
    with pytest.raises(UserError, match="no variable words; its variables: word, place"):
        recipe.main(["child.yaml", "--set", "words=x"])
    with pytest.raises(UserError, match="give NAME=VALUE"):
        recipe.main(["child.yaml", "--set", "word"])


def test_needs_are_said_before_anything_starts(family, capsys):
    with pytest.raises(UserError, match=r"child lacks: there$"):
        recipe.main(["child.yaml"])
    said = capsys.readouterr().out
    assert "LACKING  there" in said and "not here gone (the best of it)" in said and "third" not in said
    (family / "there").touch()
    recipe.main(["child.yaml"])
    assert "there    there" in capsys.readouterr().out


def test_a_step_waits_for_its_path(family):
    (family / "base.yaml").write_text(BASE.replace("command: echo two", "command: echo two, when: ratings"))
    assert [step.name for step in load_recipe(Path("base.yaml")).steps] == ["first"]
    (family / "ratings").touch()
    assert [step.name for step in load_recipe(Path("base.yaml")).steps] == ["first", "second"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("base.yaml", "base.yml"), "no such recipe: base.yml"),
        (("base.yaml", "child.yaml"), "extends itself"),
        (("without: [first]", "without: [frist]"), "names frist, which is no step"),
        (("name: third", "nam: third"), "every step needs a name"),
        (("{path: there}", "{place: there}"), "give one of path, device, disk, weights, package"),
        (("{path: there}", "{path: there, because: x}"), "give one of"),
    ],
)
def test_what_is_wrong_is_one_line(family, change, line):
    (family / "child.yaml").write_text(CHILD.replace(*change))
    with pytest.raises(UserError, match=line):
        recipe.main(["child.yaml"])


def test_kinds_of_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    met = {
        (kind, value): Need(kind, value).met(tmp_path / "not" / "yet")
        for kind, value in [
            ("package", "numpy"), ("package", "no_such_package"), ("disk", "0.000001"), ("disk", "1e9"),
            ("weights", "fid_inception"), ("device", "cpu"), ("path", str(tmp_path)),
        ]
    }  # fmt: skip
    assert [key[1] for key, there in met.items() if not there] == ["no_such_package", "1e9", "fid_inception"]
    with pytest.raises(UserError, match="unknown weights"):
        report((read_need({"weights": "magic"}, Path("r.yaml")),), tmp_path)


def test_what_is_absent_changes_variables_and_is_said(family, monkeypatch, capsys):
    item = "{weights: vgg19, why: sharpness, optional: true, without: {word: plainly}}"
    (family / "child.yaml").write_text(CHILD.replace("{path: there}", item))
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(family / "none"))
    assert load_recipe(Path("child.yaml")).step("third").command == "echo plainly out/child/x"
    assert (
        load_recipe(Path("child.yaml"), {"word": "asked"}).step("third").command == "echo asked out/child/x"
    )
    recipe.main(["child.yaml", "--plan"])
    said = capsys.readouterr().out
    assert "not here weights vgg19 (sharpness); in its place: `perceptual: edges`" in said
    monkeypatch.setattr("lit_emotalk.weights.fetch.available", lambda name: True)
    assert load_recipe(Path("child.yaml")).step("third").command == "echo bye out/child/x"
    (family / "child.yaml").write_text(CHILD.replace("{path: there}", item.replace("word:", "wrod:")))
    monkeypatch.setattr("lit_emotalk.weights.fetch.available", lambda name: False)
    with pytest.raises(UserError, match="no variable wrod"):
        load_recipe(Path("child.yaml"))


@pytest.mark.parametrize("there", [True, False])
def test_mead_and_the_paper_take_clips_towers_where_they_are(there, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("lit_emotalk.weights.fetch.available", lambda name: there)
    for preset, change in (("mead", "without_clip"), ("paper", "paper_without_clip")):
        plan = load_recipe(RECIPES / f"reproduce_{preset}.yaml")
        assert (f"experiments/changes/{change}.yaml" in plan.step("train-align").command) is not there
        assert ("image_size 224" in plan.step("train-eac").command) is there
    assert ("without_vgg19.yaml" in plan.step("train-wo-hie").command) is not there


@pytest.mark.parametrize("preset", ["paper", "paper_embedded"])
def test_the_papers_preset_trains_the_papers_networks(preset, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / f"reproduce_{preset}.yaml", {"layout": "bfm"})
    names = {step.name for step in plan.steps}
    assert {"train-align", "train-eac", "train-hef", "train-wo-res", "train-wo-hie"} <= names
    assert {"evaluate", "tables", "table-ablation", "figure-compare", "figure-ablation"} <= names
    assert ("corpus" in names) == (preset == "paper_embedded") and "voices" not in names
    for step, file in (
        ("train-align", "align"),
        ("train-eac", "eac"),
        ("train-hef", "hef"),
        ("train-wo-res", "hef_wo_res"),
        ("train-wo-hie", "hef_wo_hie"),
    ):
        command = plan.step(step).command
        assert f"--config experiments/paper/{file}.yaml" in command and "experiments/eac/" not in command
        assert f"--data.init_args.shards outputs/{preset}/shards" in command
        assert ("paper_demo_" in command) == (preset == "paper_embedded")
        assert ("layout bfm" in command) == (step != "train-align")
    everything = " ".join(step.command for step in plan.steps)
    assert "outputs/demo" not in everything and "outputs/mead" not in everything


def test_the_paper_is_scored_beside_ours_where_the_departures_are(tmp_path, monkeypatch):
    """On the clips, by the judges and in the table of the departures' base; nowhere else."""
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    preset = RECIPES / "reproduce_paper_embedded.yaml"
    assert "score-beside" not in {step.name for step in load_recipe(preset).steps}
    ours = Path("outputs/scratch/departures/ours.jsonl")
    ours.parent.mkdir(parents=True)
    ours.touch()
    plan = load_recipe(preset)
    paper = set(plan.step("score-beside").command.split())
    base = set(load_recipe(RECIPES / "departures.yaml").step("score-ours").command.split())
    assert base - paper == {"ours", "outputs/scratch/models", ours.as_posix()}
    made = {"outputs/paper_embedded/models", "outputs/paper_embedded/evaluation/beside.jsonl"}
    assert paper - base == {"paper", "--sync", "outputs/scratch/models/sync", *made}
    assert ours.as_posix() in plan.step("table-beside").command
    spec = read_spec(ROOT / "experiments" / "tables" / "paper_beside.yaml")
    assert [path.as_posix() for path in spec.results] == list(plan.step("table-beside").inputs[:2])
    names = {step.name for step in load_recipe(RECIPES / "reproduce_paper.yaml").steps}
    assert not {"score-beside", "table-beside"} & names


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_committed_recipes_name_files_that_are_here(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / f"{name}.yaml")
    made = [Path(path) for step in plan.steps for path in step.outputs]
    for step in plan.steps:
        words = [word for word in shlex.split(step.command) if word.startswith("experiments/")]
        for path in (*words, *step.code, *(p for p in step.inputs if p.startswith("experiments/"))):
            assert list(ROOT.glob(path)), f"{step.name}: {path}"
        for path in step.inputs:
            known = any(
                Path(path) == one or one in Path(path).parents or Path(path) in one.parents for one in made
            )
            assert known or path.startswith(GIVEN), path


@pytest.mark.parametrize("preset", ["demo", "embedded", "mead"])
def test_presets_reproduce_the_tables_and_figures(preset, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / f"reproduce_{preset}.yaml")
    assert plan.out == Path("outputs") / OUTPUTS[preset]
    names = {step.name for step in plan.steps}
    assert {"train-align", "train-eac", "train-hef", "train-wo-res", "train-wo-hie", "evaluate"} <= names
    assert {"tables", "table-ablation", "figure-compare", "figure-ablation", "animate"} <= names
    assert ("corpus" in names) == (preset != "mead")
    everything = " ".join(step.command for step in plan.steps)
    for other in {"demo", "embedded", "mead"} - {preset}:
        assert f"outputs/{OUTPUTS[other]}" not in everything


@pytest.mark.parametrize("preset", ["demo", "embedded", "mead"])
def test_make_train_and_make_ablations_do_their_part_of_a_preset(preset, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / f"reproduce_{preset}.yaml")
    train = [step.name for step in plan.needed_by("train-eac", "train-hef")]
    data = [] if preset == "mead" else ["corpus"]
    voices = ["voices"] if preset == "demo" else []
    assert train == [*data, "prepare", *voices, "train-align", "train-eac", "train-hef"]
    assert "models/align" in plan.step("train-eac").inputs[-1]
    ablations = {step.name for step in plan.needed_by("table-ablation", "figure-ablation")}
    assert {"train-hef", "train-wo-res", "train-wo-hie", "evaluate", "evaluate-wo-hie"} <= ablations
    assert not {"tables", "animate", "showcase", "check-corpus"} & ablations
    baselines = {step.name for step in plan.needed_by("table-coefficients")}
    assert {"train-eac", "train-one-hot", "train-no-code", "train-no-intensity"} <= baselines
    assert not {"train-hef", "evaluate"} & baselines


@pytest.mark.parametrize(
    "name",
    ["demo", "demo_tuned", "departures", *(f"reproduce_{p}" for p in ("demo", "embedded", "mead", "paper"))],
)
def test_more_arguments_reach_every_training_of_a_network(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    more = {"eac": "--more-of-eac 1", "hef": "--more-of-hef 1"}
    plan = load_recipe(RECIPES / f"{name}.yaml", more)
    trained = [(Path(step.outputs[0]).name, step.command) for step in plan.steps if " fit " in step.command]
    for stage in more:
        reached = {command for _, command in trained if more[stage] in command}
        assert reached == {command for made, command in trained if made == stage} != set()


@pytest.mark.parametrize(
    "name",
    ["demo", "demo_tuned", "starter", *(f"reproduce_{p}" for p in ("demo", "embedded", "mead", "paper"))],
)
def test_stage_2_is_trained_on_the_space_of_its_own_recipe(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load_recipe(RECIPES / f"{name}.yaml")
    commands = [
        step.command for step in plan.steps if " fit " in step.command and step.outputs[0].endswith("/eac")
    ]
    spaces = {tuple(re.findall(r"--model.init_args.emotion_space (\S+)", command)) for command in commands}
    assert spaces == {(f"{plan.out}/models/align",)}
