"""Every command, Python and YAML snippet of README and docs is parsed by what would take it."""

import ast
import importlib
import importlib.util
import json
import re
from collections.abc import Iterator

import pytest
import yaml

from docs.generate.configuration import ROOT, class_keys
from lit_emotalk.training.sweep import KNOWN_KEYS
from tests.docs.commands import Wrong, check, commands
from tests.docs.pages import SPAN, Snippet, name_of, pages, prose, snippets

LANGUAGES = {"bash", "python", "yaml", "json", "text"}
OURS = ("lit-emotalk ", "make ", "python -m ")
SNIPPETS = snippets()


def of_language(language: str) -> list[Snippet]:
    """The snippets in one language."""
    return [snippet for snippet in SNIPPETS if snippet.language == language]


def inline_commands() -> Iterator[tuple[str, str]]:
    """(page, command) of code in running text that begins as one of our commands does; `{a,b}` stands for a,
    what is in brackets is left out."""
    for page in pages():
        for span in SPAN.findall(prose(page)):
            if span.startswith(OURS):
                span = re.sub(r"\{(\w+)[^}]*\}", r"\1", span.replace("...", ""))
                yield name_of(page), re.sub(r" \[[^\]]*\]", "", span)


def test_every_block_says_its_language() -> None:
    assert {(s.page, s.language) for s in SNIPPETS if s.language not in LANGUAGES} == set()


def test_commands() -> None:
    seen, wrong = 0, []
    for snippet in of_language("bash"):
        for command in commands(snippet.code):
            seen += 1
            try:
                check(command)
            except Wrong as error:
                wrong.append(f"{snippet.page}: {command}\n  {error}")
    assert not wrong, "\n".join(wrong)
    assert seen > 60


def test_commands_in_running_text() -> None:
    wrong = []
    for page, command in inline_commands():
        try:
            check(command, whole=False)
        except Wrong as error:
            wrong.append(f"{page}: {command}\n  {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("snippet", of_language("python"), ids=lambda s: s.page)
def test_python(snippet: Snippet) -> None:
    tree = ast.parse(snippet.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                assert importlib.util.find_spec(alias.name), alias.name
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
    check_face_calls(tree)


def check_face_calls(tree: ast.AST) -> None:
    """Methods of `face` and `TalkingFace` take what a snippet gives them."""
    import inspect

    from lit_emotalk import TalkingFace

    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id in ("face", "TalkingFace"):
            method = inspect.signature(getattr(TalkingFace, node.func.attr))
            bound = [] if node.func.value.id == "TalkingFace" else [None]
            method.bind(*bound, *node.args, **{str(k.arg): k.value for k in node.keywords})


def test_the_streaming_client_of_the_docs_names_what_is_there() -> None:
    (client,) = [s for s in of_language("python") if "ws://" in s.code]
    compile(client.code, "client.py", "exec")


@pytest.mark.parametrize("snippet", of_language("yaml"), ids=lambda s: s.page)
def test_yaml(snippet: Snippet) -> None:
    content = yaml.safe_load(snippet.code)
    assert isinstance(content, dict)
    if "method" in content:
        assert set(content) <= set(KNOWN_KEYS)
        config = ROOT / content["command"][content["command"].index("--config") + 1]
        known = set(class_keys(config)) | {"seed_everything"}
        keys = {key for key in content["parameters"] if not key.startswith("trainer.")}
        assert keys <= known, keys - known


def test_json() -> None:
    for snippet in of_language("json"):
        json.loads(snippet.code)


def test_readme_is_a_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


@pytest.mark.parametrize(
    "command",
    [
        "lit-emotalk animate --portrat me.jpg",
        "lit-emotalk dance",
        "make dance",
        "make demo DANCE=1",
        "lit-emotalk fit --config experiments/hef/demo.yaml --model.init_args.network.sise tiny",
        "lit-emotalk fit --config experiments/hef/none.yaml",
        "python -m data_prep.mead --rot DIR",
        "pip install 'lit-emotalk[none]'",
        'make train-stage3 EXPERIMENT=experiments/hef/demo.yaml ARGS="--model.init_args.netwrk 1"',
        'make data-mead ROOT=DIR ARGS="--wrkers 3"',
    ],
)
def test_wrong_commands_are_found(command: str) -> None:
    with pytest.raises(Wrong):
        check(command)
