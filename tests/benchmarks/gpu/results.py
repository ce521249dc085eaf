"""A part's figures, kept after each: what was measured before a part was cut off is not measured again."""

import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lit_emotalk.io.files import write_text


def read_json(path: Path) -> Any:
    """The content of a JSON file, None where there is none or it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Write by a temporary name and rename."""
    write_text(path, json.dumps(content, indent=1) + "\n")


class Rows:
    """Named figures in a file, written whenever one is added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        known = read_json(path)
        self.kept: dict[str, Any] = known if isinstance(known, dict) else {}

    def add(self, name: str, figures: Any) -> None:
        """Keep figures."""
        self.kept[name] = figures
        write_json(self.path, self.kept)

    def measure(self, name: str, call: Callable[[], dict[str, Any]]) -> None:
        """Keep what `call` returns, unless it is there; an error is kept as its text and does not end the
        part."""
        if name in self.kept:
            return
        began = time.perf_counter()
        try:
            figures = call()
        except Exception as error:
            traceback.print_exc()
            figures = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        self.add(name, {**figures, "took_s": round(time.perf_counter() - began, 1)})
