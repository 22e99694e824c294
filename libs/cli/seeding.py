"""Sends demo data to the running services, so that repeating it changes nothing."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from libs.cli.contract import bearer, unary
from libs.cli.demo import DemoCall
from libs.cli.demo_record import DemoRecord
from libs.cli.errors import CliError
from libs.cli.rpc_errors import details, explain, reasons
from libs.cli.stop import Stop

RETRY_SECONDS = 20.0  # how long to retry a call that services may accept once they have caught up
RETRY_PAUSE = 0.2
CALL_SECONDS = 10.0
MAX_IN_FLIGHT = 64
Code = grpc.StatusCode
#: NOT_FOUND, because facts about what the request names may still be on their way.
PASSING = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.NOT_FOUND})


def _counted(count: int, plural: str) -> str:
    """Return "24 tenancies", or "1 tenancy" for one."""
    if count != 1:
        return f"{count} {plural}"
    return f"1 {plural[:-3]}y" if plural.endswith("ies") else f"1 {plural.removesuffix('s')}"


@dataclass
class SeedReport:
    """The outcome of each entry."""

    added: Counter[str] = field(default_factory=Counter)
    existing: int = 0
    changed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def sentences(self) -> Iterator[str]:
        """Yield the report for a person."""
        if self.added.total():
            counts = ", ".join(_counted(count, kind) for kind, count in self.added.items() if count)
            before = f" {self.existing} entries were already there." if self.existing else ""
            yield f"Demo data added: {counts}.{before}"
        elif self.existing:
            yield f"The demo data is already there ({self.existing} entries); nothing was changed."
        if self.changed:
            yield f"Left unchanged, although the profile now has other values for them: {', '.join(self.changed)}."
        for service, count in self.skipped.items():
            yield f"{service} is not running, so its {count} entries were skipped."
        yield from self.failed


@dataclass
class Attempt:
    """A call that is not finished: when it may be sent again, and until when it is retried."""

    call: DemoCall
    address: str
    deadline: float
    not_before: float = 0.0
    reply: Any = None


class Seeder:
    """Sends each call as soon as the calls that it refers to have succeeded."""

    def __init__(
        self,
        channels: Mapping[str, tuple[str, grpc.Channel]],
        token: str,
        record: DemoRecord,
        stop: Stop,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Take the address and the channel of each running service."""
        self._channels = channels
        self._metadata = bearer(token)
        self._record = record
        self._stop = stop
        self._retry_seconds = retry_seconds
        self._known: set[str] = set()
        self._waiting: dict[str, DemoCall] = {}
        self._attempts: dict[str, Attempt] = {}
        self.report = SeedReport()

    def run(self, calls: Sequence[DemoCall]) -> SeedReport:
        """Send all calls. CliError when a service does not answer; StopRequested when a stop is requested."""
        self._waiting = {call.key: call for call in calls}
        self.report.added.update(dict.fromkeys((call.kind for call in calls), 0))  # counted in the order of the files
        self._known = {call.key for call in calls if self._record.name(call.key)}
        self._record.begin(call.key for call in calls if call.service in self._channels)
        try:
            while self._waiting or self._attempts:
                self._start_ready()
                for key, attempt in list(self._attempts.items()):
                    self._advance(key, attempt)
                self._stop.wait(0.01)
        finally:
            for attempt in self._attempts.values():
                if attempt.reply is not None:
                    attempt.reply.cancel()
            self._record.save()
        return self.report

    def _start_ready(self) -> None:
        """Turn calls into attempts when everything that they refer to is known."""
        for key, call in list(self._waiting.items()):
            unfinished = call.references & (self._waiting.keys() | self._attempts.keys())
            if unfinished or len(self._attempts) >= MAX_IN_FLIGHT:
                continue
            del self._waiting[key]
            missing = sorted(ref for ref in call.references if not self._record.name(ref))
            if call.service not in self._channels:
                self.report.skipped[call.service] += 1
            elif missing and set(missing) <= set(self.report.changed):
                self.report.changed.append(key)  # what it refers to was left as it is, so the name is not known
            elif missing:
                self.report.failed.append(f"{key} was skipped, because it needs {missing[0]}.")
                self._record.forget(key)
            else:
                address = self._channels[call.service][0]
                self._attempts[key] = Attempt(call, address, time.monotonic() + self._retry_seconds)

    def _advance(self, key: str, attempt: Attempt) -> None:
        """Send the call, or take its reply."""
        if attempt.reply is None:
            if time.monotonic() >= attempt.not_before:
                attempt.reply = self._send(attempt.call)
        elif attempt.reply.done():
            try:
                self._succeeded(key, attempt.reply.result())
            except grpc.RpcError as error:
                self._refused(key, attempt, error)
            else:
                del self._attempts[key]

    def _send(self, call: DemoCall) -> Any:
        request = call.request(self._record.names, self._record.today(call.key))
        channel = self._channels[call.service][1]
        return unary(channel, call.method).future(request, timeout=CALL_SECONDS, metadata=self._metadata)

    def _succeeded(self, key: str, reply: Any) -> None:
        if key in self._known:
            self.report.existing += 1
        else:
            self.report.added[key.partition("/")[0]] += 1
        self._record.finish(key, getattr(reply, "name", "") or key)

    def _refused(self, key: str, attempt: Attempt, error: grpc.RpcError) -> None:
        if error.code() in PASSING and time.monotonic() < attempt.deadline:
            attempt.reply, attempt.not_before = None, time.monotonic() + RETRY_PAUSE
            return
        del self._attempts[key]
        if "REQUEST_ID_REUSED" in reasons(error):
            self.report.changed.append(key)
            return
        explanation = explain(error, attempt.address)
        if error.code() in PASSING and details(error)[0] is None:
            raise CliError(explanation)
        self.report.failed.append(f"{key} was refused: {'; '.join(map(str.strip, explanation.splitlines()))}.")
        self._record.forget(key)
