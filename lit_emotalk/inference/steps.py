"""Where the time of one video goes, step by step."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Steps:
    """Seconds on the clock of named steps, in the order in which they first began.

    Of nested steps the inner one counts: the outer one is charged with what is left.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Charge what happens inside to `name`."""
        self._charge()
        self._open.append(name)
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def each(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items, charging the time that each takes to come to `name`."""
        source = iter(items)
        while True:
            with self.step(name):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        now = time.monotonic()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())

    def summary(self) -> str:
        """One line: every step's seconds and its share of all."""
        total = max(self.total, 1e-9)
        return ", ".join(
            f"{name} {spent:.2f} s ({spent / total:.0%})" for name, spent in self.seconds.items()
        )
