"""What a check found: a line that says what was asked, what was measured, and whether it was reached."""

from dataclasses import dataclass, field

from scipy.stats import binomtest

INTERVAL = 0.95


@dataclass(frozen=True)
class Line:
    """One finding. `reached` is None where nothing is asked; `values` are its numbers, for programs."""

    check: str
    asked: str
    measured: str
    reached: bool | None
    values: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`reached`, `NOT reached`, or nothing where nothing is asked."""
        return "" if self.reached is None else "reached" if self.reached else "NOT reached"


@dataclass(frozen=True)
class Share:
    """`hits` of `count` with the bounds of Wilson's 95 % interval; count >= 1."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """hits / count."""
        return self.hits / self.count

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high end of the interval."""
        found = binomtest(self.hits, self.count).proportion_ci(INTERVAL, "wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.bounds
        return f"{self.value:.1%} [{low:.1%}, {high:.1%}] of {self.count}"

    def values(self) -> dict[str, float]:
        """The numbers of a `Line`."""
        low, high = self.bounds
        return {"share": self.value, "low": low, "high": high, "hits": self.hits, "count": self.count}
