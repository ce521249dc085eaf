"""What hearing costs: processor time a frame of speech, memory of long sound, and a live stream's work.

    python -m tests.benchmarks.hearing --models outputs/demo/models --speech hello.wav

One thread. The speech is repeated to each length. `stream_ms` is the processor time of hearing and EAC a
frame where the sound comes in pieces of 20 ms; a stream's latency is `waits_ms` and the time of a hop,
`hop_ms`; `late_ms` is the former with the slowest twentieth of the latter.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import psutil
import torch

from lit_emotalk.inference.live.streaming import LATENCIES, ExpressionStream, Latency
from lit_emotalk.io.audio import load_audio
from lit_emotalk.models.eac import EAC
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hearing import hear
from lit_emotalk.schema import FPS, SAMPLE_RATE

PIECE = 320
STREAM_SECONDS = 20


def offline(eac: EAC, samples: np.ndarray) -> dict:
    """Processor time a frame of hearing and of EAC, and how much the process grew."""
    process = psutil.Process()
    code, strength = torch.zeros(1, eac.config.code_dim), torch.ones(1)
    eac.predict(torch.from_numpy(hear(samples[:SAMPLE_RATE], eac.config.hears))[None], code, strength)
    before, start = process.memory_info().rss, time.process_time()
    speech = hear(samples, eac.config.hears)
    heard = time.process_time()
    made = eac.predict(torch.from_numpy(speech)[None], code, strength)
    end, frames = time.process_time(), made.shape[1]
    return {
        "seconds": round(len(samples) / SAMPLE_RATE, 1),
        "hearing_ms": round(1000 * (heard - start) / frames, 2),
        "eac_ms": round(1000 * (end - heard) / frames, 2),
        "grown_mb": round((process.memory_info().rss - before) / 1e6, 1),
        "of_it_results_mb": round((speech.nbytes + made.numel() * 4) / 1e6, 1),
    }


def live(eac: EAC, samples: np.ndarray, latency: Latency) -> dict:
    """Processor time a frame of a stream, and the time that a hop takes."""
    stream = ExpressionStream(eac, torch.zeros(eac.config.code_dim), 1.0, latency)
    hops, frames, start = [], 0, time.process_time()
    for first in range(0, len(samples), PIECE):
        begun = time.process_time()
        made = stream.push(samples[first : first + PIECE])
        frames += len(made)
        if len(made):
            hops.append(1000 * (time.process_time() - begun))
    return {
        "window": latency.window,
        "stream_ms": round(1000 * (time.process_time() - start) / max(frames, 1), 2),
        "hop_ms": round(float(np.median(hops)), 1),
        "waits_ms": round(latency.milliseconds),
        "late_ms": round(latency.milliseconds + float(np.percentile(hops, 95))),
    }


def main() -> None:
    """Print one line of JSON a length, then one a window of the stream."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True, help="folder with the export eac")
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--seconds", type=float, nargs="+", default=[3, 10, 60, 180])
    parser.add_argument("--windows", type=int, nargs="+", help=f"frames of 1/{FPS} s (default: the stream's)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    eac = cast(EAC, load_export(args.models / "eac", "eac"))
    samples = load_audio(args.speech)
    for seconds in args.seconds:
        print(json.dumps(offline(eac, np.resize(samples, round(seconds * SAMPLE_RATE)))), flush=True)
    usual = LATENCIES[eac.config.hears]
    for window in args.windows or [usual.window]:
        sound = np.resize(samples, STREAM_SECONDS * SAMPLE_RATE)
        print(json.dumps(live(eac, sound, replace(usual, window=window))), flush=True)


if __name__ == "__main__":
    main()
