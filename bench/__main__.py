"""The measurements: `python -m bench [--rounds N] [--seconds N] [--only ROW] [--quick]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from bench.contenders import Say, Testbed, mongodb_version, testbed
from bench.contest import KINDS, Contest
from bench.facts import Backlog, measure_facts
from bench.load import Loader
from bench.measured import Cell, figure
from bench.mentors import measure_mentors, mentor_rows
from bench.report import Conditions, show, write
from bench.rows import KEYS, MENTORS, ROWS, SCALE
from bench.scale import measure_scale, scale_rows


def main() -> None:
    """Measure, print the tables, write the results."""
    options = _options()
    console = Console(width=150 if not sys.stdout.isatty() else None)
    begun = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:5.0f} s  {line}[/dim]", highlight=False)

    keys = {options.only} if options.only else set(KEYS)
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder, testbed(Path(folder)) as bed:
        conditions = Conditions.now(options.rounds, options.seconds, options.quick, mongodb_version(bed.client))
        with Loader() as loader:
            cells = list(_measure(bed, loader, options, keys, say))
    rows = [*(row for row in ROWS if row.key in keys), *scale_rows(cells), *mentor_rows(cells)]
    figures = [made for row in rows if (made := figure(row, cells)) is not None]
    conditions.seconds_taken = round(time.monotonic() - begun)
    show(console, figures, cells, conditions)
    for path in write(figures, cells, conditions, options.into):
        console.print(f"written: {path}", highlight=False)
    sys.exit(0 if all(cell.agrees for cell in cells) else "documents and answers disagree")


def _measure(bed: Testbed, loader: Loader, options: argparse.Namespace, keys: set[str], say: Say) -> Iterator[Cell]:
    """Measure one row after another, so that nothing else runs meanwhile."""
    if keys & {"fact", "rest"}:
        rounds = options.rounds if "fact" in keys else 1
        yield from measure_facts(bed, loader, rounds, options.seconds, say)
    works = {work for row in ROWS if row.key in keys for work in (row.work, *(row.against or ())[:1])}
    works &= {kind.work for kind in KINDS}
    contest = Contest(bed, loader, options.seconds, say) if works else None
    backlog = Backlog(bed, options.quick, say) if "inbox" in keys else None
    for number in range(options.rounds):
        if contest is not None:
            yield from contest.round(number, works)
        if backlog is not None:
            yield backlog.round(number)
    for cluster in tuple(bed.clusters):
        bed.remove(cluster)
    if SCALE in keys:
        yield from measure_scale(bed, loader, options.rounds, options.quick, say)
    if MENTORS in keys:
        yield from measure_mentors(bed, loader, options.rounds, options.seconds, options.quick, say)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="turns of each contender (5; quick: 1)")
    parser.add_argument("--seconds", type=float, default=0.0, help="measured seconds of a turn (4; quick: 1.5)")
    parser.add_argument("--only", choices=KEYS, help="only this row of the table, and what it is compared with")
    parser.add_argument("--quick", action="store_true", help="a short run that shows whether everything works")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1.5 if options.quick else 4.0)
    return options


if __name__ == "__main__":
    main()
