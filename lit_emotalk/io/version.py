"""The package's version, whose one home is pyproject.toml."""

import importlib.metadata

__version__ = importlib.metadata.version("lit-emotalk")
