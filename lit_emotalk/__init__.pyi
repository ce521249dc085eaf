"""`TalkingFace` and `__version__`, imported when they are first asked for: the package stays light."""

from .inference.talking_face import TalkingFace as TalkingFace
from .io.version import __version__ as __version__
