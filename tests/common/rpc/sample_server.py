"""A gRPC server for the sample contract in this process, whose methods do what a test sets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from pydantic import SecretStr

from libs.api.hatchery.operations.v1 import operations_pb2
from libs.cli.issuer import Issuer
from libs.cli.servers.ports import free_port
from libs.common.rpc.grants import ANY, OWN, Grants
from libs.common.rpc.identity import ANYONE
from libs.common.runtime.server import Server, Servicer
from libs.common.runtime.settings import Settings
from tests.common.proto_source import add_to_server, stub
from tests.common.sample_contract import HALL_SERVICE, halls
from tests.support.calls import bearer

GRANTS: Grants = {
    "halls.open": {"operator": OWN, "admin": ANY},
    "halls.read": {"operator": ANY, "mentor": OWN, "admin": ANY},
    "halls.find": {ANYONE: ANY},
    "halls.watch": {"operator": OWN, "admin": ANY},
}


def add_nothing(implementation: object, server: aio.Server) -> None:
    """Serve none of the methods."""


#: A server's grants always include those of the operations, so that its contract must be there.
OPERATIONS = Servicer(operations_pb2, add_nothing, None)


async def echo(request: Any) -> Any:
    """Reply with a hall of the requested name or title."""
    return halls.Hall(name=getattr(request, "name", ""), display_name=getattr(request, "display_name", ""))


async def count_up(request: Any) -> AsyncIterator[Any]:
    """Yield three halls."""
    for desks in range(3):
        yield halls.Hall(name=request.name, desks=desks)


@dataclass
class HallRpc:
    """The sample service. `unary` answers every unary method, `stream` every streaming one."""

    unary: Callable[[Any], Awaitable[Any]] = echo
    stream: Callable[[Any], AsyncIterator[Any]] = count_up

    async def OpenHall(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return await self.unary(request)

    async def ReadHall(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return await self.unary(request)

    async def FindHall(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return await self.unary(request)

    async def WatchHall(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        async for hall in self.stream(request):
            yield hall


@dataclass
class SampleServer:
    """A running server and a channel to it."""

    issuer: Issuer
    rpc: HallRpc
    server: Server
    address: str
    channel: aio.Channel
    methods: dict[str, Any] = field(default_factory=dict)

    def token(self, role: str = "admin", scopes: Sequence[str] = ("*",)) -> str:
        """Return a token of somebody in this role."""
        return self.issuer.token("mei", role, scopes)

    async def call(self, method: str, token: str | None = None, timeout: float | None = 10, **fields: Any) -> Any:  # noqa: ASYNC109 - gRPC's word
        """Call a unary method, as an admin unless a token is given; an empty one sends none."""
        return await self.start(method, token, timeout, **fields)

    async def watch(self, token: str | None = None, timeout: float | None = 10, **fields: Any) -> AsyncIterator[Any]:  # noqa: ASYNC109 - gRPC's word
        """Yield the messages of the streaming method."""
        async for hall in self.start("WatchHall", token, timeout, **fields):
            yield hall

    def start(self, method: str, token: str | None = None, timeout: float | None = 10, **fields: Any) -> Any:
        """Start a call and return it."""
        request = halls.OpenHallRequest if method == "OpenHall" else halls.ReadHallRequest
        sent = self.token() if token is None else token
        traceparent = fields.pop("traceparent", "")
        metadata = (*(bearer(sent) if sent else ()), *((("traceparent", traceparent),) if traceparent else ()))
        return self.methods[method](request(**fields), metadata=metadata, timeout=timeout)


def new_settings(issuer: Issuer, **values: Any) -> Settings:
    """Return the settings of a server that needs neither MongoDB nor NATS."""
    defaults = {
        "listen": f"127.0.0.1:{free_port()}",
        "mongo_uri": SecretStr("mongodb://unused/"),
        "nats_url": "nats://unused",
        "jwks": str(issuer.jwks),
    }
    return Settings(**defaults | values)


def new_server(settings: Settings, rpc: object, add: Callable[[Any, aio.Server], None] | None = None) -> Server:
    """Build a server of the sample service. `add` may add more than its handlers."""
    return Server(settings, (Servicer(halls, add or add_to_server(HALL_SERVICE), rpc), OPERATIONS), GRANTS)


@asynccontextmanager
async def serving(
    issuer: Issuer, *, build: Callable[..., Server] = new_server, **values: Any
) -> AsyncIterator[SampleServer]:
    """Run a server of the sample service, with these settings."""
    settings, rpc = new_settings(issuer, **values), HallRpc()
    server = build(settings, rpc)
    await server.start()
    async with aio.insecure_channel(settings.listen) as channel:
        methods = dict(stub(channel, HALL_SERVICE))
        try:
            yield SampleServer(issuer, rpc, server, settings.listen, channel, methods)
        finally:
            await server.stop(0)


@dataclass
class Failure:
    """How a call failed: the code, the message, and the details; without details the reason is empty."""

    code: StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    retry_seconds: float


async def failure_of(call: Awaitable[object]) -> Failure:
    """Return how a call fails; the test fails if it succeeds."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return read_failure(caught.value)


def read_failure(error: aio.AioRpcError) -> Failure:
    """Read the details of a failed call."""
    trailing: Any = error.trailing_metadata() or ()
    packed = next((value for key, value in trailing if key == "grpc-status-details-bin"), b"")
    info, retry = ErrorInfo(), RetryInfo()
    for detail in Status.FromString(packed).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    seconds = retry.retry_delay.ToMilliseconds() / 1000
    return Failure(error.code(), error.details() or "", info.reason, dict(info.metadata), seconds)


async def collect(messages: AsyncIterator[Any]) -> list[Any]:
    """Read a stream to its end."""
    return [message async for message in messages]


async def forever() -> None:
    """Never return."""
    await asyncio.Event().wait()
