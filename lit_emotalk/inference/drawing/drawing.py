"""Drawing a portrait's frames: as fast as this machine allows, the source encoded once."""

import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from threading import Lock

import numpy as np
import torch

from lit_emotalk.inference.drawing.ahead import ahead
from lit_emotalk.inference.drawing.speed import COMPILE, Timings, checked_speed
from lit_emotalk.inference.portrait import Portrait
from lit_emotalk.models.hef.drawing import DrawnSource, QuickHEF
from lit_emotalk.models.hef.generator import HEF, Frame
from lit_emotalk.models.picture import to_tensor
from lit_emotalk.weights.fetch import home

CHUNK = {"cpu": 4, "cuda": 16}
"""Frames drawn at once: what they share is computed together."""

DRAWERS = 4
"""Frames are drawn in so many threads at most; more cores share the work of each."""

TRIALS = 3
SLOW = 4.0
"""A way that takes this many times as long as float32 for its first frame is not tried again."""

SOURCES_KEPT = 4
"""Encoded sources kept for the next video of the same portrait."""


class Drawing:
    """Draws portraits with `hef` on `device`; `speed` is one of `SPEEDS`, see there.

    Safe in several threads. Raises UserError for an unknown speed.
    """

    def __init__(self, hef: HEF, device: torch.device, speed: str = "auto") -> None:
        self.config, self.device, self.speed = hef.config, device, checked_speed(speed)
        self._hef = hef
        self._tried_at_once = 1 if device.type == "cpu" else CHUNK.get(device.type, 1)
        facts = (device.type, _device_name(device), hef.config, self._tried_at_once)
        self.timings = Timings(home(), facts)
        self._networks: dict[str, QuickHEF] = {}
        self._sources: OrderedDict[tuple[int, torch.dtype], tuple[Portrait, DrawnSource]] = OrderedDict()
        self._lock = Lock()
        self._cores = torch.get_num_threads()
        self._drawers = min(self._cores, DRAWERS) if device.type == "cpu" else 1

    def draw(self, portrait: Portrait, windows: np.ndarray) -> np.ndarray:
        """Frames (n, S, S, 3) uint8 of windows of coefficients (n, window, 57)."""
        torch.set_num_threads(self._cores)
        network = self._network(self._way(len(windows)))
        return self._drawn(network, self._source(network, portrait), portrait, windows)

    def frames(self, portrait: Portrait, windows: np.ndarray) -> Iterator[np.ndarray]:
        """The frames of `draw`, one by one, drawn ahead in threads while the last is used."""
        network = self._network(self._way(len(windows)))
        source = self._source(network, portrait)
        size = CHUNK.get(self.device.type, 1)
        chunks = [windows[start : start + size] for start in range(0, len(windows), size)]
        work = partial(self._drawn, network, source, portrait)
        try:
            for drawn in ahead(work, chunks, self._drawers, self._share_cores):
                yield from drawn
        finally:
            torch.set_num_threads(self._cores)

    def _share_cores(self) -> None:
        """This thread gets one drawer's share of the cores (as do threads that begin now, until the number is
        set again)."""
        torch.set_num_threads(max(1, self._cores // self._drawers))

    @torch.inference_mode()
    def _drawn(
        self, network: QuickHEF, source: DrawnSource, portrait: Portrait, windows: np.ndarray
    ) -> np.ndarray:
        own = torch.from_numpy(portrait.coefficients).float().to(self.device)[None]
        image = network(source, own, torch.from_numpy(windows).float().to(self.device))
        return ((image + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    @torch.inference_mode()
    def _source(self, network: QuickHEF, portrait: Portrait) -> DrawnSource:
        key = id(portrait), network.dtype
        with self._lock:
            if key in self._sources:
                self._sources.move_to_end(key)
                return self._sources[key][1]
        second = None if portrait.second is None else self._frame(portrait.second)
        own = self._frame(portrait)
        source = network.encode_source(own.image, own.landmarks, second)
        with self._lock:
            self._sources[key] = portrait, source
            while len(self._sources) > SOURCES_KEPT:
                self._sources.popitem(last=False)
        return source

    def _frame(self, portrait: Portrait) -> Frame:
        image = to_tensor(portrait.image, self.device)
        landmarks, own = (
            torch.from_numpy(each).float().to(self.device)[None]
            for each in (portrait.landmarks, portrait.coefficients)
        )
        return Frame(image, landmarks, own)

    def _way(self, frames: int) -> str:
        """What `speed` means for a video of so many frames."""
        if self.speed in ("float32", "bfloat16"):
            return self.speed
        with self._lock:
            eager = self.timings.eager(self._measured)
        if self.speed == "auto" and not self.timings.pays_to_compile(
            eager, frames, done="compiled" in self._networks
        ):
            return eager
        return self._compiled(eager)

    def _compiled(self, eager: str) -> str:
        """`compiled`, compiled and measured; `eager`, with a line that says so, where it fails."""
        with self._lock:
            if "compiled" in self._networks:
                return "compiled"
            network = QuickHEF(self._hef, _dtype(eager))
            network.paint = torch.compile(network.paint)  # type: ignore[method-assign]
            before = time.perf_counter()
            self._share_cores()
            try:
                self._trial(network)
                cost = time.perf_counter() - before
                self.timings.keep(**{COMPILE: cost, "compiled": self._timed(network)})
            except Exception as error:
                [reason, *_] = str(error).strip().splitlines() or [type(error).__name__]
                print(f"torch.compile does not work here ({reason[:120]}): drawing {eager}", file=sys.stderr)
                network = self._eager(eager)
            finally:
                torch.set_num_threads(self._cores)
            self._networks["compiled"] = network
            return "compiled"

    def _network(self, way: str) -> QuickHEF:
        with self._lock:
            return self._networks[way] if way == "compiled" else self._eager(way)

    def _eager(self, way: str) -> QuickHEF:
        if way not in self._networks:
            self._networks[way] = QuickHEF(self._hef, _dtype(way)).eval()
        return self._networks[way]

    def _measured(self, way: str) -> float:
        """Seconds a frame by one core."""
        network = self._eager(way)
        self._share_cores()
        try:
            first = self._trial(network)
            known = self.timings.seconds.get("float32")
            return first if known is not None and first > SLOW * known else self._timed(network)
        finally:
            torch.set_num_threads(self._cores)

    def _timed(self, network: QuickHEF) -> float:
        self._trial(network)
        return min(self._trial(network) for _ in range(TRIALS))

    @torch.inference_mode()
    def _trial(self, network: QuickHEF) -> float:
        """Seconds a frame of a grey picture, of as many as are drawn together: on a CPU one, since rows are
        drawn one after another there."""
        side, window = self.config.resolution, self.config.window
        own = next(self._hef.buffers()).new_zeros(1, self._hef.style.gain.shape[0])
        landmarks = own.new_zeros(1, 478, 3) + 0.5
        source = network.encode_source(own.new_zeros(1, 3, side, side), landmarks)
        before = time.perf_counter()
        network(source, own, own[:, None].expand(self._tried_at_once, window, -1)).cpu()
        return (time.perf_counter() - before) / self._tried_at_once


def _dtype(way: str) -> torch.dtype:
    return torch.bfloat16 if way == "bfloat16" else torch.float32


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""
