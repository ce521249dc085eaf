"""Where uploads arrive: written to the session's folder within bounds, checked, and kept or refused."""

import asyncio
import base64
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from starlette.requests import ClientDisconnect

from lit_emotalk.errors import UserError
from lit_emotalk.web.jobs import Workshop
from lit_emotalk.web.limits import MEGABYTE, Limits
from lit_emotalk.web.sessions import Busy, Kind, Session, Sessions, new_id
from lit_emotalk.web.uploads import NAMES, check_video, keep_picture, keep_sound, read_picture
from lit_emotalk.web.wishes import emotion_of

UPLOAD_SECONDS = 180.0
"""An upload that takes longer is given up."""
PREVIEW_SIZE = 192

Made = TypeVar("Made")


class Desk:
    """Takes uploads of `sessions` within `limits`; `workshop` finds the faces."""

    def __init__(self, sessions: Sessions, workshop: Workshop, limits: Limits) -> None:
        self._sessions, self._workshop, self._limits = sessions, workshop, limits
        self._receiving = asyncio.Semaphore(limits.receiving)
        self.ended = (
            f"after {limits.keep_minutes:g} minutes your files were removed; please load the page again"
        )
        """What visitors are told whose session has ended."""

    async def receive_portrait(self, session: Session, request: Request) -> dict[str, Any]:
        """Take the request's body as a portrait; see `take_portrait`."""
        most = self._limits.picture_bytes
        return await self._received(session, request, most, lambda path: self.take_portrait(session, path))

    async def receive_emotion(self, session: Session, request: Request, kind: Kind) -> dict[str, Any]:
        """Take the request's body as a picture, sound or video of an emotion; see `take_emotion`."""
        most = self._limits.picture_bytes if kind == "emotion-picture" else self._limits.sound_bytes
        return await self._received(
            session, request, most, lambda path: self.take_emotion(session, path, kind)
        )

    async def receive_driving(self, session: Session, request: Request) -> dict[str, Any]:
        """Take the request's body as a driving video; see `take_driving`."""
        most = self._limits.sound_bytes
        return await self._received(session, request, most, lambda path: self.take_driving(session, path))

    async def receive_speech(self, session: Session, request: Request) -> dict[str, Any]:
        """Take the request's body as a speech; see `take_speech`."""
        most = self._limits.sound_bytes
        return await self._received(session, request, most, lambda path: self.take_speech(session, path))

    def take_portrait(self, session: Session, source: Path) -> dict[str, Any]:
        """Keep a picture: its new id and, as data URLs, the face that was found, and where there are several
        all of them from the left, and which is chosen (the largest). UserError: none usable."""
        file, path = session.place("portrait")
        with _removed_on_failure(path):
            keep_picture(read_picture(source, self._limits), path)
            found = self._workshop.portrait(path)
            faces, largest = self._workshop.faces_of(path)
        session.add("portrait", file, self._limits.uploads, self._workshop.needed(session))
        several = [preview(face) for face in faces] if len(faces) > 1 else []
        return {"id": file, "face": preview(found.image), "faces": several, "chosen": largest}

    def take_speech(self, session: Session, source: Path) -> dict[str, Any]:
        """Keep a sound: its new id and length in seconds. UserError: it cannot be used."""
        file, path = session.place("speech")
        with _removed_on_failure(path):
            seconds = keep_sound(source, path, self._limits)
        session.add("speech", file, self._limits.uploads, self._workshop.needed(session))
        session.seconds[file] = seconds
        return {"id": file, "seconds": round(seconds, 2)}

    def take_emotion(self, session: Session, source: Path, kind: Kind) -> dict[str, Any]:
        """Keep a picture, sound or video of an emotion: its new id and the canonical emotion that it is
        nearest to. UserError: no emotion can be read from it."""
        file, path = session.place(kind)
        with _removed_on_failure(path):
            if kind == "emotion-picture":
                keep_picture(read_picture(source, self._limits), path)
            elif kind == "emotion-sound":
                keep_sound(source, path, self._limits)
            else:
                check_video(source, self._limits)
                shutil.copyfile(source, path)
            nearest = self._workshop.nearest(emotion_of(kind, path, 1.0), path)
        session.add(kind, file, self._limits.emotions, self._workshop.needed(session))
        return {"id": file, "nearest": nearest}

    def take_driving(self, session: Session, source: Path) -> dict[str, Any]:
        """Keep a driving video: its new id. UserError: it is none, or its beginning shows no face."""
        file, path = session.place("driving")
        with _removed_on_failure(path):
            check_video(source, self._limits)
            shutil.copyfile(source, path)
            self._workshop.check_driving(path)
        session.add("driving", file, self._limits.uploads, self._workshop.needed(session))
        return {"id": file}

    @staticmethod
    def given(session: Session, kind: Kind, file: str) -> Path:
        """Where a file of the session lies; 404 where it has none such."""
        path = session.path(kind, file)
        if path is None or not path.is_file():
            name = NAMES.get(kind, f"the {kind}").removeprefix("the ")
            raise HTTPException(404, f"that {name} is not here any more; please choose it again")
        return path

    @contextmanager
    def while_open(self, session: Session) -> Iterator[None]:
        """While files of a session are written: where it ends meanwhile they are removed, and it is a 404."""
        try:
            yield
        except (OSError, UserError):
            if session.closed.is_set():
                raise HTTPException(404, self.ended) from None
            raise
        finally:
            session.clear_if_closed()

    async def _received(
        self, session: Session, request: Request, most: int, use: Callable[[Path], Made]
    ) -> Made:
        if self._receiving.locked():
            raise Busy("too many uploads just now; please try again in a minute")
        await run_in_threadpool(self._sessions.check_room)
        part = session.folder / f"{new_id()}.part"
        async with self._receiving:
            with self.while_open(session):
                try:
                    await _save(request, part, most)
                    return await run_in_threadpool(use, part)
                finally:
                    part.unlink(missing_ok=True)


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _save(request: Request, path: Path, most: int) -> None:
    """Write a request's body to a file; 413 where it is longer than `most` bytes, 408 where it stops."""
    too_long = HTTPException(413, f"the file is too large: at most {most // MEGABYTE} MB")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()) or len(length) > 12 or int(length) > most:
        raise too_long
    size = 0
    try:
        with open(path, "wb") as file:
            async with asyncio.timeout(UPLOAD_SECONDS):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise too_long
                    file.write(chunk)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "the upload broke off; please try again") from None
    if size == 0:
        raise UserError("the file is empty; choose another")


def preview(image: np.ndarray) -> str:
    """A small picture (H, W, 3) uint8 as a data URL."""
    small = Image.fromarray(image)
    small.thumbnail((PREVIEW_SIZE, PREVIEW_SIZE))
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(kept.getvalue()).decode()
