"""The results: cells (one contender at one kind of work in one round) and figures (ratios of cells)."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender at one kind of work in one round.

    `value` is what the figures compare: calls or facts per second, or seconds. `documents` is the number that
    MongoDB had afterwards, which must be that of the `ok` answers. `settle` is how long the relay went on after
    the load had ended, in seconds. `cpu` is seconds by process, including the relay's work.
    """

    work: str
    contender: str
    round: int
    value: float
    unit: str
    ok: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    documents: int | None = None
    agrees: bool = True
    p50: float | None = None
    p99: float | None = None
    cpu: dict[str, float] = field(default_factory=dict)
    window: float = 0.0
    settle: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A target: Hatchery's value for some work as a ratio to another contender's, or as an amount without one.

    With `less` the value must not be above the bar; otherwise it must not be below. `spotless` allows no failure.
    """

    key: str
    title: str
    work: str
    against: tuple[str, str] | None
    bar: float
    aim: float
    less: bool = False
    spotless: bool = False
    unit: str = "×"


@dataclass(frozen=True, slots=True)
class Figure:
    """The outcome of a target: a ratio for each round, and the medians of both sides."""

    row: Row
    ratios: tuple[float, ...]
    ours: float
    theirs: float | None
    unit: str
    failures: int
    note: str = ""

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        reached = self.ratio <= self.row.bar if self.row.less else self.ratio >= self.row.bar
        return reached and not (self.row.spotless and self.failures)

    @property
    def verdict(self) -> str:
        """Say whether the aim or the bar is met, or by how much of the bar it is missed."""
        row = self.row
        if not self.met:
            if row.spotless and self.failures:
                return f"{self.failures} failures"
            return f"short by {abs(self.ratio - row.bar) / row.bar:.0%}"
        return "aim met" if (self.ratio <= row.aim if row.less else self.ratio >= row.aim) else "met"

    def as_json(self) -> dict[str, Any]:
        """Return what the results file holds."""
        row = self.row
        return {
            "row": row.key,
            "work": row.title,
            "against": " ".join(row.against) if row.against else "",
            "unit": row.unit,
            "median": round(self.ratio, 4),
            "min": round(min(self.ratios), 4),
            "max": round(max(self.ratios), 4),
            "rounds": [round(ratio, 4) for ratio in self.ratios],
            "better": "less" if row.less else "more",
            "bar": row.bar,
            "aim": row.aim,
            "verdict": self.verdict,
            "ours": self.ours,
            "theirs": self.theirs,
            "absolute_unit": self.unit,
            "failures": self.failures,
            "note": self.note,
        }


def figure(row: Row, cells: list[Cell]) -> Figure | None:
    """Return the figure of a row; None when one of its sides was not measured."""
    ours = _by_round(cells, row.work, "hatchery")
    if not ours:
        return None
    failures = sum(sum(cell.failed.values()) for cell in ours.values())
    values = [cell.value for cell in ours.values()]
    note = next((cell.note for cell in ours.values() if cell.note), "")
    unit = next(iter(ours.values())).unit
    if row.against is None:
        return Figure(row, tuple(values), median(values), None, unit, failures, note)
    theirs = _by_round(cells, *row.against)
    shared = [(ours[number].value, theirs[number].value) for number in ours if number in theirs]
    ratios = tuple(mine / other for mine, other in shared if other)
    if not ratios:
        return None
    other = median(value for _, value in shared)
    return Figure(row, ratios, median(values), other, unit, failures, note)


def _by_round(cells: list[Cell], work: str, contender: str) -> dict[int, Cell]:
    return {cell.round: cell for cell in cells if (cell.work, cell.contender) == (work, contender)}
