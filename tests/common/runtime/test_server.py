"""The gRPC server: what keeps it from starting, what it accepts, and how it stops."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.cli.issuer import Issuer
from libs.common.rpc.grants import ANY
from libs.common.runtime import server as server_module
from libs.common.runtime.errors import StartupError
from libs.common.runtime.server import Server, Servicer
from tests.common.proto_source import compile_proto
from tests.common.rpc.sample_server import (
    OPERATIONS,
    SampleServer,
    add_nothing,
    collect,
    failure_of,
    new_server,
    new_settings,
    serving,
)
from tests.common.sample_contract import halls
from tests.support.waiting import eventually

_numbers = itertools.count(1)
PERMISSION = 'option (hatchery.common.v1.permission) = "odd.do";'


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """An issuer of tokens."""
    return Issuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
async def sample(issuer: Issuer) -> AsyncIterator[SampleServer]:
    """A running server of the sample service."""
    async with serving(issuer) as running:
        yield running


def build(issuer: Issuer, method: str, option: str, grants: Mapping[str, Any], kind: str = "") -> Server:
    """Build a server of a service with one method."""
    package = f"odd{next(_numbers)}"
    source = f"""
    syntax = "proto3";
    package {package};
    import "hatchery/common/v1/access.proto";
    {f'import "google/protobuf/{kind.lower()}.proto";' if kind else ""}
    message Request {{ {f"google.protobuf.{kind}" if kind else "string"} a = 1; }}
    message Reply {{ string a = 1; }}
    service OddService {{ rpc Do{method} {{ {option} }} }}
    """
    contract = compile_proto(f"{package}/odd.proto", source)
    return Server(new_settings(issuer), (Servicer(contract, add_nothing, None), OPERATIONS), grants)


UNARY = "(Request) returns (Reply)"
GRANTS = {"odd.do": {"admin": ANY}}
MISTAKES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no permission": (UNARY, "", GRANTS, r"OddService\.Do needs a permission that some role holds, not ''"),
    "empty permission": (UNARY, PERMISSION.replace("odd.do", ""), GRANTS, r"OddService\.Do needs a permission"),
    "stream without a permission": ("(Request) returns (stream Reply)", "", GRANTS, "needs a permission"),
    "nobody holds it": (UNARY, PERMISSION, {}, r"not 'odd\.do'"),
    "granted to nobody": (UNARY, PERMISSION, {"odd.do": {}}, r"not 'odd\.do'"),
    "unknown role": (
        UNARY,
        PERMISSION,
        {"odd.do": {"emperor": ANY}},
        r"odd\.do is granted to an unknown role: emperor",
    ),
    "unused grant": (
        UNARY,
        PERMISSION,
        {**GRANTS, "odd.sell": {"admin": ANY}},
        r"no method needs the permission odd\.sell",
    ),
    "streams requests": ("(stream Request) returns (Reply)", PERMISSION, GRANTS, "streams requests"),
    "streams both": ("(stream Request) returns (stream Reply)", PERMISSION, GRANTS, "streams requests"),
}


@pytest.mark.parametrize(("method", "option", "grants", "text"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_grants_that_do_not_fit_stop_the_start(
    issuer: Issuer, method: str, option: str, grants: Mapping[str, Any], text: str
) -> None:
    """A method, a permission and the grants that do not fit together keep a service from starting, with the reason."""
    with pytest.raises(StartupError, match=text) as caught:
        build(issuer, method, option, grants)
    assert str(caught.value).startswith("cannot serve: ")


@pytest.mark.parametrize("kind", ["Struct", "Any"])
async def test_an_unsupported_message_stops_the_start(issuer: Issuer, kind: str) -> None:
    """A method whose messages cannot be mapped keeps a service from starting, and the field is named."""
    with pytest.raises(StartupError, match=rf"cannot serve: odd\d+\.Request\.a: google\.protobuf\.{kind} is not supp"):
        build(issuer, UNARY, PERMISSION, GRANTS, kind)


async def test_what_fits_starts(issuer: Issuer) -> None:
    """The same service with a permission that some role holds can be built."""
    assert not build(issuer, UNARY, PERMISSION, GRANTS).interceptor.is_draining


async def test_an_address_in_use_stops_the_start(issuer: Issuer, sample: SampleServer) -> None:
    """An address that another process listens on keeps a service from starting."""
    with pytest.raises(StartupError, match=f"cannot listen on {sample.address}"):
        new_server(new_settings(issuer, listen=sample.address), sample.rpc)


async def test_health_and_reflection_need_no_token(sample: SampleServer) -> None:
    """Health is answered to everybody, for the process and for each service; unknown services are NOT_FOUND."""
    stub: Any = health_pb2_grpc.HealthStub(sample.channel)
    for name in ("", "hatchery.halls.v1.HallService", "hatchery.operations.v1.OperationsService"):
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.Check(health_pb2.HealthCheckRequest(service="odd"))
    assert caught.value.code() is StatusCode.NOT_FOUND


async def test_long_tokens_are_accepted(sample: SampleServer) -> None:
    """A token with 400 scopes, some 32 KiB, is accepted every time."""
    scopes = [f"spaces/{'0' * 24}{number:08}/tenancies/{'0' * 10}" for number in range(400)]
    token = sample.token("operator", scopes)
    assert 28 << 10 < len(token) < 40 << 10
    names = [(await sample.call("ReadHall", token, name=f"halls/{number}")).name for number in range(20)]
    assert names == [f"halls/{number}" for number in range(20)]


async def test_longer_tokens_are_refused_with_a_reason(sample: SampleServer) -> None:
    """A token of more than 64 KiB is refused every time with the reason and the limit, not by gRPC at random."""
    token = sample.token("operator", [f"spaces/{'0' * 32}{number:08}" for number in range(1200)])
    assert 64 << 10 < len(token) < 100 << 10
    for _ in range(20):
        failure = await failure_of(sample.call("ReadHall", token))
        assert (failure.code, failure.reason) == (StatusCode.UNAUTHENTICATED, "TOKEN_TOO_LONG")
        assert failure.metadata == {"max_characters": "65536"}


async def test_still_longer_headers_are_refused_alike(sample: SampleServer) -> None:
    """Metadata of more than 128 KiB are refused every time: gRPC has no range in which it decides at random."""
    codes = {(await failure_of(sample.call("ReadHall", "x" * (140 << 10)))).code for _ in range(20)}
    assert codes == {StatusCode.RESOURCE_EXHAUSTED}


async def test_large_requests_are_refused(sample: SampleServer) -> None:
    """A request of more than a megabyte is refused before it is read."""
    failure = await failure_of(sample.call("OpenHall", display_name="x" * (1 << 20)))
    assert failure.code is StatusCode.RESOURCE_EXHAUSTED


def test_keepalive_every_ten_seconds_is_permitted() -> None:
    """The server tolerates pings that callers send every ten seconds, with a second for their timers."""
    assert server_module.MIN_PING_INTERVAL_MS <= 9_000


class Waiting:
    """Methods that wait until they may go on, and how many do."""

    def __init__(self, sample: SampleServer) -> None:
        self.released = asyncio.Event()
        self.started = 0
        sample.rpc.unary, sample.rpc.stream = self.unary, self.stream

    async def unary(self, request: Any) -> Any:
        """Wait, then reply."""
        self.started += 1
        await self.released.wait()
        return halls.Hall(name=request.name)

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        """Yield one message, wait, then yield another."""
        yield halls.Hall(desks=1)
        self.started += 1
        await self.released.wait()
        yield halls.Hall(desks=2)

    async def until_started(self, calls: int) -> None:
        """Wait until so many calls are in progress."""

        async def all_started() -> bool:
            return self.started == calls

        await eventually(all_started)


async def until_draining(sample: SampleServer) -> None:
    """Wait until the server turns new calls away."""

    async def draining() -> bool:
        return sample.server.interceptor.is_draining

    await eventually(draining)


async def test_a_stop_lets_calls_finish(sample: SampleServer) -> None:
    """Calls in progress finish within the grace, unary and streaming ones."""
    waiting = Waiting(sample)
    unary = asyncio.ensure_future(sample.call("ReadHall", name="halls/1"))
    streamed = asyncio.ensure_future(collect(sample.watch()))
    await waiting.until_started(2)
    stopping = asyncio.ensure_future(sample.server.stop(20))
    await until_draining(sample)
    waiting.released.set()
    assert (await unary).name == "halls/1"
    assert [hall.desks for hall in await streamed] == [1, 2]
    await asyncio.wait_for(stopping, 10)


async def test_a_stop_ends_calls_that_last(sample: SampleServer) -> None:
    """Calls still in progress when the grace ends are UNAVAILABLE with a time to retry after, never CANCELLED."""
    waiting = Waiting(sample)
    calls = [asyncio.ensure_future(failure_of(sample.call("ReadHall"))) for _ in range(5)]
    calls += [asyncio.ensure_future(failure_of(collect(sample.watch()))) for _ in range(5)]
    await waiting.until_started(10)
    await asyncio.wait_for(sample.server.stop(0.2), 10)
    for failure in await asyncio.gather(*calls):
        assert (failure.code, failure.reason) == (StatusCode.UNAVAILABLE, "STOPPING")
        assert failure.retry_seconds == 1.0


async def flood(request: Any) -> AsyncIterator[Any]:
    """Always have another message."""
    while True:
        yield halls.Hall(display_name="x" * 10_000)


async def test_a_stop_ends_a_busy_stream(sample: SampleServer) -> None:
    """A stream that is ended in the middle of a write is UNAVAILABLE with a time to retry after, like any other."""
    sample.rpc.stream = flood
    calls = [asyncio.ensure_future(failure_of(collect(sample.watch()))) for _ in range(3)]
    await sample.call("ReadHall")
    await asyncio.wait_for(sample.server.stop(0.2), 10)
    for failure in await asyncio.gather(*calls):
        assert (failure.code, failure.reason) == (StatusCode.UNAVAILABLE, "STOPPING")


async def test_a_stop_turns_new_calls_away(sample: SampleServer) -> None:
    """Calls that arrive while others finish are UNAVAILABLE with a time to retry after; health is NOT_SERVING."""
    waiting = Waiting(sample)
    first = asyncio.ensure_future(sample.call("ReadHall", name="halls/1"))
    await waiting.until_started(1)
    stopping = asyncio.ensure_future(sample.server.stop(20))
    await until_draining(sample)
    for call in (sample.call("ReadHall"), collect(sample.watch()), sample.call("FindHall", token="")):
        failure = await failure_of(call)
        assert (failure.code, failure.reason) == (StatusCode.UNAVAILABLE, "STOPPING")
        assert failure.retry_seconds == 1.0
    stub: Any = health_pb2_grpc.HealthStub(sample.channel)
    status = await stub.Check(health_pb2.HealthCheckRequest())
    assert status.status == health_pb2.HealthCheckResponse.NOT_SERVING
    waiting.released.set()
    assert (await first).name == "halls/1"
    await asyncio.wait_for(stopping, 10)


class Caller:
    """Calls again and again until a call fails, and remembers its code."""

    def __init__(self, sample: SampleServer) -> None:
        self._sample = sample
        self.replies = 0
        self.code: StatusCode | None = None

    async def run(self) -> None:
        """Call until a call fails."""
        while self.code is None:
            try:
                await self._sample.call("ReadHall", timeout=5)
                self.replies += 1
            except aio.AioRpcError as error:
                self.code = error.code()


async def test_a_stop_under_load_cancels_nothing(issuer: Issuer) -> None:
    """Whatever callers do while a server stops, each call is answered or UNAVAILABLE, and none is CANCELLED."""
    for _ in range(3):
        async with serving(issuer) as sample:
            callers = [Caller(sample) for _ in range(32)]
            running = [asyncio.ensure_future(caller.run()) for caller in callers]

            async def busy(callers: list[Caller] = callers) -> bool:
                return all(caller.replies > 3 for caller in callers)

            await eventually(busy)
            await sample.server.stop(2)
            await asyncio.wait_for(asyncio.gather(*running), 20)
            assert {caller.code for caller in callers} == {StatusCode.UNAVAILABLE}


async def test_a_stop_ends_a_stream_that_nobody_reads(sample: SampleServer) -> None:
    """A stream whose caller does not read, so that the service cannot write, does not hold up the stop."""
    sample.rpc.stream = flood
    call = sample.start("WatchHall", timeout=60)
    await call.read()
    started = asyncio.get_running_loop().time()
    await sample.server.stop(0.2)
    assert asyncio.get_running_loop().time() - started < 8
    call.cancel()
