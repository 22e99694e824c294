"""The load: a process of its own that keeps a number of calls in flight, or starts a number per second, and counts."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from time import perf_counter as now  # uvloop's own clock has a resolution of a millisecond
from typing import Self

import psutil
import uvloop

from bench.grpc_client import OK, Answered, Connection, Target, connect


@dataclass(frozen=True, slots=True)
class Work:
    """What to call, and with which bodies, one after another.

    `in_flight` calls are kept in progress over `connections`, or `rate` calls are started each second whether
    or not earlier ones were answered. The first `warm` seconds are not measured. `again` starts over when the
    bodies run out.
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
    """The outcome of the calls.

    `done` and `latencies` (seconds) are of calls answered OK in the `window` (seconds) that was measured; `ok`
    and `failed` (by gRPC status) are of all calls. A call that is not answered by its deadline has failed.
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
        """Calls answered OK per second."""
        return self.done / self.window if self.window else 0.0

    @property
    def failures(self) -> int:
        """Calls that were not answered OK."""
        return sum(self.failed.values())

    def percentile(self, share: float) -> float:
        """Return the latency that this share of the measured calls did not exceed, in seconds."""
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Run:
    """One piece of work in progress."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.tally = Tally()
        self._connections: list[Connection] = []
        self._started: list[dict[int, float]] = []
        self._bodies = self._all_bodies()
        self._since = self._until = 0.0

    def _all_bodies(self) -> Iterator[bytes]:
        yield from self.work.bodies
        while self.work.again:
            yield from self.work.bodies

    async def run(self) -> Tally:
        """Run the work, and wait until every call is answered or past its deadline."""
        work = self.work
        for number in range(min(work.connections, work.in_flight)):
            self._started.append({})
            self._connections.append(await connect(work.target, self._on_answer(number)))
        self._since = now() + work.warm
        self._until = self._since + work.seconds
        if work.rate:
            await self._at_rate()
        else:
            for number in range(work.in_flight):
                self._call(number % len(self._connections))
        while any(self._started) or self._is_running():
            await asyncio.sleep(0.02)
            self._give_up(now() - work.target.deadline)
        self.tally.window = min(self._until, now()) - self._since
        for connection in self._connections:
            connection.close()
        return self.tally

    async def _at_rate(self) -> None:
        """Start calls by the clock, so that a slow server does not get fewer of them."""
        start, count = now(), 0
        while self._is_running():
            self._call(count % len(self._connections))
            count += 1
            await asyncio.sleep(max(0.0, start + count / self.work.rate - now()))

    def _is_running(self) -> bool:
        return now() < self._until and not self.tally.exhausted

    def _call(self, number: int) -> None:
        started = now()
        if started >= self._until:
            return
        body = next(self._bodies, None)
        if body is None:
            self.tally.exhausted = True
            self._until = min(self._until, started)
            return
        self._started[number][self._connections[number].call(body)] = started

    def _on_answer(self, number: int) -> Answered:
        calls = self._started[number]

        def answered(stream: int, status: int, _: bytes) -> None:
            ended, started = now(), calls.pop(stream)
            tally = self.tally
            if status != OK or ended - started > self.work.target.deadline:
                tally.failed[status] += 1
            else:
                tally.ok += 1
                if self._since <= ended < self._until:
                    tally.done += 1
                    tally.latencies.append(ended - started)
            if not self.work.rate:
                self._call(number)

        return answered

    def _give_up(self, before: float) -> None:
        for connection, started in zip(self._connections, self._started, strict=True):
            for stream in [stream for stream, at in started.items() if at < before]:
                connection.give_up(stream)


def _serve(pipe: "Pipe[Tally, Work | None]") -> None:
    """Run one piece of work after another until None arrives."""
    while (work := pipe.recv()) is not None:
        before = psutil.Process().cpu_times()
        tally = uvloop.run(Run(work).run())
        after = psutil.Process().cpu_times()
        tally.cpu = after.user + after.system - before.user - before.system
        pipe.send(tally)


class Loader:
    """The process that generates the load, the same one for every contender."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join(5)

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def begin(self, work: Work) -> None:
        """Start a piece of work."""
        self._pipe.send(work)

    def end(self) -> Tally:
        """Wait for the work that was begun."""
        if not self._pipe.poll(120):
            raise TimeoutError("the load did not end within two minutes")
        tally: Tally = self._pipe.recv()
        return tally

    def run(self, work: Work) -> Tally:
        """Run a piece of work and wait for its end."""
        self.begin(work)
        return self.end()
