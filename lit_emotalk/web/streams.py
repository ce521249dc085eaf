"""The WebSocket: live sound in, frames out, a bounded number at once.

A few messages wait for their turn; where frames are slower than the sound, the connection then fills and the
client has to wait, or, where it asked for that, late frames are left out.
"""

import asyncio
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from fastapi import WebSocket, WebSocketDisconnect

from lit_emotalk.errors import UserError
from lit_emotalk.inference.live.face import LiveFace, LiveFrame
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.portrait import Portrait
from lit_emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME
from lit_emotalk.web.jobs import FAULT, Workshop
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.messages import (
    FAILED,
    FIRST,
    FULL,
    LATER,
    REFUSED,
    TOO_LARGE,
    WRONG_KIND,
    WRONG_VALUE,
    Change,
    Finish,
    Refusal,
    Start,
    encode,
    parse,
    ready,
    samples_of,
)
from lit_emotalk.web.sessions import Sessions, new_id
from lit_emotalk.web.uploads import keep_picture, read_picture
from lit_emotalk.web.wishes import read_emotion

MOST_WAITING = 32
"""Messages of a client that were received and not yet looked at."""
LATE_SECONDS = 0.15
"""Sound that has waited for longer is late."""
MOST_WORDS = 4096
"""Letters of a text message after the first."""


class Streams:
    """Serves streams with `workshop`'s networks, at most `limits.streams` at once; `folder` is for files that
    live a moment."""

    def __init__(self, workshop: Workshop, sessions: Sessions, folder: Path, limits: Limits) -> None:
        self._workshop, self._sessions, self._folder, self._limits = workshop, sessions, folder, limits
        self._open = 0

    async def serve(self, socket: WebSocket) -> None:
        """One stream, from its handshake to its end."""
        await socket.accept()
        if self._open >= self._limits.streams:
            await _end(socket, Refusal(FULL, "too many streams just now; please try again later"))
            return
        self._open += 1
        try:
            await self._serve_in_time(socket)
        except (WebSocketDisconnect, asyncio.CancelledError):  # the client has left, or the server stops
            return
        except Refusal as refusal:
            await _end(socket, refusal)
        except UserError as error:
            await _end(socket, Refusal(REFUSED, str(error)))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            await _end(socket, Refusal(FAILED, FAULT))
        finally:
            self._open -= 1

    async def _serve_in_time(self, socket: WebSocket) -> None:
        try:
            async with asyncio.timeout(60 * self._limits.stream_minutes):
                await self._serve(socket)
        except TimeoutError:
            raise self._over() from None

    async def _serve(self, socket: WebSocket) -> None:
        first = await self._next(socket, 2 * self._limits.start_bytes)
        if not isinstance(first, str):
            raise Refusal(WRONG_KIND, 'the first message must be text: {"type": "start", ...}')
        start = parse(FIRST, first)
        live = await asyncio.to_thread(self._begin, start)
        await self._send(socket, json.dumps(ready(live, start.output)))
        inbox: asyncio.Queue[tuple[float, str | bytes | Exception]] = asyncio.Queue(MOST_WAITING)
        reader = asyncio.create_task(self._read(socket, inbox))
        try:
            await self._converse(socket, inbox, live, start)
        finally:
            reader.cancel()
        await socket.close()

    async def _read(self, socket: WebSocket, inbox: asyncio.Queue) -> None:
        """Put what comes into the inbox, with the time; the last entry is why nothing more comes."""
        while True:
            message: str | bytes | Exception
            try:
                message = await self._next(socket, MOST_WORDS)
            except (Refusal, WebSocketDisconnect) as end:
                message = end
            await inbox.put((time.monotonic(), message))
            if isinstance(message, Exception):
                return

    async def _converse(self, socket: WebSocket, inbox: asyncio.Queue, live: LiveFace, start: Start) -> None:
        sent = heard = 0
        while True:
            came, message = await inbox.get()
            if isinstance(message, Exception):
                raise message
            if isinstance(message, str):
                asked = parse(LATER, message)
                if isinstance(asked, Finish):
                    break
                index = await asyncio.to_thread(self._change, live, asked)
                await self._send(socket, json.dumps({"type": "changed", "index": index}))
                continue
            heard += len(message) // 2
            if heard > 60 * SAMPLE_RATE * self._limits.stream_minutes:
                raise self._over()
            for samples in _hops(message, live):
                draw = start.late == "wait" or time.monotonic() - came < LATE_SECONDS
                sent += await self._show(socket, partial(live.push, samples, draw), start.output)
        sent += await self._show(socket, live.finish, start.output)
        await self._send(socket, json.dumps({"type": "finished", "frames": sent}))

    async def _show(self, socket: WebSocket, make: Callable[[], list[LiveFrame]], output: str) -> int:
        """Send the frames that `make` gives; how many were sent."""
        messages = await asyncio.to_thread(lambda: [encode(frame, output) for frame in make()])
        shown = [message for message in messages if message is not None]
        for message in shown:
            await self._send(socket, message)
        return len(shown)

    def _begin(self, start: Start) -> LiveFace:
        emotion = None
        if start.emotion is not None:
            emotion = read_emotion(start.emotion, start.intensity, self._limits)
        options = Options(
            intensity=start.intensity,
            strength=start.strength,
            frame=start.frame,
            motion=start.motion,
            seed=start.seed,
            longest_side=self._limits.picture_side,
            mark=start.mark,
        )
        pictures = start.output != "coefficients"
        return self._workshop.face.live(self._portrait(start), emotion, options, pictures=pictures)

    def _portrait(self, start: Start) -> Portrait:
        if start.portrait is not None:
            if len(start.portrait) > self._limits.start_bytes:
                raise Refusal(TOO_LARGE, "the portrait is too large for a message; upload it to a session")
            path = self._folder / f"{new_id()}.part"
            try:
                path.write_bytes(start.portrait)
                keep_picture(read_picture(path, self._limits), path)
                return self._workshop.portrait(path, start.face)
            finally:
                path.unlink(missing_ok=True)
        session = self._sessions.get(start.session or "")
        kept = session.path("portrait", start.upload or "") if session else None
        if kept is None:
            raise Refusal(REFUSED, "give a portrait as base64, or the session and upload of one")
        return self._workshop.portrait(kept, start.face)

    def _change(self, live: LiveFace, asked: Change) -> int:
        emotion = None
        if asked.emotion is not None:
            emotion = read_emotion(asked.emotion, asked.intensity, self._limits)
        return live.change(*self._workshop.face.live_emotion(emotion, asked.intensity))

    def _over(self) -> Refusal:
        return Refusal(REFUSED, f"a stream ends after {self._limits.stream_minutes:g} minutes")

    async def _next(self, socket: WebSocket, most_letters: int) -> str | bytes:
        """The client's next message. Refusal: it is too large, odd or late."""
        try:
            async with asyncio.timeout(self._limits.patience):
                got = await socket.receive()
                while got.get("bytes") == b"":  # says nothing, and gains no time
                    got = await socket.receive()
        except TimeoutError:
            raise Refusal(REFUSED, f"no message for {self._limits.patience:g} s") from None
        if got["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(got.get("code", 1006))
        text, sound = got.get("text"), got.get("bytes") or b""
        if text is not None:
            if len(text) > most_letters:
                raise Refusal(TOO_LARGE, f"a message has at most {most_letters} letters here")
            return text
        if len(sound) > self._limits.chunk_bytes:
            raise Refusal(TOO_LARGE, f"sound comes in messages of at most {self._limits.chunk_bytes} bytes")
        if len(sound) % 2:
            raise Refusal(WRONG_VALUE, "sound is 16-bit samples: an even number of bytes")
        return sound

    async def _send(self, socket: WebSocket, message: str | bytes) -> None:
        """Send; Refusal where the client does not take it."""
        sending = socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message)
        try:
            await asyncio.wait_for(sending, self._limits.patience)
        except TimeoutError:
            raise Refusal(REFUSED, f"no frame was taken for {self._limits.patience:g} s") from None


def _hops(message: bytes, live: LiveFace) -> Iterator[np.ndarray]:
    """The samples in parts of which each gives few frames, which are sent before the next are made."""
    samples = samples_of(message)
    size = SAMPLES_PER_FRAME * live.hop
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


async def _end(socket: WebSocket, refusal: Refusal) -> None:
    line = " ".join(str(refusal).split())
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(5):
            await socket.send_text(json.dumps({"type": "error", "message": line}))
            await socket.close(refusal.code, line[:100])
