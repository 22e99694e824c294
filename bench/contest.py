"""The contest: the contenders take turns at the same work, in an order that changes from round to round."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.contenders import BASELINES, ECHO, HATCHERY, TEXTBOOK, THRIFTY, Contender, Say, Testbed
from bench.dataset import GET_SPACE, REGISTER_TENANT, Dataset
from bench.grpc_client import Target
from bench.idle import cpu_seconds, wait_until_published
from bench.load import Loader, Tally, Work
from bench.measured import Cell
from bench.rows import ALONE_READ, ALONE_WRITE, CROWD, GET, HOT, REGISTER

#: Requests prepared for each second of a cell, more than any contender answers. The note says when they ran out.
WRITES_PER_SECOND = 6_000
READABLE_SPACES = 1_000
STATUS = {2: "UNKNOWN", 4: "DEADLINE_EXCEEDED", 8: "RESOURCE_EXHAUSTED", 10: "ABORTED", 13: "INTERNAL"}
STATUS |= {14: "UNAVAILABLE"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work, and the contenders that do it. Without `spaces` to write to, it reads."""

    work: str
    contenders: tuple[str, ...]
    in_flight: int
    spaces: int = 0
    alone: bool = False


KINDS = (
    Kind(GET, (HATCHERY, TEXTBOOK, ECHO), 64),
    Kind(REGISTER, (HATCHERY, TEXTBOOK, THRIFTY, ECHO), 64, spaces=4_096),
    Kind(HOT, (HATCHERY, TEXTBOOK, THRIFTY), 16, spaces=1),
    Kind(CROWD, (HATCHERY,), 256, spaces=1),
    Kind(ALONE_WRITE, (HATCHERY, TEXTBOOK), 1, spaces=4_096, alone=True),
    Kind(ALONE_READ, (HATCHERY, TEXTBOOK), 1, alone=True),
)


class Contest:
    """Measures cells."""

    def __init__(self, bed: Testbed, loader: Loader, seconds: float, say: Say) -> None:
        self._bed, self._loader, self._say = bed, loader, say
        self._seconds = seconds
        self._warm = min(1.0, seconds / 2)
        bed.start_contenders()
        self._readable = Dataset("read", READABLE_SPACES, 0)
        for name in (HATCHERY, *BASELINES):
            self._readable.insert(bed.contenders[name].database)

    def round(self, number: int, works: set[str]) -> Iterator[Cell]:
        """Measure one cell for each kind of work and contender. Who begins changes with the round."""
        for kind in KINDS:
            if kind.work in works:
                turn = number % len(kind.contenders)
                for name in (*kind.contenders[turn:], *kind.contenders[:turn]):
                    cell = self._cell(kind, self._bed.contenders[name], number)
                    amount = f"{cell.value * 1000:.2f} ms" if kind.alone else f"{cell.value:,.0f}/s"
                    self._say(f"round {number + 1} · {kind.work} · {name}: {amount} {cell.failed or ''}{cell.note}")
                    yield cell

    def _cell(self, kind: Kind, contender: Contender, number: int) -> Cell:
        dataset = self._dataset(kind, contender, number)
        reads = not kind.spaces
        target = Target(contender.address, GET_SPACE if reads else REGISTER_TENANT, self._bed.contest.token())
        bodies = dataset.reads() if reads else dataset.writes()
        again = reads or contender.name == ECHO
        work = Work(target, bodies, kind.in_flight, self._seconds, self._warm, again=again)
        watched = {contender.name: contender.pid, **self._bed.servers(self._bed.contest)}
        before = {name: cpu_seconds(pid) for name, pid in watched.items()}
        tally = self._loader.run(work)
        settle = self._wait_for_relay(contender)
        used = {name: round(cpu_seconds(pid) - before[name], 2) for name, pid in watched.items()}
        counted = None if again else dataset.count(contender.database)
        plausible = counted is None or tally.ok <= counted.tenancies <= tally.ok + tally.failures
        return Cell(
            work=kind.work,
            contender=contender.name,
            round=number,
            value=tally.percentile(0.5) if kind.alone else tally.rate,
            unit="s" if kind.alone else "calls/s",
            ok=tally.ok,
            failed={STATUS.get(code, str(code)): times for code, times in tally.failed.items()},
            documents=counted.tenancies if counted else None,
            agrees=plausible and (counted is None or counted.agrees or contender.name == THRIFTY),
            p50=tally.percentile(0.5),
            p99=tally.percentile(0.99),
            cpu={**used, "load": round(tally.cpu, 2)},
            window=round(tally.window, 3),
            settle=round(settle, 2),
            note=_note(tally),
        )

    def _dataset(self, kind: Kind, contender: Contender, number: int) -> Dataset:
        """Insert the documents of a cell, except for the echo, which stores nothing."""
        if not kind.spaces:
            return self._readable
        rate = WRITES_PER_SECOND if kind.in_flight > 1 else 1_500
        startups = int(rate * (self._seconds + self._warm))
        dataset = Dataset(f"{kind.work.replace('-', '')}{number}", kind.spaces, startups)
        if contender.name != ECHO:
            dataset.insert(contender.database)
        return dataset

    def _wait_for_relay(self, contender: Contender) -> float:
        """Wait until every fact is published, so that no contender works during another's turn; returns the seconds."""
        begun = time.monotonic()
        if contender.name == HATCHERY:
            wait_until_published(contender.database, self._bed.contest.nats, "SPACES")
        return time.monotonic() - begun


def _note(tally: Tally) -> str:
    return " the requests ran out before the time" if tally.exhausted else ""
