"""A client as a careful integrator writes it: each command under a request id, sent until its answer is definite."""

import asyncio
import hashlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from google.protobuf.message import Message
from grpc import StatusCode, aio

from libs.api.hatchery.spaces.v1 import spaces_pb2_grpc
from libs.api.hatchery.startups.v1 import startups_pb2_grpc
from tests.conftest import Refused
from tests.running import metadata

STUBS: Mapping[str, Any] = {
    "spaces": spaces_pb2_grpc.SpaceServiceStub,
    "startups": startups_pb2_grpc.StartupServiceStub,
}
#: The outcome is not known, or nothing was done: the same command may be sent again.
AGAIN = frozenset(
    {
        StatusCode.UNAVAILABLE,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.CANCELLED,
        StatusCode.RESOURCE_EXHAUSTED,
    }
)
#: A definite no: nothing was changed.
NO = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.ALREADY_EXISTS,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.ABORTED,
    }
)
#: No command stays without an answer for so many seconds, whatever is killed.
PATIENCE = 60.0
#: Find a replica again soon after it is back.
QUICK = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50)]
QUICK += [("grpc.max_reconnect_backoff_ms", 400)]


@dataclass(slots=True, eq=False)
class Sent:
    """One command and its definite answer: the message, or the refusal."""

    service: str
    method: str
    request: Any
    entry_id: str
    tries: int = 0
    answer: Any = None
    refusal: Refused | None = None


@dataclass(slots=True)
class Ledger:
    """What was sent and answered, and what should never have been seen."""

    sent: list[Sent] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    reads: int = 0
    #: The highest version of each entity that anybody was shown.
    shown: dict[str, int] = field(default_factory=dict)

    def show(self, message: Any, floor: int = 0) -> None:
        """Note the version that a caller was shown; less than what was shown before it asked is a fault."""
        version = int(message.etag.removeprefix("v"))
        if version < floor:
            self.faults.append(f"{message.name} was shown at version {version} after it had been shown at {floor}")
        self.shown[message.name] = max(self.shown.get(message.name, 0), version)


class Client:
    """Calls services, each at one or several replicas; fails over from one to the other."""

    def __init__(self, replicas: Mapping[str, Iterable[str]], token: str, subject: str, ledger: Ledger) -> None:
        self._replicas = {service: tuple(addresses) for service, addresses in replicas.items()}
        self._metadata = metadata(token)
        self._subject = subject
        self._stubs: dict[tuple[str, str], Any] = {}
        self._open = AsyncExitStack()
        self._chance = random.Random(7)
        self.ledger = ledger

    async def __aenter__(self) -> Self:
        for service, addresses in self._replicas.items():
            for address in addresses:
                channel = await self._open.enter_async_context(aio.insecure_channel(address, QUICK))
                self._stubs[service, address] = STUBS[service](channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def command(self, service: str, method: str, request: Any, *, at: str = "", keep: bool = True) -> Sent:
        """Send a command until the answer is definite, always under the same request id.

        `at` is the address of the one replica that is wanted; any will do without it. A repeat is not
        kept in the ledger, where the command itself stands already.
        """
        request.request_id = request.request_id or os.urandom(12).hex()
        made = hashlib.blake2b(f"{self._subject}\0{request.request_id}".encode(), digest_size=16).hexdigest()
        sent = Sent(service, method, request, made)
        await self._until_definite(sent, at)
        if keep:
            self.ledger.sent.append(sent)
        if sent.answer is not None:
            self.ledger.show(sent.answer)
        return sent

    async def read(self, service: str, method: str, request: Any) -> Any:
        """Ask until there is an answer; None when what is asked for is not there."""
        sent = Sent(service, method, request, "")
        floor = self.ledger.shown.get(getattr(request, "name", ""), 0)
        await self._until_definite(sent, "")
        self.ledger.reads += 1
        if floor and sent.answer is None:
            self.ledger.faults.append(f"{request.name} was shown and then not there")
        if sent.answer is not None and hasattr(sent.answer, "etag"):
            self.ledger.show(sent.answer, floor)
        return sent.answer

    async def _until_definite(self, sent: Sent, at: str) -> None:
        pause, until = 0.01, time.monotonic() + PATIENCE
        address = at or self._chance.choice(self._replicas[sent.service])
        while True:
            sent.tries += 1
            try:
                ask = getattr(self._stubs[sent.service, address], sent.method)
                sent.answer = await ask(sent.request, metadata=self._metadata, timeout=4)
                return
            except aio.AioRpcError as error:
                if self._is_definite(sent, error):
                    return
                if time.monotonic() > until:
                    raise AssertionError(
                        f"{sent.method}: no answer for {PATIENCE:.0f} s, {sent.tries} tries"
                    ) from error
            await asyncio.sleep(pause * self._chance.uniform(0.5, 1))  # as any polite client's retry policy says
            pause = min(pause * 2, 0.5)
            if not at:
                address = self._chance.choice(self._replicas[sent.service])

    def _is_definite(self, sent: Sent, error: aio.AioRpcError) -> bool:
        code = error.code()
        self.ledger.codes[code.name] += 1
        if code in NO:
            sent.refusal = Refused(error)
            self.ledger.reasons[sent.refusal.reason] += 1
            return True
        if code not in AGAIN:
            self.ledger.faults.append(f"{sent.method} was answered {code.name}: {error.details()}")
        return False


def said(message: Message) -> bytes:
    """A message as bytes that are equal when it is."""
    return message.SerializeToString(deterministic=True)
