"""A PyTorch Lightning experiment framework for emotional talking faces."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_emotalk.inference.talking_face import TalkingFace as TalkingFace


def __getattr__(name: str) -> Any:
    """`TalkingFace` and `__version__`, imported when they are first asked for: the package stays light."""
    if name == "TalkingFace":
        from lit_emotalk.inference.talking_face import TalkingFace

        return TalkingFace
    if name == "__version__":
        from lit_emotalk.io.version import VERSION

        return VERSION
    raise AttributeError(f"module 'lit_emotalk' has no attribute '{name}'")
