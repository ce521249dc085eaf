"""What is said on the WebSocket, in both directions. docs/serving.md describes it for clients."""

import io
import json
import struct
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lit_emotalk.inference.live.face import LiveFace, LiveFrame
from lit_emotalk.inference.motion.strength import MOST_STRENGTH
from lit_emotalk.inference.output.provenance import STATEMENT, TAGS
from lit_emotalk.io.coefficient_table import HEADER as COLUMNS
from lit_emotalk.schema import FPS, SAMPLE_RATE

PICTURE_HEADER = struct.Struct("<II")
"""Before each picture: the frame's number and its time in ms."""
JPEG_QUALITY = 88
WRONG_KIND, WRONG_VALUE, REFUSED, TOO_LARGE, FAILED, FULL = 1003, 1007, 1008, 1009, 1011, 1013
"""Close codes of RFC 6455 and its registry."""

Words = Annotated[str, Field(max_length=1000)]
Intensity = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0, le=MOST_STRENGTH)]
Kind = TypeVar("Kind")


class Refusal(Exception):
    """Ends a stream with one line and a close code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Message(BaseModel):
    """A message of a client, in JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Start(Message):
    """The first message: the portrait, as base64 or as an upload of a session, and how it is to move.

    face: which of several faces, from the left from 0; None: the largest.
    late: whether frames that come too late are made all the same, or left out.
    """

    type: Literal["start"]
    portrait: Base64Bytes | None = None
    session: Annotated[str, Field(max_length=64)] | None = None
    upload: Annotated[str, Field(max_length=64)] | None = None
    face: Annotated[int, Field(ge=0, lt=100)] | None = None
    emotion: Words | None = None
    intensity: Intensity = 1.0
    strength: Strength = 1.0
    motion: Literal["natural", "none"] = "natural"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    frame: Literal["crop", "picture"] = "crop"
    mark: bool = False
    output: Literal["jpeg", "png", "coefficients"] = "jpeg"
    late: Literal["wait", "skip"] = "wait"


class Change(Message):
    """Another emotion from now on."""

    type: Literal["change"]
    emotion: Words | None = None
    intensity: Intensity = 1.0


class Finish(Message):
    """The sound is over."""

    type: Literal["finish"]


FIRST: TypeAdapter[Start] = TypeAdapter(Start)
LATER: TypeAdapter[Change | Finish] = TypeAdapter(Annotated[Change | Finish, Field(discriminator="type")])


def parse(kind: TypeAdapter[Kind], text: str) -> Kind:
    """A client's message; Refusal, saying what is wrong in one line, where it is none of `kind`."""
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refusal(WRONG_VALUE, f"not a message of this protocol: {place} {first['msg']}"[:300]) from None


def samples_of(message: bytes) -> np.ndarray:
    """16-bit little-endian samples as float32 (N,) in [-1, 1]."""
    return np.frombuffer(message, "<i2").astype(np.float32) / 32768


def ready(live: LiveFace, output: str) -> dict[str, Any]:
    """The server's first message."""
    told: dict[str, Any] = {
        "type": "ready",
        "fps": FPS,
        "sample_rate": SAMPLE_RATE,
        "latency_ms": round(live.milliseconds),
        "output": output,
        "notice": STATEMENT,
    }
    if live.size is None:
        return {**told, "columns": COLUMNS[1:]}
    return {**told, "height": live.size[0], "width": live.size[1]}


def encode(frame: LiveFrame, output: str) -> bytes | str | None:
    """A frame as it is sent: a header and a picture, or the coefficients as JSON; None: nothing is."""
    if output == "coefficients":
        values = [round(float(value), 5) for value in frame.coefficients]
        return json.dumps(
            {"type": "frame", "index": frame.index, "time": frame.seconds, "coefficients": values}
        )
    if frame.image is None:
        return None
    kept = io.BytesIO()
    picture = Image.fromarray(frame.image)
    if output == "jpeg":
        picture.save(kept, "JPEG", quality=JPEG_QUALITY, comment=STATEMENT.encode())
    else:
        info = PngInfo()
        for key, value in TAGS.items():
            info.add_itxt(key.capitalize(), value)
        picture.save(kept, "PNG", pnginfo=info, compress_level=1)
    return PICTURE_HEADER.pack(frame.index, round(1000 * frame.seconds)) + kept.getvalue()
