"""A PyTorch Lightning experiment framework for emotional talking faces."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_emotalk.inference.talking_face import TalkingFace as TalkingFace

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`TalkingFace`, imported when it is first asked for: the package itself stays light."""
    if name == "TalkingFace":
        from lit_emotalk.inference.talking_face import TalkingFace

        return TalkingFace
    raise AttributeError(f"module 'lit_emotalk' has no attribute '{name}'")
