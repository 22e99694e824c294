"""The contest: contenders take turns at the same work, in an order that changes from round to round."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.contenders import BASELINES, ECHO, HATCHERY, TEXTBOOK, THRIFTY, Contender, Ring, Say, cpu
from bench.load import Loader, Tally, Work
from bench.measured import Cell
from bench.rows import ALONE_READ, ALONE_WRITE, CROWD, GET, HOT, REGISTER
from bench.scenery import GET_SPACE, REGISTER_TENANT, Scene
from bench.stream import kept
from bench.wire import Target

#: Requests made ready for each second of a cell: more than anybody here answers. Who runs out is told of in the note.
WRITES_A_SECOND = 6_000
READABLE = 1_000
STATUS = {2: "UNKNOWN", 4: "DEADLINE_EXCEEDED", 8: "RESOURCE_EXHAUSTED", 10: "ABORTED", 13: "INTERNAL"}
STATUS |= {14: "UNAVAILABLE"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A piece of work, and who takes part in it."""

    work: str
    who: tuple[str, ...]
    in_flight: int
    spaces: int = 0  # written to; 0: it is read
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
    """All that is needed to measure a cell."""

    def __init__(self, ring: Ring, loader: Loader, seconds: float, say: Say) -> None:
        self._ring, self._loader, self._say = ring, loader, say
        self._seconds = seconds
        self._warm = min(1.0, seconds / 2)
        ring.enter_all()
        self._readable = Scene("read", READABLE, 0)
        for name in (HATCHERY, *BASELINES):
            self._readable.lay(ring.contenders[name].database)

    def round(self, number: int, works: set[str]) -> Iterator[Cell]:
        """One cell for each kind of work and contender; who begins changes with the round."""
        for kind in KINDS:
            if kind.work in works:
                turn = number % len(kind.who)
                for name in (*kind.who[turn:], *kind.who[:turn]):
                    cell = self._cell(kind, self._ring.contenders[name], number)
                    amount = f"{cell.value * 1000:.2f} ms" if kind.alone else f"{cell.value:,.0f}/s"
                    self._say(f"round {number + 1} · {kind.work} · {name}: {amount} {cell.failed or ''}{cell.note}")
                    yield cell

    def _cell(self, kind: Kind, contender: Contender, number: int) -> Cell:
        scene = self._lay(kind, contender, number)
        reads = not kind.spaces
        target = Target(contender.address, GET_SPACE if reads else REGISTER_TENANT, self._ring.arena.token())
        bodies = scene.reads() if reads else scene.writes()
        again = reads or contender.name == ECHO
        work = Work(target, bodies, kind.in_flight, self._seconds, self._warm, again=again)
        watched = {contender.name: contender.pid, **self._ring.servers(self._ring.arena)}
        before = {name: cpu(pid) for name, pid in watched.items()}
        tally = self._loader.do(work)
        settle = self._settle(contender)
        used = {name: round(cpu(pid) - before[name], 2) for name, pid in watched.items()}
        counted = None if again else scene.count(contender.database)
        sure = counted is None or tally.ok <= counted.tenancies <= tally.ok + tally.failures
        return Cell(
            work=kind.work,
            contender=contender.name,
            round=number,
            value=tally.percentile(0.5) if kind.alone else tally.rate,
            unit="s" if kind.alone else "calls/s",
            ok=tally.ok,
            failed={STATUS.get(code, str(code)): times for code, times in tally.failed.items()},
            documents=counted.tenancies if counted else None,
            agrees=sure and (counted is None or counted.agrees or contender.name == THRIFTY),
            p50=tally.percentile(0.5),
            p99=tally.percentile(0.99),
            cpu={**used, "load": round(tally.cpu, 2)},
            window=round(tally.window, 3),
            settle=round(settle, 2),
            note=_note(tally),
        )

    def _lay(self, kind: Kind, contender: Contender, number: int) -> Scene:
        """The documents of a cell: what every contender but the echo, which has none, finds there."""
        if not kind.spaces:
            return self._readable
        rate = WRITES_A_SECOND if kind.in_flight > 1 else 1_500
        scene = Scene(f"{kind.work.replace('-', '')}{number}", kind.spaces, int(rate * (self._seconds + self._warm)))
        if contender.name != ECHO:
            scene.lay(contender.database)
        return scene

    def _settle(self, contender: Contender) -> float:
        """Wait until the relay has told all, so that nobody works in somebody else's time; returns how long it took."""
        begun = time.monotonic()
        if contender.name == HATCHERY:
            journal = contender.database["journal"]
            facts = journal.count_documents({"facts": {"$exists": True}})
            while kept(self._ring.arena.nats, "SPACES") < facts and time.monotonic() < begun + 60:
                time.sleep(0.05)
        return time.monotonic() - begun


def _note(tally: Tally) -> str:
    return " the requests ran out before the time" if tally.exhausted else ""
