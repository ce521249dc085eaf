"""What a request for videos says, read within bounds."""

import asyncio
from typing import Annotated, Literal

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect

from lit_emotalk.inference.motion.strength import MOST_STRENGTH

MOST_REQUEST_BYTES = 8192
REQUEST_SECONDS = 30.0
"""A request for videos that takes longer to arrive is given up."""
Text = Annotated[str, Field(max_length=1000)]
STRICT = ConfigDict(extra="forbid", strict=True)


class Shown(BaseModel):
    """An emotion that a file shows: the id of an upload of the session, and what kind it is."""

    model_config = STRICT

    kind: Literal["emotion-picture", "emotion-sound", "emotion-video"]
    id: Text


class Wanted(BaseModel):
    """A request for videos: ids of a portrait and a speech of the session, and how they are to be made.

    emotions: each in words or by a file, None: the voice's own. face: which of the portrait's, from the left
    from 0; None: the largest. driving: id of a video whose head motion is taken, with `eyes` also its blinks
    and gaze.
    """

    model_config = STRICT

    portrait: Text
    speech: Text
    emotions: Annotated[list[Text | Shown | None], Field(min_length=1, max_length=100)]
    intensity: Annotated[float, Field(ge=0, le=1)] = 1.0
    strength: Annotated[float, Field(ge=0, le=MOST_STRENGTH)] = 1.0
    face: Annotated[int, Field(ge=0, lt=100)] | None = None
    frame: Literal["crop", "picture"] = "crop"
    motion: Literal["natural", "speaking", "none"] = "natural"
    driving: Text | None = None
    eyes: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    mark: bool = False


async def read_wanted(request: Request) -> Wanted:
    """The request's body. HTTPException where it is no JSON, too long or late, or no request of the page."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send JSON")
    body = b""
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_REQUEST_BYTES:
                    raise HTTPException(413, "too long a request")
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "the request broke off; please try again") from None
    try:
        return Wanted.model_validate_json(body)
    except ValidationError:
        raise HTTPException(422, "not a request of this page; load it again") from None
