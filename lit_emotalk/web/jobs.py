"""The videos that visitors asked for: one after the other, by one worker, in the order of asking."""

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import clip_crop
from lit_emotalk.face.finder import find_faces
from lit_emotalk.inference.emotion.request import Emotion, Schedule
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.portrait import Portrait
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.io.video import read_image
from lit_emotalk.schema import FPS
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.sessions import Busy, Session, new_id
from lit_emotalk.web.uploads import PICTURE, SOUND, VIDEO, without_path

FAULT = "something went wrong on the server; please try again"
THIS_FILE = "this file"
CHECKED_SECONDS = 2.0
"""How much of a driving video is looked at when it arrives; the rest is when it is used."""
UNFINISHED = ("waiting", "working")


class Cancelled(Exception):
    """Ends a job's work."""


@dataclass
class Video:
    """One video of a job: what it shows, its emotion (None: the voice's), and its id once it is done."""

    label: str
    emotion: Emotion | Schedule | None
    file: str | None = None


@dataclass(eq=False)
class Job:
    """A request for videos of one portrait and one speech, and how far it is. `files`: the files of the
    session that it uses beside these, and what they are called to the visitor."""

    session: Session
    portrait: Path
    speech: Path
    videos: list[Video]
    options: Options
    files: dict[Path, str] = field(default_factory=dict)
    id: str = field(default_factory=new_id)
    state: str = "waiting"
    doing: str = "waiting"
    done: int = 0
    total: int = 0
    drawing: float = 0.0
    """Seconds spent on the frames done."""
    error: str | None = None
    doubts: list[str] = field(default_factory=list)
    cancelled: bool = False

    def seconds_left(self) -> float | None:
        """How long the rest will take, by the frames so far; None while that is unknown."""
        if self.state != "working" or self.done < FPS // 5:
            return None
        return self.drawing / self.done * (self.total - self.done)


class Workshop:
    """Makes the videos with `face`; `faces` is held while a face is looked for, which cannot be done twice at
    once."""

    def __init__(self, face: TalkingFace, limits: Limits) -> None:
        self.face, self.faces = face, threading.Lock()
        self._limits = limits
        self._waiting: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._worker = threading.Thread(target=self._work, name="videos", daemon=True)

    def __enter__(self) -> "Workshop":
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            for job in self._jobs.values():
                job.cancelled = True
            self._changed.notify_all()
        self._worker.join()

    def portrait(self, picture: Path, face: int | None = None) -> Portrait:
        """The face of a picture that was kept, the largest or number `face` from the left; UserError without
        the path in it."""
        try:
            image = read_image(picture)
            with self.faces:
                return self.face.read_portrait(image, face)
        except UserError as error:
            raise without_path(error, picture, PICTURE) from None

    def faces_of(self, picture: Path) -> tuple[list[np.ndarray], int]:
        """All faces (S, S, 3) uint8 of a picture that was kept, from the left, and which is the largest."""
        image = read_image(picture)
        with self.faces:
            found = find_faces(image)
        ordered = sorted(found, key=lambda face: float(face.landmarks[:, 0].mean()))
        crops = [clip_crop(face.landmarks[None], image.shape[:2]) for face in ordered]
        return [crop.cut(image, self.face.resolution) for crop in crops], ordered.index(found[0])

    def nearest(self, emotion: Emotion, path: Path) -> str:
        """The canonical emotion nearest to what is read from the file at `path`; UserError without it."""
        try:
            with self.faces:
                return next(iter(self.face.space.similarities(self.face.code(emotion))))
        except UserError as error:
            raise without_path(error, path, THIS_FILE) from None

    def check_driving(self, path: Path) -> None:
        """UserError, without the path in it, where a video's first seconds give no head motion."""
        try:
            with self.faces:
                self.face.driving_videos.motion(path, round(CHECKED_SECONDS * FPS))
        except UserError as error:
            raise without_path(error, path, THIS_FILE) from None

    def ask(self, job: Job) -> None:
        """Put a job at the end of the queue. Raises Busy where the queue is full or the visitor has one in
        it."""
        with self._changed:
            self._forget()
            mine = [each for each in self._jobs.values() if each.session is job.session]
            if any(each.state in UNFINISHED for each in mine):
                raise Busy("your last request is still being made; wait for it, or stop it first")
            if len(self._waiting) >= self._limits.waiting:
                raise Busy("too many people are waiting just now; please try again in a minute")
            for each in mine:
                del self._jobs[each.id]
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify_all()

    def get(self, session: Session, name: str) -> Job | None:
        """A session's job; None where it has none such."""
        job = self._jobs.get(name)
        return job if job is not None and job.session is session else None

    def needed(self, session: Session) -> set[str]:
        """Ids of the files that a session's waiting or working jobs use."""
        with self._changed:
            jobs = [job for job in self._jobs.values() if job.session is session and job.state in UNFINISHED]
        return {path.stem for job in jobs for path in (job.portrait, job.speech, *job.files)}

    def cancel(self, job: Job) -> None:
        """End a job: the videos that are done stay."""
        with self._changed:
            job.cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
                job.state = "cancelled"

    def cancel_all(self, session: Session) -> None:
        """End a session's jobs."""
        for job in list(self._jobs.values()):
            if job.session is session:
                self.cancel(job)

    def state(self, job: Job) -> dict[str, Any]:
        """How far a job is, for the page."""
        left = job.seconds_left()
        with self._changed:
            ahead = self._waiting.index(job) + 1 if job in self._waiting else 0
        return {
            "state": job.state,
            "doing": job.doing if not ahead else f"waiting, {_ordinal(ahead)} in the queue",
            "done": job.done,
            "total": job.total,
            "seconds_left": None if left is None else round(left, 1),
            "error": job.error,
            "doubts": list(dict.fromkeys(job.doubts)),
            "videos": [{"label": video.label, "file": video.file} for video in job.videos],
        }

    def _forget(self) -> None:
        for name in [name for name, job in self._jobs.items() if job.session.closed.is_set()]:
            if self._jobs[name].state not in UNFINISHED:
                del self._jobs[name]

    def _work(self) -> None:
        for job in self._due():
            try:
                self._make(job)
                job.state = "done"
            except Cancelled:
                job.state = "cancelled"
            except UserError as error:
                for path, name in {job.speech: SOUND, **job.files}.items():
                    error = without_path(error, path, name)
                job.state, job.error = "failed", str(error)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                job.state, job.error = "failed", FAULT
            finally:
                job.session.clear_if_closed()

    def _due(self) -> Iterator[Job]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if self._ended:
                    return
                job = self._waiting.popleft()
                job.state = "working"
            yield job

    def _make(self, job: Job) -> None:
        job.doing = "looking for the face"
        self._check(job)
        portrait = self.portrait(job.portrait, job.options.face)
        frames = round(job.session.seconds.get(job.speech.stem, 0) * FPS)
        job.total = frames * len(job.videos)
        for video in job.videos:
            self._make_one(job, video, portrait)
        job.doing = "done"

    def _make_one(self, job: Job, video: Video, portrait: Portrait) -> None:
        before, spent, since = job.done, job.drawing, time.monotonic()

        def watch(done: int, total: int) -> None:
            self._check(job)
            job.total = total * len(job.videos)
            job.done = before + done
            job.drawing = spent + time.monotonic() - since
            job.doing = f"drawing {video.label}: frame {min(done + 1, total)} of {total}"

        job.doing = f"listening to the speech for {video.label}"
        self._check(job)
        file, path = job.session.place("video")
        try:
            options = replace(job.options, watch=watch, tell=job.doubts.append)
            self.face.talk(portrait, job.speech, path, video.emotion, options)
        except UserError as error:
            raise without_path(error, path, VIDEO) from None
        job.session.add("video", file, self._limits.videos)
        video.file = file

    def _check(self, job: Job) -> None:
        if job.cancelled or job.session.closed.is_set():
            raise Cancelled


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
