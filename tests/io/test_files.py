"""What is kept of files: by their state, the last few of them."""

import os

from lit_emotalk.io.files import Recent, file_state


def test_the_state_changes_with_the_file(tmp_path):
    path = tmp_path / "a.txt"
    assert file_state(path) == (path, 0, 0)
    path.write_text("one")
    first = file_state(path)
    assert file_state(str(path)) == first
    os.utime(path, ns=(1, 1))
    assert file_state(path) != first
    path.write_text("three")
    os.utime(path, ns=(first[1], first[1]))
    assert file_state(path) != first


def test_the_last_values_are_kept():
    recent = Recent[str](2)
    for key in ("a", "b", "a", "c"):
        assert recent.keep(key, key.upper()) == key.upper()
    assert [recent.get(key) for key in ("a", "b", "c", "d")] == ["A", None, "C", None]
    recent.keep("c", "other")
    assert recent.get("c") == "other" and recent.get("a") == "A"
