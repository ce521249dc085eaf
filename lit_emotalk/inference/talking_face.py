"""TalkingFace: emotion space, EAC and HEF joined: portrait + speech + emotion -> coefficients -> frames."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.checks import check_arkit, check_networks
from lit_emotalk.inference.drawing.drawing import Drawing
from lit_emotalk.inference.emotion.codes import EmotionReader
from lit_emotalk.inference.emotion.request import Emotion, Schedule
from lit_emotalk.inference.live.face import FrameStream, LiveFace, frames_of
from lit_emotalk.inference.live.streaming import ExpressionStream, Latency
from lit_emotalk.inference.motion.bearing import add_speaking_motion
from lit_emotalk.inference.motion.driving import DrivingVideos, driven
from lit_emotalk.inference.motion.natural import LiveMotion, add_natural_motion
from lit_emotalk.inference.motion.own import from_own
from lit_emotalk.inference.motion.strength import strengthened
from lit_emotalk.inference.options import Options, asked_for
from lit_emotalk.inference.output.coefficients import format_of
from lit_emotalk.inference.output.files import checked_output, write_output
from lit_emotalk.inference.output.finish import Finish
from lit_emotalk.inference.portrait import Portrait, find_portrait
from lit_emotalk.inference.steps import Steps
from lit_emotalk.io.audio import is_silent, load_audio, log_mel
from lit_emotalk.io.files import Recent, file_state
from lit_emotalk.io.output_sound import Soundtrack
from lit_emotalk.io.progress import track, watched
from lit_emotalk.io.video import read_image
from lit_emotalk.models.eac import EAC
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hearing import check_hearing, hear
from lit_emotalk.models.hef.generator import HEF
from lit_emotalk.schema import FPS, ROWS
from lit_emotalk.weights.starter import models_folder

LEANING = 0.1
PORTRAITS_KEPT = 4
DEFAULTS = Options()


@dataclass(frozen=True)
class Made:
    """A finished video: where it is, its frames, their (height, width) and where the time went."""

    output: Path
    frames: int
    size: tuple[int, int]
    steps: Steps


class TalkingFace:
    """The three networks joined for inference.

    `resolution` is the side of the generated frames in pixels; `speed`, one of `inference.speed.SPEEDS`, is
    how they are drawn. Raises UserError where the weights that the networks hear by are not here, the
    networks do not go together (`check_networks`), and for an unknown speed.
    """

    def __init__(
        self, space: EmotionSpace, eac: EAC, hef: HEF, device: str = "cpu", speed: str = "auto"
    ) -> None:
        check_networks(space, eac, hef)
        for hears in (space.hears, eac.config.hears):
            check_hearing(hears)
        self.space = space.to(device).eval()
        self.eac = eac.to(device).eval()
        self.hef = hef.to(memory_format=torch.channels_last).to(device).eval()
        self.device = torch.device(device)
        self.drawing = Drawing(self.hef, self.device, speed)
        self.resolution = hef.config.resolution
        self.tracker = Tracker.load()
        self.reader = EmotionReader(self.space, self.tracker)
        self.driving_videos = DrivingVideos(self.tracker)
        self._portraits = Recent[Portrait](PORTRAITS_KEPT)

    @classmethod
    def load(
        cls, models: Path | str | None = None, device: str = "cpu", speed: str = "auto"
    ) -> "TalkingFace":
        """Load the exports `align`, `eac`, `hef` below `models`, or the starter's; UserError names what is
        missing or wrong."""
        folder = models_folder(models)
        align, eac, hef = (load_export(folder / stage, stage, device) for stage in ("align", "eac", "hef"))
        return cls(cast(EmotionSpace, align), cast(EAC, eac), cast(HEF, hef), device, speed)

    def read_portrait(self, picture: Path | str | np.ndarray, face: int | None = None) -> Portrait:
        """Find the face of a picture (path or uint8 (H, W, 3)), crop it and read its coefficients.

        Of several faces the largest is taken, or number `face` from the left (from 0). Of files the last few
        portraits are kept. UserError: no face, or models that are not driven by arkit.
        """
        check_arkit(self.eac, "draw a new portrait")
        if isinstance(picture, np.ndarray):
            return find_portrait(picture, "the picture", self.tracker, self.resolution, face)
        key = file_state(picture), face
        known = self._portraits.get(key)
        if known is not None:
            return known
        image = read_image(Path(picture))
        found = find_portrait(image, str(picture), self.tracker, self.resolution, face)
        return self._portraits.keep(key, found)

    def with_second(self, portrait: Portrait, picture: Path | str | np.ndarray) -> Portrait:
        """The portrait with another picture of the same person, for what it does not show, as the teeth.

        UserError: no face in it, or a generator that draws from one picture.
        """
        if self.hef.config.sources == 1:
            raise UserError(
                "these models draw from one picture of a person; a second one needs a stage hef that was "
                "trained with network.sources 2"
            )
        return replace(portrait, second=self.read_portrait(picture))

    def talk(
        self,
        portrait: Path | str | np.ndarray | Portrait,
        speech: Path | str,
        output: Path | str,
        emotion: str | Emotion | Schedule | None = None,
        options: Options = DEFAULTS,
        steps: Steps | None = None,
    ) -> Made:
        """Write a video (.mp4, .webm, or a folder of png) of the face in `portrait` saying `speech`.

        `emotion` in words ("a furious person", "happy", "happy:0.7,surprised:0.3", "0s neutral; 1.5s happy
        0.8"), or as an object, which has its own intensity; None: the speech's own voice sets it. Raises
        UserError for every input that cannot be used; nothing is written then.
        """
        steps = steps or Steps()
        path = checked_output(output, options.overwrite)
        with steps.step("speech"):
            asked = asked_for(emotion, speech, options.intensity)
            samples = load_audio(speech, allow_silence=True)
            sound, heard = Soundtrack.of(speech), self.hear(samples)
            if is_silent(samples):
                options.tell(f"{speech} is silent: the face rests")
            for doubt in self.reader.doubts.of(asked):
                options.tell(doubt)
        with steps.step("portrait"):
            source = (
                portrait if isinstance(portrait, Portrait) else self.read_portrait(portrait, options.face)
            )
            if options.second is not None:
                source = self.with_second(source, options.second)
            finish = Finish(source, options, self.resolution)
        with steps.step("expression"):
            if isinstance(asked, Schedule):
                expression = self.scheduled(heard, asked)
            else:
                expression = self.expression(heard, self.code(asked), asked.intensity)
            expression = strengthened(expression, options.strength)
            expression = from_own(expression, source.coefficients[:-POSE_SIZE])
            coefficients = coefficients_of(expression, source.coefficients[-POSE_SIZE:])
            if options.motion == "natural":
                coefficients = add_natural_motion(coefficients, options.seed)
            elif options.motion == "speaking":
                leanings = self.leanings(asked, len(coefficients))
                coefficients = add_speaking_motion(coefficients, log_mel(samples), leanings, options.seed)
        if options.pose_from is not None:
            with steps.step("driving video"):
                clip = self.driving_videos.motion(options.pose_from, len(coefficients))
                own = source.coefficients[-POSE_SIZE:]
                coefficients = driven(coefficients, clip, own, options.eyes)
        faces = steps.each("rendering", self.render(source, coefficients))
        frames = steps.each("finishing", map(finish, faces))
        if options.progress:
            frames = track(frames, "frames", len(coefficients), "frames")
        if options.watch is not None:
            frames = watched(frames, len(coefficients), options.watch)
        with steps.step("encoding"):
            write_output(path, frames, sound, options.credentials)
            if options.coefficients_out is not None:
                kind = format_of(options.coefficients_out, options.coefficients_format)
                kind.write(Path(options.coefficients_out), coefficients)
        return Made(path, len(coefficients), finish.size, steps)

    def stream(
        self,
        portrait: Path | str | np.ndarray | Portrait,
        chunks: Iterable[np.ndarray],
        emotion: str | Emotion | None = None,
        options: Options = DEFAULTS,
        latency: Latency | None = None,
        lookahead: int = 0,
    ) -> Iterator[np.ndarray]:
        """Frames (H, W, 3) uint8 of the face saying sound that arrives in `chunks` (N,) of 16 kHz mono in
        [-1, 1]; each comes as soon as its sound is there (see `Latency`), and memory does not grow.

        `emotion`: one, in words or as an object; None: no emotion is given to the networks. `lookahead`: how
        many frames the generator waits for, see `FrameStream`. `live` gives more: coefficients, and
        another emotion midway. Raises UserError for what cannot be used, before the first chunk is taken.
        """
        return frames_of(self.live(portrait, emotion, options, latency, lookahead), chunks)

    def live(
        self,
        portrait: Path | str | np.ndarray | Portrait,
        emotion: str | Emotion | None = None,
        options: Options = DEFAULTS,
        latency: Latency | None = None,
        lookahead: int = 0,
        pictures: bool = True,
    ) -> LiveFace:
        """A face that hears sound in pieces, see `stream`. Raises UserError for what cannot be used."""
        check_arkit(self.eac, "speak live")
        if options.motion == "speaking":
            raise UserError("a live face moves by itself (natural) or not at all (none), not by the speech")
        if options.pose_from is not None:
            raise UserError("a live face takes no head motion from a video")
        code, intensity = self.live_emotion(emotion, options.intensity)
        source = portrait if isinstance(portrait, Portrait) else self.read_portrait(portrait, options.face)
        if options.second is not None:
            source = self.with_second(source, options.second)
        frames = finish = None
        if pictures:
            frames = FrameStream(partial(self.drawing.draw, source), self.hef.config.window, lookahead)
            finish = Finish(source, options, self.resolution)
        expressions = ExpressionStream(self.eac, code, intensity, latency)
        motion = LiveMotion(options.seed) if options.motion == "natural" else None
        return LiveFace(expressions, source.coefficients, motion, frames, finish, options.strength)

    def live_emotion(
        self, emotion: str | Emotion | None, intensity: float
    ) -> tuple[torch.Tensor | None, float]:
        """An emotion's code (D,) and intensity for a stream; None: no emotion's code. UserError as for a
        code, and for a schedule."""
        if emotion is None:
            return None, intensity
        asked = asked_for(emotion, "", intensity)
        if isinstance(asked, Schedule):
            raise UserError("a live face takes one emotion at a time; change it when the time has come")
        return self.code(asked), asked.intensity

    @torch.inference_mode()
    def code(self, emotion: Emotion) -> torch.Tensor:
        """The emotion's code (D,), of unit length; UserError as `EmotionReader.code`."""
        return self.reader.code(emotion)

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """What the EAC hears of samples (N,) in [-1, 1] at 16 kHz, T = N // 640 frames: log-mel (4T, 80), or
        Whisper's states (T, 768)."""
        return hear(samples, self.eac.config.hears)

    @torch.inference_mode()
    def expression(self, speech: np.ndarray, code: torch.Tensor, intensity: float) -> np.ndarray:
        """Expression coefficients (T, 51) of speech as `hear` gives it, under an emotion's code."""
        batch = torch.from_numpy(np.ascontiguousarray(speech, np.float32))[None].to(self.device)
        strength = torch.tensor([intensity], dtype=torch.float32, device=self.device)
        return self.eac.predict(batch, code[None].to(self.device), strength)[0].float().cpu().numpy()

    def scheduled(self, speech: np.ndarray, schedule: Schedule) -> np.ndarray:
        """Expression coefficients (T, 51) of speech as `hear` gives it, under emotions over time.

        The whole speech is converted under each different emotion and intensity, and the coefficients are
        faded into one another by `Schedule.weights`: the EAC was trained with one emotion a clip, and with a
        code for each frame a face keeps traces of emotions that are seconds away (our choice). UserError: an
        emotion begins after the speech has ended.
        """
        frames = len(speech) // ROWS[self.eac.config.hears]
        latest = schedule.entries[-1][0]
        if latest >= frames / FPS:
            raise UserError(
                f"the schedule has an entry at {latest:g} s, but the speech ends at {frames / FPS:g} s"
            )
        made: dict[Emotion, np.ndarray] = {}
        for _, emotion in schedule.entries:
            if emotion not in made:
                made[emotion] = self.expression(speech, self.code(emotion), emotion.intensity)
        parts = np.stack([made[emotion] for _, emotion in schedule.entries])
        return np.einsum("te,etc->tc", schedule.weights(frames), parts)

    def leanings(self, asked: Emotion | Schedule, frames: int) -> dict[str, np.ndarray]:
        """How much of each canonical emotion is asked for at each frame (T,), the rest neutral; sums to one.

        From the cosines of the codes (a softmax at `LEANING`), times the intensity (our choice).
        """
        if isinstance(asked, Emotion):
            entries, weights = [asked], np.ones((frames, 1), np.float32)
        else:
            entries, weights = [emotion for _, emotion in asked.entries], asked.weights(frames)
        found = {name: np.zeros(frames) for name in EMOTIONS}
        for emotion, weight in zip(entries, weights.T, strict=True):
            cosines = self.space.similarities(self.code(emotion))
            shares = np.exp([cosines[name] / LEANING for name in EMOTIONS])
            for name, share in zip(EMOTIONS, shares / shares.sum(), strict=True):
                found[name] += weight * emotion.intensity * share
            found["neutral"] += weight * (1 - emotion.intensity)
        return found

    def render(self, portrait: Portrait, coefficients: np.ndarray) -> Iterator[np.ndarray]:
        """Frames (S, S, 3) uint8 of the portrait moved by coefficients (T, 57), drawn ahead of their use."""
        return self.drawing.frames(portrait, driving_windows(coefficients, self.hef.config.window))


def driving_windows(coefficients: np.ndarray, window: int) -> np.ndarray:
    """Each frame's window of coefficients, edge-clamped: (T, C) -> (T, window, C)."""
    frames = np.arange(len(coefficients))[:, None] + np.arange(window)[None] - window // 2
    return coefficients[frames.clip(0, len(coefficients) - 1)]


def coefficients_of(expression: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Expression (T, 51) and one pose (6,) held throughout -> coefficients (T, 57)."""
    held = np.broadcast_to(pose, (len(expression), len(pose)))
    return np.concatenate([expression.astype(np.float32), held.astype(np.float32)], 1)
