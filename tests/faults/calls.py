"""A client that sends each command under a request id, again and again until the outcome is known."""

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

from libs.api.hatchery.mentors.v1.availability_pb2_grpc import AvailabilityServiceStub
from libs.api.hatchery.mentors.v1.consultation_pb2_grpc import ConsultationServiceStub
from libs.api.hatchery.mentors.v1.mentor_pb2_grpc import MentorServiceStub
from libs.api.hatchery.spaces.v1.space_pb2_grpc import SpaceServiceStub
from libs.api.hatchery.spaces.v1.tenancy_pb2_grpc import TenancyServiceStub
from libs.api.hatchery.startups.v1.startup_pb2_grpc import StartupServiceStub
from tests.support.calls import Refused, bearer

#: The gRPC services that each process serves.
STUBS: Mapping[str, tuple[Any, ...]] = {
    "spaces": (SpaceServiceStub, TenancyServiceStub),
    "startups": (StartupServiceStub,),
    "mentors": (MentorServiceStub, AvailabilityServiceStub, ConsultationServiceStub),
}
#: The outcome is unknown, or nothing was done: the same command may be sent again.
RETRYABLE = frozenset({StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.RESOURCE_EXHAUSTED})
#: The command was refused and nothing was changed.
REFUSED = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.ALREADY_EXISTS,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.ABORTED,
    }
)
#: Seconds within which every command must be answered, whatever is killed.
MAX_SECONDS = 60.0
#: A replica that is back must be found again quickly.
RECONNECT_QUICKLY = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 400),
)


@dataclass(slots=True, eq=False)
class Sent:
    """One command and its outcome: the reply, or the refusal."""

    service: str
    method: str
    request: Any
    entry_id: str
    tries: int = 0
    reply: Any = None
    refusal: Refused | None = None


@dataclass(slots=True)
class Ledger:
    """What the clients sent and received, and answers that no client may ever get."""

    sent: list[Sent] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    reads: int = 0
    #: How many commands each service has answered.
    answered: Counter[str] = field(default_factory=Counter)
    #: The highest version of each entity that any client has seen.
    seen: dict[str, int] = field(default_factory=dict)

    def see(self, message: Any, floor: int = 0) -> None:
        """Record the version that a client got. A version below the floor, which it had seen before, is a fault."""
        version = version_of(message)
        if version < floor:
            self.faults.append(f"{message.name} was returned at version {version} after version {floor}")
        self.seen[message.name] = max(self.seen.get(message.name, 0), version)


class Client:
    """Calls services, each at one or several replicas, and fails over between them."""

    def __init__(
        self, replicas: Mapping[str, Iterable[str]], token: str, subject: str, ledger: Ledger, seed: int
    ) -> None:
        self._replicas = {service: tuple(addresses) for service, addresses in replicas.items()}
        self._metadata = bearer(token)
        self._subject = subject
        self._methods: dict[str, dict[str, Any]] = {}
        self._channels = AsyncExitStack()
        self._random = random.Random(seed)
        self.ledger = ledger

    async def __aenter__(self) -> Self:
        for service, addresses in self._replicas.items():
            for address in addresses:
                channel = await self._channels.enter_async_context(aio.insecure_channel(address, RECONNECT_QUICKLY))
                stubs = (vars(stub(channel)) for stub in STUBS[service])
                self._methods[address] = {name: call for stub in stubs for name, call in stub.items()}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channels.aclose()

    async def command(self, service: str, method: str, request: Any, *, at: str = "", record: bool = True) -> Sent:
        """Send a command until its outcome is known, always under the same request id.

        `at` is the address of the only replica to send it to. `record=False` leaves a repeat out of the ledger,
        which has the command already.
        """
        request.request_id = request.request_id or os.urandom(12).hex()
        entry_id = hashlib.blake2b(f"{self._subject}\0{request.request_id}".encode(), digest_size=16).hexdigest()
        sent = Sent(service, method, request, entry_id)
        await self._send(sent, at)
        if record:
            self.ledger.sent.append(sent)
            self.ledger.answered[service] += 1
        if sent.reply is not None:
            self.ledger.see(sent.reply)
        return sent

    async def read(self, service: str, method: str, request: Any) -> Any:
        """Send a query until it is answered; None when the entity does not exist."""
        sent = Sent(service, method, request, "")
        floor = self.ledger.seen.get(getattr(request, "name", ""), 0)
        await self._send(sent, "")
        self.ledger.reads += 1
        if floor and sent.reply is None:
            self.ledger.faults.append(f"{request.name} was returned once and not found later")
        if sent.reply is not None and hasattr(sent.reply, "etag"):
            self.ledger.see(sent.reply, floor)
        return sent.reply

    async def _send(self, sent: Sent, at: str) -> None:
        pause, until = 0.01, time.monotonic() + MAX_SECONDS
        address = at or self._random.choice(self._replicas[sent.service])
        while True:
            sent.tries += 1
            try:
                call = self._methods[address][sent.method]
                sent.reply = await call(sent.request, metadata=self._metadata, timeout=4)
                return
            except aio.AioRpcError as error:
                if self._is_refused(sent, error):
                    return
                if time.monotonic() > until:
                    raise AssertionError(
                        f"{sent.method}: no answer within {MAX_SECONDS:.0f} s, {sent.tries} tries"
                    ) from error
            await asyncio.sleep(pause * self._random.uniform(0.5, 1))  # the backoff of a usual retry policy
            pause = min(pause * 2, 0.5)
            if not at:
                address = self._random.choice(self._replicas[sent.service])

    def _is_refused(self, sent: Sent, error: aio.AioRpcError) -> bool:
        code = error.code()
        self.ledger.codes[code.name] += 1
        if code in REFUSED:
            sent.refusal = Refused(error)
            self.ledger.reasons[sent.refusal.reason] += 1
            return True
        if code not in RETRYABLE:
            self.ledger.faults.append(f"{sent.method} was answered with {code.name}: {error.details()}")
        return False


def version_of(message: Any) -> int:
    """Return the version of the entity that a message describes."""
    return int(message.etag.removeprefix("v"))


def as_bytes(message: Message) -> bytes:
    """Return the message as bytes that are the same for equal messages."""
    return message.SerializeToString(deterministic=True)
