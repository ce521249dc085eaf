"""What code made a result: digests of modules that comments, docstrings and formatting do not change."""

import ast
import hashlib
import inspect
from types import ModuleType


def code_digest(*modules: ModuleType) -> str:
    """sha256 over the statements of the modules' sources, without comments and docstrings."""
    digest = hashlib.sha256()
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
        digest.update(ast.unparse(tree).encode())
    return digest.hexdigest()


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring or the text below a constant."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
