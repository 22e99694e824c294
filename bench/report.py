"""The report of a run: tables, a JSON file, a picture."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Self

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

from bench.measured import Cell, Figure

MARKS = {"met": "green", "aim met": "bold green"}


@dataclass(slots=True)
class Conditions:
    """Where, when and how the run was made."""

    at: str
    commit: str
    rounds: int
    seconds: float
    quick: bool
    python: str
    mongodb: str
    cores: int
    driver: str
    load_before: float
    seconds_taken: int = 0

    @classmethod
    def now(cls, rounds: int, seconds: float, quick: bool, mongodb: str) -> Self:  # noqa: FBT001
        """Return the conditions at the start."""
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
        )
        return cls(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=described.stdout.strip(),
            rounds=rounds,
            seconds=seconds,
            quick=quick,
            python=platform.python_version(),
            mongodb=mongodb,
            cores=os.cpu_count() or 0,
            driver=os.environ.get("HATCHERY_MONGO_DRIVER", "motor"),
            load_before=round(os.getloadavg()[0], 2),
        )


def show(console: Console, figures: Sequence[Figure], cells: Sequence[Cell], conditions: Conditions) -> None:
    """Print the tables."""
    console.print(_figures(figures))
    console.print(_cells(cells))
    wrong = [f"{cell.work}/{cell.contender} round {cell.round + 1}" for cell in cells if not cell.agrees]
    counted = sum(1 for cell in cells if cell.documents is not None)
    result = f"[red]documents and answers disagree: {', '.join(wrong)}[/red]" if wrong else "all agree with the answers"
    console.print(f"documents counted in {counted} cells: {result}", highlight=False)
    console.print(" · ".join(f"{name} {value}" for name, value in asdict(conditions).items()), highlight=False)


def _figures(figures: Sequence[Figure]) -> Table:
    table = Table(title="Hatchery compared with", title_justify="left")
    for name in ("work", "against", "median", "min", "max", "bar", "aim", "verdict", "Hatchery", "other"):
        table.add_column(name, justify="left" if name in {"work", "against", "verdict"} else "right")
    for made in figures:
        row = made.row
        sign, style = ("≤" if row.less else "≥"), MARKS.get(made.verdict, "red")
        amounts = [_short(amount, row.unit) for amount in (made.ratio, min(made.ratios), max(made.ratios))]
        bounds = [f"{sign} {row.bar:g}", f"{sign} {row.aim:g}"]
        theirs = _amount(made.theirs, made.unit if row.key != "inbox" else "calls/s")
        verdict = f"[{style}]{made.verdict}[/{style}]" + (f" ({made.note.strip()})" if made.note else "")
        table.add_row(row.title, _against(made), *amounts, *bounds, verdict, _amount(made.ours, made.unit), theirs)
    return table


def _against(made: Figure) -> str:
    if made.row.against is None:
        return "—"
    work, contender = made.row.against
    if contender != "hatchery":
        return contender
    return "the small city" if made.row.key == "scale" else f"its own {work}"


def _short(ratio: float, unit: str) -> str:
    return f"{ratio:.2f} {unit}" if unit == "×" else f"{ratio:.0f} {unit}"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "—"
    return f"{value * 1000:.2f} ms" if unit == "s" else f"{value:,.0f} {unit}"


def _cells(cells: Sequence[Cell]) -> Table:
    """Return the medians over the rounds, and CPU seconds by process."""
    table = Table(title="Medians of the rounds; CPU in seconds a round, by process", title_justify="left")
    for name in ("work", "contender", "value", "p50", "p99", "failed", "answers = documents", "relay after", "CPU"):
        table.add_column(name, justify="left" if name in {"work", "contender", "CPU"} else "right")
    for (work, contender), some in _grouped(cells):
        processes = sorted({name for cell in some for name in cell.cpu})
        used = " · ".join(f"{name} {median(cell.cpu.get(name, 0.0) for cell in some):.1f}" for name in processes)
        failed = sum(sum(cell.failed.values()) for cell in some)
        counted = [f"{cell.ok}={cell.documents}" for cell in some if cell.documents is not None]
        table.add_row(
            work,
            contender,
            _amount(median(cell.value for cell in some), some[0].unit),
            _amount(median(cell.p50 for cell in some if cell.p50 is not None), "s") if some[0].p50 else "—",
            _amount(median(cell.p99 for cell in some if cell.p99 is not None), "s") if some[0].p99 else "—",
            str(failed),
            counted[-1] if counted else "—",
            f"{median(cell.settle for cell in some):.1f} s",
            used,
        )
    return table


def _grouped(cells: Sequence[Cell]) -> Iterator[tuple[tuple[str, str], list[Cell]]]:
    keys = dict.fromkeys((cell.work, cell.contender) for cell in cells if not cell.work.startswith("scale"))
    for key in keys:
        yield key, [cell for cell in cells if (cell.work, cell.contender) == key]


def write(figures: Sequence[Figure], cells: Sequence[Cell], conditions: Conditions, folder: Path) -> tuple[Path, Path]:
    """Write the JSON file and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = conditions.at[:16].replace(":", "") + ("-quick" if conditions.quick else "")
    result, picture = folder / f"{stem}.json", folder / f"{stem}.png"
    content: dict[str, Any] = {
        "conditions": asdict(conditions),
        "figures": [made.as_json() for made in figures],
        "cells": [asdict(cell) for cell in cells],
    }
    result.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _draw(figures, conditions, picture)
    return result, picture


def _draw(figures: Sequence[Figure], conditions: Conditions, path: Path) -> None:
    """Draw each ratio as a share of its bar: at 1 the target is met, to the right it is exceeded."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 (after the backend is chosen)

    shares = [sorted(_share(made, ratio) for ratio in made.ratios) for made in figures]
    middles = [median(some) for some in shares]
    reaches = [[middle - some[0] for middle, some in zip(middles, shares, strict=True)]]
    reaches.append([some[-1] - middle for middle, some in zip(middles, shares, strict=True)])
    drawing, axes = plt.subplots(figsize=(11, 0.42 * len(figures) + 1.6), layout="constrained")
    places = range(len(figures))
    colours = ["#2e7d4f" if made.met else "#b5403a" for made in figures]
    axes.barh(places, middles, xerr=reaches, color=colours, height=0.6, ecolor="#444444", capsize=3)
    axes.scatter([_share(made, made.row.aim) for made in figures], places, marker="d", color="#20538c", zorder=3)
    axes.axvline(1, color="#444444", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(places, [f"{made.row.title} / {_against(made)}" for made in figures], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share of the bar (1 = bar, diamond = aim, whiskers = rounds)")
    axes.set_title(f"Hatchery {conditions.commit}, {conditions.at}, {conditions.rounds} rounds", fontsize=10)
    drawing.savefig(path, dpi=110)
    plt.close(drawing)


def _share(made: Figure, ratio: float) -> float:
    return made.row.bar / ratio if made.row.less else ratio / made.row.bar
