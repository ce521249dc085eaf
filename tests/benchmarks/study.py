"""Many raters at once on loopback: is a rating lost or doubled, and how long does an answer take.

Every rater, on a connection of their own, asks for the state, a stretch of the video and sends an answer,
then waits a moment; every tenth answer is sent twice. Half of the time is over when the server is killed with
SIGKILL and started again; raters go on. Prints latencies and compares the store with what was acknowledged.
Run it with python -m tests.benchmarks.study --raters 50 --seconds 60
"""

import argparse
import http.client
import json
import random
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lit_emotalk.web.study.build import build_study
from lit_emotalk.web.study.store import Store
from lit_emotalk.web.study.study import read_study
from tests.serving import serving
from tests.web.study.conftest import METHODS, TRUTH, spec_content, tokens_of, write_named_video, write_spec

CLIPS = 40
QUESTIONS = ("lip_sync", "emotion", "quality", "identity")
RANGE = "bytes=0-65535"


@dataclass
class Load:
    """What the raters saw: `seconds` of each request by kind, `acknowledged` answers, answers sent, other
    statuses, broken connections."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"state": [], "video": [], "answer": []})
    acknowledged: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    sent: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    broken: int = 0


def make_study(folder: Path, raters: int) -> Path:
    """A study of two methods and the truth with more items than a rater answers in a minute."""
    for method in (*METHODS, TRUTH):
        write_named_video(folder / method / "0.mp4", method)
        for clip in range(1, CLIPS):
            (folder / method / f"{clip}.mp4").symlink_to(folder / method / "0.mp4")
    questions = {name: {"text": f"{name}?"} for name in QUESTIONS}
    content = spec_content(
        folder, raters=raters, sources=None, questions=questions, anchors_per_rater=5, clips_per_rater=CLIPS
    )
    build_study(write_spec(folder / "spec.yaml", content), folder / "study", "http://127.0.0.1")
    return folder / "study"


def rate(load: Load, port: int, rater: str, token: str, until: float, pause: float) -> None:
    """One rater's requests until the time is over or the server is gone."""
    source = random.Random(rater)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def timed(kind: str, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        start = time.perf_counter()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        load.seconds[kind].append(time.perf_counter() - start)
        if response.status not in (200, 206):
            load.refused.append(response.status)
        return content

    try:
        time.sleep(source.uniform(0, pause))
        while time.monotonic() < until:
            item = json.loads(timed("state", "GET", f"/r/{token}/state", None, {}))["item"]
            if item is None:
                return
            timed("video", "GET", item["video"], None, {"Range": RANGE})
            place = (rater, item["number"])
            scores = load.sent.setdefault(place, {name: source.randint(1, 5) for name in QUESTIONS})
            body = json.dumps({"item": item["number"], "scores": scores})
            for _ in range(2 if item["number"] % 10 == 0 else 1):
                state = timed(
                    "answer", "POST", f"/r/{token}/answer", body, {"Content-Type": "application/json"}
                )
                if json.loads(state).get("done") == item["number"] + 1:
                    load.acknowledged[place] = scores
            time.sleep(source.uniform(0.5, 1.5) * pause)
    except (OSError, http.client.HTTPException):
        load.broken += 1
    finally:
        connection.close()


def run(folder: Path, load: Load, seconds: float, pause: float) -> None:
    """Serve the study and let all its raters rate for `seconds`; then kill the server without a warning."""
    with serving("study", "serve", "--study", str(folder)) as (process, port):
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=rate, args=(load, port, rater, token, until + 5, pause))
            for rater, token in tokens_of(folder).items()
        ]
        for thread in threads:
            thread.start()
        time.sleep(max(until - time.monotonic(), 0))
        process.kill()
        for thread in threads:
            thread.join()


def main() -> None:
    """Build a study, load its server twice with a SIGKILL after each half, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between a rater's items")
    args = parser.parse_args()
    load = Load()
    with tempfile.TemporaryDirectory() as name:
        folder = make_study(Path(name), args.raters)
        for _ in range(2):
            run(folder, load, args.seconds / 2, args.pause)
        study = read_study(folder)
        with Store(folder, study.id) as store:
            kept = store.answers()
    for kind, values in load.seconds.items():
        p50, p99 = np.quantile(values, (0.5, 0.99)) * 1000
        print(f"{kind}: {len(values)} requests, p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {max(values):.3f} s")
    lost = sum(kept.get(place) != scores for place, scores in load.acknowledged.items())
    strange = sum(load.sent.get(place) != scores for place, scores in kept.items())
    print(
        f"{args.raters} raters, two kills: {len(load.acknowledged)} answers acknowledged, {len(kept)} kept, "
        f"{lost} lost, {strange} doubled or other than sent; {len(load.refused)} refused, "
        f"{load.broken} connections broken by the kills"
    )


if __name__ == "__main__":
    main()
