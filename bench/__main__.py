"""The measurements: `python -m bench [--rounds N] [--seconds N] [--only ROW] [--quick]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from bench.contenders import Ring, Say, ring, version_of
from bench.contest import KINDS, Contest
from bench.facts import Backlog, measure_facts
from bench.load import Loader
from bench.measured import Cell, figure
from bench.report import Conditions, keep, show
from bench.rows import KEYS, ROWS, SCALE
from bench.scale import measure_scale, scale_rows


def main() -> None:
    """Measure, show, keep."""
    asked = _arguments()
    console = Console(width=150 if not sys.stdout.isatty() else None)
    begun = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:5.0f} s  {line}[/dim]", highlight=False)

    keys = {asked.only} if asked.only else set(KEYS)
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder, ring(Path(folder)) as it, Loader() as loader:
        conditions = Conditions.now(asked.rounds, asked.seconds, asked.quick, version_of(it.client))
        cells = list(_measure(it, loader, asked, keys, say))
    rows = [*(row for row in ROWS if row.key in keys), *scale_rows(cells)]
    figures = [made for row in rows if (made := figure(row, cells)) is not None]
    conditions.seconds_taken = round(time.monotonic() - begun)
    show(console, figures, cells, conditions)
    for path in keep(figures, cells, conditions, asked.into):
        console.print(f"written: {path}", highlight=False)
    sys.exit(0 if all(cell.agrees for cell in cells) else "documents and answers disagree")


def _measure(it: Ring, loader: Loader, asked: argparse.Namespace, keys: set[str], say: Say) -> Iterator[Cell]:
    """One thing after another, so that what is not measured is not running."""
    if keys & {"fact", "rest"}:
        rounds = asked.rounds if "fact" in keys else 1
        yield from measure_facts(it, loader, rounds, asked.seconds, say)
    works = {work for row in ROWS if row.key in keys for work in (row.work, *(row.against or ())[:1])}
    works &= {kind.work for kind in KINDS}
    contest = Contest(it, loader, asked.seconds, say) if works else None
    backlog = Backlog(it, asked.quick, say) if "inbox" in keys else None
    for number in range(asked.rounds):
        if contest is not None:
            yield from contest.round(number, works)
        if backlog is not None:
            yield backlog.round(number)
    for world in tuple(it.worlds):
        it.leave(world)
    if SCALE in keys:
        yield from measure_scale(it, loader, asked.rounds, asked.quick, say)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="how often everybody has a turn (5; quick: 1)")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long a turn is measured (4; quick: 1.5)")
    parser.add_argument("--only", choices=KEYS, help="only this row of the table, and what it is compared with")
    parser.add_argument("--quick", action="store_true", help="a short run that shows whether everything runs")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "results", help="where results are kept")
    asked = parser.parse_args()
    asked.rounds = asked.rounds or (1 if asked.quick else 5)
    asked.seconds = asked.seconds or (1.5 if asked.quick else 4.0)
    return asked


if __name__ == "__main__":
    main()
