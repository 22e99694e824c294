"""The calls in progress: each is ended at its deadline, and all of them when the service stops."""

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Any, cast

from grpc import StatusCode

from libs.common.domain.errors import Refusal, TooLate

#: How often deadlines are checked. A timer for each call would cost more than all checks.
WATCH_SECONDS = 0.01


def _current_task() -> "asyncio.Task[Any]":
    return cast("asyncio.Task[Any]", asyncio.current_task())


@dataclass(slots=True, eq=False)
class Call:
    """What is known about a call, for its log line and metrics.

    `deadline` is on the loop's clock. `end` is the reason for which this service cancelled the call, if it did.
    """

    caller: str = ""
    request_id: str = ""
    traceparent: str = ""
    reason: str = ""
    code: StatusCode = StatusCode.OK
    deadline: float = math.inf
    end: Refusal | None = None
    started: float = field(default_factory=time.perf_counter)
    task: "asyncio.Task[Any]" = field(default_factory=_current_task)

    def cancel(self, reason: Refusal) -> None:
        """Cancel the call, which is then answered with the reason. Only the first cancellation counts."""
        if self.end is None:
            self.end = reason
            self.task.cancel()


class RunningCalls:
    """The calls in progress."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._watch: asyncio.TimerHandle | None = None

    def add(self, call: Call) -> None:
        """Watch a call until it is removed."""
        self._calls.add(call)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._end_overdue)

    def remove(self, call: Call) -> None:
        """Forget a call that has ended."""
        self._calls.discard(call)

    async def wait(self, grace_seconds: float, reason: Refusal) -> None:
        """Wait for the calls in progress, and cancel those that take longer."""
        tasks = {call.task: call for call in self._calls}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                tasks[task].cancel(reason)
            if late:
                await asyncio.wait(late, timeout=2)

    def _end_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in self._calls:
            if call.deadline <= now:
                call.cancel(TooLate("DEADLINE_EXCEEDED", "the deadline passed"))
        self._watch = loop.call_later(WATCH_SECONDS, self._end_overdue) if self._calls else None
