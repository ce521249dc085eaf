"""The tests marked `gpu`, each one's outcome kept as it comes: python -m tests.benchmarks.gpu.gpu_tests."""

import argparse
from pathlib import Path

import pytest

from tests.benchmarks.gpu.results import Rows

ROOT = Path(__file__).parents[3]
SLOWEST_SECONDS = 120


class Recorder:
    """A plugin of pytest that keeps outcomes and leaves out what passed before; what is slow comes last."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out tests whose outcome is there."""
        due = [item for item in items if item.nodeid not in self.rows.kept]
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in self.rows.kept])
        items[:] = sorted(due, key=lambda item: item.get_closest_marker("slow") is not None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test came to: passed by its call, all else by the phase that did not pass."""
        if report.passed and report.when != "call":
            return
        figures: dict[str, object] = {"outcome": report.outcome, "seconds": round(report.duration, 2)}
        if report.skipped and isinstance(report.longrepr, tuple):
            figures["why"] = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed:
            figures["why"] = str(report.longrepr)[-1500:]
        self.rows.add(report.nodeid, figures)


def main() -> int:
    """Run the tests; the status is pytest's."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.gpu_tests", description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--toy", action="store_true", help="those that run on the CPU, without the slow ones")
    arguments = parser.parse_args()
    which = ["-m", "not gpu and not slow", "-k", "cpu"] if arguments.toy else ["-m", "gpu"]
    words = [
        str(ROOT / "tests" / "gpu"),
        *which,
        "-p",
        "no:cacheprovider",
        f"--timeout={SLOWEST_SECONDS}",
    ]
    recorder = Recorder(Rows(arguments.rows))
    status = pytest.main(
        [*words, f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml")], plugins=[recorder]
    )
    kept = recorder.rows.kept
    passed_before = status == pytest.ExitCode.NO_TESTS_COLLECTED and len(kept) > 0
    failed = any(figures.get("outcome") == "failed" for figures in kept.values())
    return 1 if failed else 0 if passed_before else int(status)


if __name__ == "__main__":
    raise SystemExit(main())
