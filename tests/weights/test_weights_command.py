"""`lit-emotalk weights`: the list names every file; fetching what is here downloads nothing."""

import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.weights import command as weights_command
from lit_emotalk.weights import fetch as weights
from lit_emotalk.weights.registry import REGISTRY


def test_the_list_names_every_file(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    weights_command.main([])
    printed = capsys.readouterr().out
    assert all(name in printed for name in REGISTRY)
    assert "present" in printed


def test_fetching_what_is_here_says_where(capsys):
    weights_command.main(["fetch", "face_landmarker"])
    assert str(weights.path("face_landmarker")) in capsys.readouterr().out


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="unknown weights 'face'"):
        weights_command.main(["fetch", "face"])
