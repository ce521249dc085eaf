"""A PyTorch Lightning experiment framework for emotional talking faces."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_emotalk.inference.talking_face import TalkingFace as TalkingFace

_HOMES = {
    "TalkingFace": ("lit_emotalk.inference.talking_face", "TalkingFace"),
    "__version__": ("lit_emotalk.io.version", "VERSION"),
}


def __getattr__(name: str) -> Any:
    """`TalkingFace` and `__version__`, imported when they are first asked for: the package stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lit_emotalk' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)
