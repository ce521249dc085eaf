"""How fast HEF draws and trains: `make benchmark`, or python -m tests.benchmarks.hef [--sizes ...] [--quick].

For every size and resolution: one frame of a cached source and one training step, eager and compiled, float32
and bfloat16, with milliseconds (by the clock, and of the CPU where others use it too), GFLOP, share of this
machine's measured matrix peak, and peak memory. `quick` is what videos are drawn with (`QuickHEF`), `quick
compiled` the same through torch.compile; neither trains. Prints one table and writes outputs/benchmark.json.
Timings are the median of several; compare only within one run.
"""

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.io.files import write_text
from lit_emotalk.models.hef.drawing import QuickHEF
from lit_emotalk.models.hef.generator import HEF, HEFConfig

MODES = ("eager", "compiled", "quick", "quick compiled")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
MATRIX_SIDE = {"cpu": 2048, "cuda": 8192}
FRONT_POSE = (0.0, 0.0, 0.0, 0.0, 0.0, -0.9)


def seconds(call: Callable[[], Any], repeats: int, device: str) -> float:
    """Median time of one call, after two that do not count."""
    times = []
    for round_ in range(repeats + 2):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        if round_ >= 2:
            times.append(time.perf_counter() - start)
    return median(times)


def matrix_peak(device: str, precision: str) -> float:
    """GFLOP a second of a large matrix product: what this machine reaches."""
    side = MATRIX_SIDE[device]
    one = torch.randn(side, side, device=device, dtype=PRECISIONS[precision])
    return 2 * side**3 / seconds(lambda: one @ one, 5, device) / 1e9


def inputs(config: HEFConfig, batch: int, device: str) -> tuple[torch.Tensor, ...]:
    """A source image, its landmarks and coefficients, and driving windows."""
    generator = torch.Generator().manual_seed(0)
    coeffs = torch.cat((torch.zeros(batch, 51), torch.tensor(FRONT_POSE).expand(batch, -1)), 1)
    driving = coeffs[:, None].repeat(1, config.window, 1)
    driving[..., :51] = torch.rand(batch, config.window, 51, generator=generator) * 0.4
    landmarks = LinearFace.load().mean * torch.tensor(FRONT_POSE[5]).exp() / 2 + torch.tensor([0.5, 0.5, 0.0])
    size = config.resolution
    image = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    tensors = (image, landmarks.expand(batch, -1, -1), coeffs, driving)
    return tuple(tensor.to(device) for tensor in tensors)


def measure(
    size: str, resolution: int, mode: str, precision: str, batch: int, repeats: int, train: bool = True
) -> dict:
    """One row: a batch drawn from a cached source, and (`train`) a training step of the same batch."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = HEF(HEFConfig(size=size, resolution=resolution))  # type: ignore[arg-type]
    network = network.to(device, memory_format=torch.channels_last)
    image, landmarks, coeffs, driving = inputs(network.config, batch, device)
    image = image.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        encoded = network.encode_source(image[:1], landmarks[:1])
        with FlopCounterMode(display=False) as counter:
            network(encoded, coeffs[:1], driving[:1])
    if mode == "compiled":
        network.compile()
        network.encoder.compile()
    quick = QuickHEF(network, PRECISIONS[precision]) if mode.startswith("quick") else None
    if quick is not None and mode == "quick compiled":
        quick.paint = torch.compile(quick.paint)  # type: ignore[method-assign]
    optimizer = torch.optim.AdamW(network.parameters(), 1e-5)
    mixed = torch.autocast(device, PRECISIONS[precision], enabled=precision != "fp32")

    def draw() -> None:
        with torch.inference_mode():
            if quick is not None:
                quick(drawn, coeffs[:1], driving)
                return
            with mixed:
                network(source, coeffs, driving)

    def step() -> None:
        with mixed:
            output = network(network.encode_source(image, landmarks), coeffs, driving)
            loss = sum(
                (level.float().square().mean() for level in output.images), torch.zeros((), device=device)
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with torch.inference_mode():
        if quick is not None:
            drawn = quick.encode_source(image[:1], landmarks[:1])
        with mixed:
            source = network.encode_source(image[:1], landmarks[:1])
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    drawing = seconds(draw, repeats, device)
    trains = train and quick is None
    training = seconds(step, max(repeats // 2, 2), device) if trains else float("nan")
    before = time.process_time()
    draw()
    cpu = time.process_time() - before
    gflop = counter.get_total_flops() / 1e9
    peak = matrix_peak(device, precision)
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else _peak_memory()
    return {
        "size": size,
        "resolution": resolution,
        "mode": mode,
        "precision": precision,
        "batch": batch,
        "parameters": sum(p.numel() for p in network.parameters()),
        "gflop_per_frame": round(gflop, 2),
        "draw_ms_per_frame": round(1000 * drawing / batch, 2),
        "draw_cpu_ms_per_frame": round(1000 * cpu / batch, 2),
        "frames_per_second": round(batch / drawing, 1),
        "draw_share_of_peak": round(gflop * batch / drawing / peak, 3),
        "train_ms_per_sample": round(1000 * training / batch, 2) if trains else None,
        "train_share_of_peak": round(3 * gflop * batch / training / peak, 3) if trains else None,
        "peak_memory_gib": round(memory / 2**30, 2),
    }


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def table(rows: list[dict]) -> str:
    """The rows as Markdown."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(str(row[name]) for name in columns) + " |" for row in rows])


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hef", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["tiny", "realtime", "base"])
    parser.add_argument("--resolutions", nargs="+", type=int, default=[128, 256, 512])
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=list(PRECISIONS))
    parser.add_argument("--batch", type=int, default=8 if torch.cuda.is_available() else 2)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark.json"))
    arguments = parser.parse_args()
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.processor()} CPU"
    rows = []
    for size in arguments.sizes:
        for resolution in arguments.resolutions:
            for mode in arguments.modes:
                for precision in arguments.precisions:
                    torch._dynamo.reset()
                    row = measure(size, resolution, mode, precision, arguments.batch, arguments.repeats)
                    rows.append(row)
                    print(" ".join(f"{key}={value}" for key, value in row.items()), file=sys.stderr)
    threads = torch.get_num_threads()
    content = {"device": name, "threads": threads, "torch": torch.__version__, "rows": rows}
    write_text(arguments.output, json.dumps(content, indent=2) + "\n")
    print(f"{name}, {threads} threads, torch {torch.__version__}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
