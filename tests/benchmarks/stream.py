"""Latency and memory of live streams: a client of a running `lit-emotalk serve` speaks at real time.

    python -m tests.benchmarks.stream --models outputs/demo/models --portrait me.png --speech hello.wav

A frame's latency is from when its first sound was spoken until its picture is at the client; sound is sent in
pieces of 20 ms, each when it has been spoken. Processor time and memory are the server's, by the system.
"""

import argparse
import base64
import json
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from websockets.sync.client import connect

from lit_emotalk.io.audio import load_audio
from lit_emotalk.schema import FPS, SAMPLE_RATE
from lit_emotalk.web.messages import PICTURE_HEADER
from tests.serving import serving

PIECE = 320
"""Samples sent at once: 20 ms."""
WARM_SECONDS = 60.0
"""Memory is compared with that after so long, or half the time."""


def measure(port: int, process: psutil.Process, portrait: Path, samples: np.ndarray, how: dict) -> dict:
    """Latencies in ms of the frames of `samples` sent at real time, and the server's memory."""
    sent = (samples * 32767).astype("<i2")
    arrived: dict[int, float] = {}
    busy = sum(process.cpu_times()[:2])
    memory: list[tuple[float, int]] = []
    with connect(f"ws://127.0.0.1:{port}/stream", max_size=None) as socket:
        start = {"type": "start", "portrait": base64.b64encode(portrait.read_bytes()).decode(), **how}
        socket.send(json.dumps(start))
        ready = json.loads(socket.recv(60))
        begun = time.monotonic()

        def listen() -> None:
            for message in socket:
                if isinstance(message, bytes):
                    arrived[PICTURE_HEADER.unpack_from(message)[0]] = time.monotonic() - begun
                elif '"frame"' in message:
                    arrived[json.loads(message)["index"]] = time.monotonic() - begun

        listener = threading.Thread(target=listen)
        listener.start()
        for first in range(0, len(sent), PIECE):
            spoken = (first + PIECE) / SAMPLE_RATE
            time.sleep(max(0.0, begun + spoken - time.monotonic()))
            socket.send(sent[first : first + PIECE].tobytes())
            if first % SAMPLE_RATE == 0:
                memory.append((spoken, process.memory_info().rss))
        socket.send('{"type": "finish"}')
        listener.join()
    latency = np.array([1000 * (at - index / FPS) for index, at in arrived.items()][: -FPS // 2])
    warm = min(WARM_SECONDS, len(samples) / SAMPLE_RATE / 2)
    base = next(used for at, used in memory if at >= warm)
    return {
        "promised_ms": ready["latency_ms"],
        "median_ms": round(float(np.median(latency))),
        "p95_ms": round(float(np.percentile(latency, 95))),
        "most_ms": round(float(latency.max())),
        "frames": len(arrived),
        "cpu_ms_a_frame": round(1000 * (sum(process.cpu_times()[:2]) - busy) / len(arrived), 1),
        "seconds": round(len(samples) / SAMPLE_RATE, 1),
        "memory_mb": round(memory[-1][1] / 1e6),
        "memory_grown_mb": round((max(used for at, used in memory if at >= warm) - base) / 1e6, 1),
    }


def main() -> None:
    """Print one line of JSON for pictures and one for coefficients alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", required=True)
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="the speech is repeated for so long")
    parser.add_argument("--outputs", nargs="+", default=["jpeg", "coefficients"])
    parser.add_argument("--late", choices=("wait", "skip"), default="wait")
    args = parser.parse_args()
    samples = np.resize(load_audio(args.speech), round(args.seconds * SAMPLE_RATE))
    with serving("serve", "--models", args.models, OMP_NUM_THREADS="1") as (process, port):
        for output in args.outputs:
            how = {"emotion": "happy", "output": output, "late": args.late}
            found = measure(port, psutil.Process(process.pid), args.portrait, samples, how)
            print(json.dumps({"output": output, **found}), flush=True)


if __name__ == "__main__":
    main()
