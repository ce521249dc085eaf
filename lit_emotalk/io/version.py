"""The package's version, whose one home is pyproject.toml."""

import importlib.metadata

VERSION = importlib.metadata.version("lit-emotalk")
