"""The load: a process of its own that keeps so many calls in flight, or begins so many a second, and counts."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import perf_counter as now  # uvloop's own clock knows no less than a millisecond
from typing import Self

import psutil
import uvloop

from bench.wire import OK, Answered, Target, Wire, connect


@dataclass(frozen=True, slots=True)
class Work:
    """What to ask, with which bodies, one after another.

    `in_flight` calls are kept under way over `connections`, or `rate` are begun each second whatever
    becomes of them. The first `warm` seconds are not measured. `again`: start over when the bodies run out.
    """

    target: Target
    bodies: Sequence[bytes]
    in_flight: int
    seconds: float
    warm: float = 0.5
    connections: int = 8
    rate: float = 0.0
    again: bool = False


@dataclass(slots=True)
class Tally:
    """What became of the calls.

    `done` and `latencies` (seconds) are of those answered OK in the `window` (seconds) that was measured;
    `ok`, `failed` (by gRPC status) of all. A call without an answer by its deadline has failed.
    """

    window: float = 0.0
    done: int = 0
    ok: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    cpu: float = 0.0
    exhausted: bool = False

    @property
    def rate(self) -> float:
        """Calls answered OK, a second."""
        return self.done / self.window if self.window else 0.0

    @property
    def failures(self) -> int:
        """Calls that were not answered OK."""
        return sum(self.failed.values())

    def percentile(self, share: float) -> float:
        """The latency that so many of the measured calls did not exceed, in seconds."""
        if not self.latencies:
            return float("nan")
        held = sorted(self.latencies)
        return held[min(len(held) - 1, int(share * len(held)))]


class Run:
    """One piece of work under way."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.tally = Tally()
        self._wires: list[Wire] = []
        self._begun: list[dict[int, float]] = []
        self._bodies = self._supply()
        self._from = self._until = 0.0
        self._ended = asyncio.Event()

    def _supply(self) -> Iterator[bytes]:
        yield from self.work.bodies
        while self.work.again:
            yield from self.work.bodies

    async def run(self) -> Tally:
        """Do it, and wait until every call is answered or past its deadline."""
        work = self.work
        for number in range(min(work.connections, work.in_flight)):
            self._begun.append({})
            self._wires.append(await connect(work.target, self._hearing(number)))
        self._from = now() + work.warm
        self._until = self._from + work.seconds
        if work.rate:
            await self._at_rate()
        else:
            for number in range(work.in_flight):
                self._ask(number % len(self._wires))
        while any(self._begun) or self._goes_on():
            await asyncio.sleep(0.02)
            self._give_up(now() - work.target.deadline)
        self.tally.window = min(self._until, now()) - self._from
        for wire in self._wires:
            wire.close()
        return self.tally

    async def _at_rate(self) -> None:
        """Begin calls by the clock, so that a slow server gets no fewer of them."""
        start, count = now(), 0
        while self._goes_on():
            self._ask(count % len(self._wires))
            count += 1
            await asyncio.sleep(max(0.0, start + count / self.work.rate - now()))

    def _goes_on(self) -> bool:
        return now() < self._until and not self.tally.exhausted

    def _ask(self, number: int) -> None:
        begun = now()
        if begun >= self._until:
            return
        body = next(self._bodies, None)
        if body is None:
            self.tally.exhausted = True
            self._until = min(self._until, begun)
            return
        self._begun[number][self._wires[number].ask(body)] = begun

    def _hearing(self, number: int) -> Answered:
        begun = self._begun[number]

        def hear(stream: int, status: int, _: bytes) -> None:
            heard, started = now(), begun.pop(stream)
            tally = self.tally
            if status != OK or heard - started > self.work.target.deadline:
                tally.failed[status] += 1
            else:
                tally.ok += 1
                if self._from <= heard < self._until:
                    tally.done += 1
                    tally.latencies.append(heard - started)
            if not self.work.rate:
                self._ask(number)

        return hear

    def _give_up(self, before: float) -> None:
        for wire, begun in zip(self._wires, self._begun, strict=True):
            for stream in [stream for stream, started in begun.items() if started < before]:
                wire.give_up(stream)


def _serve(line: "Connection[Tally, Work | None]") -> None:
    """Do one piece of work after another until there is none."""
    while (work := line.recv()) is not None:
        before = psutil.Process().cpu_times()
        tally = uvloop.run(Run(work).run())
        after = psutil.Process().cpu_times()
        tally.cpu = after.user + after.system - before.user - before.system
        line.send(tally)


class Loader:
    """The process that loads. It is the same one for every contender."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._line.send(None)
        self._process.join(5)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    def begin(self, work: Work) -> None:
        """Start a piece of work."""
        self._line.send(work)

    def end(self) -> Tally:
        """Wait for the piece of work that was begun."""
        if not self._line.poll(120):
            raise TimeoutError("the load did not come to its end")
        tally: Tally = self._line.recv()
        return tally

    def do(self, work: Work) -> Tally:
        """Begin, and wait for the end."""
        self.begin(work)
        return self.end()
