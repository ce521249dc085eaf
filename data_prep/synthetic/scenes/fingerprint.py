"""What the corpus' content depends on besides its parameters: the code and data that make it."""

import ast
import hashlib
from functools import cache
from pathlib import Path

from lit_emotalk.io import video

NOT_IN_CLIPS: frozenset[str] = frozenset(
    {"find_landmarks.py", "sheet.py", "check.py", "make.py", "__main__.py", "fingerprint.py"}
)
"""Files of this folder that no clip's content depends on."""

_SUFFIXES = (".py", ".txt", ".npz", ".safetensors")


@cache
def content_fingerprint() -> str:
    """Hexadecimal sha256 (16 digits) of the code and data that make a clip; comments, docstrings and layout
    do not count."""
    folder = Path(__file__).parents[1]
    files = [p for p in sorted(folder.rglob("*")) if p.suffix in _SUFFIXES and p.name not in NOT_IN_CLIPS]
    digest = hashlib.sha256()
    for path in [*files, Path(video.__file__)]:
        content = (
            code_text(path.read_text(encoding="utf-8")).encode()
            if path.suffix == ".py"
            else path.read_bytes()
        )
        digest.update(path.name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:16]


def code_text(source: str) -> str:
    """Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[0] = ast.Pass()
    return ast.unparse(tree)
