"""Server-streaming methods get what unary ones get: identity, permission, one status, one log line, a deadline."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpc import StatusCode
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from libs.common.domain.errors import Precondition
from libs.common.rpc.context import CallContext, call_context
from libs.common.rpc.scope import Scope
from tests.common.rpc.sample_server import SampleServer, collect, failure_of, forever
from tests.common.sample_contract import halls
from tests.support.waiting import eventually

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
METHOD = "hatchery.halls.v1.HallService.WatchHall"
Line = dict[str, Any]


def call_lines(lines: list[Any]) -> list[Line]:
    """Return the lines that report a whole call."""
    return [line for line in lines if line["event"] == "call"]


async def test_a_stream_is_delivered(sample: SampleServer) -> None:
    """All messages arrive in order, and the call is logged once as OK."""
    with capture_logs() as lines:
        found = await collect(sample.watch(name="halls/1", traceparent=TRACE))
    assert [(hall.name, hall.desks) for hall in found] == [("halls/1", desks) for desks in range(3)]
    (line,) = call_lines(lines)
    assert (line["method"], line["code"], line["caller"], line["trace_id"]) == (METHOD, "OK", "mei", "a" * 32)


async def test_a_stream_needs_a_token(sample: SampleServer) -> None:
    """Without a token a stream is UNAUTHENTICATED and yields nothing."""
    with capture_logs() as lines:
        failure = await failure_of(collect(sample.watch("")))
    assert (failure.code, failure.reason) == (StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert [line["code"] for line in call_lines(lines)] == ["UNAUTHENTICATED"]


async def test_a_stream_needs_the_permission(sample: SampleServer) -> None:
    """A role without the permission is PERMISSION_DENIED and gets nothing."""
    failure = await failure_of(collect(sample.watch(sample.token("mentor"))))
    assert (failure.code, failure.reason) == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert failure.metadata == {"permission": "halls.watch"}


async def test_a_stream_runs_in_the_context_of_its_call(sample: SampleServer) -> None:
    """The method finds the call's context at every message."""
    contexts: list[CallContext] = []

    async def record(request: Any) -> AsyncIterator[Any]:
        for _ in range(3):
            contexts.append(call_context())
            yield halls.Hall()

    sample.rpc.stream = record
    await collect(sample.watch(sample.token("operator", ["halls/1"]), traceparent=TRACE))
    assert len({id(ctx) for ctx in contexts}) == 1
    assert (contexts[0].actor, contexts[0].command, contexts[0].traceparent) == ("mei", METHOD, TRACE)
    assert contexts[0].scope == Scope(frozenset({"halls/1"}))


async def read_until_failure(sample: SampleServer, **options: Any) -> tuple[list[Any], Any]:
    """Return the messages that arrived before the stream failed, and the failure."""
    found: list[Any] = []

    async def read() -> None:
        async for hall in sample.watch(**options):
            found.append(hall)  # noqa: PERF401 - what arrived before the failure must be kept

    failure = await failure_of(read())
    return found, failure


async def test_a_refusal_in_the_middle_ends_the_stream(sample: SampleServer) -> None:
    """A refusal after some messages reaches the caller with its details, behind those messages."""

    async def refuse(request: Any) -> AsyncIterator[Any]:
        yield halls.Hall(desks=1)
        yield halls.Hall(desks=2)
        raise Precondition("HALL_CLOSED", "the hall was closed", name="halls/1")

    sample.rpc.stream = refuse
    with capture_logs() as lines:
        found, failure = await read_until_failure(sample)
    assert [hall.desks for hall in found] == [1, 2]
    assert (failure.code, failure.reason) == (StatusCode.FAILED_PRECONDITION, "HALL_CLOSED")
    assert failure.metadata == {"name": "halls/1"}
    assert [(line["code"], line["reason"]) for line in call_lines(lines)] == [("FAILED_PRECONDITION", "HALL_CLOSED")]


async def test_an_unforeseen_error_in_the_middle_is_internal(sample: SampleServer) -> None:
    """An unforeseen error is INTERNAL with a reference to its log line, which has the call's trace."""

    async def fail(request: Any) -> AsyncIterator[Any]:
        yield halls.Hall()
        raise RuntimeError("hunter2")

    sample.rpc.stream = fail
    with capture_logs(processors=[merge_contextvars]) as lines:
        found, failure = await read_until_failure(sample, traceparent=TRACE)
    assert len(found) == 1
    assert (failure.code, failure.reason) == (StatusCode.INTERNAL, "INTERNAL")
    assert "hunter2" not in failure.message
    (line,) = (line for line in lines if line["event"] == "call_failed")
    assert failure.metadata == {"reference": line["reference"]}
    assert line["trace_id"] == "a" * 32
    assert [line["code"] for line in call_lines(lines)] == ["INTERNAL"]


async def test_the_deadline_ends_a_stream(sample: SampleServer) -> None:
    """A stream that is still open at its deadline ends with our DEADLINE_EXCEEDED, behind what was sent."""

    async def hang(request: Any) -> AsyncIterator[Any]:
        yield halls.Hall()
        await forever()

    sample.rpc.stream = hang
    with capture_logs() as lines:
        found, failure = await read_until_failure(sample, timeout=1.0)
    assert len(found) == 1
    assert (failure.code, failure.reason) == (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert [line["code"] for line in call_lines(lines)] == ["DEADLINE_EXCEEDED"]


async def test_the_deadline_ends_a_stream_that_never_pauses(sample: SampleServer) -> None:
    """A stream that always has another message ends at its deadline too."""

    async def flood(request: Any) -> AsyncIterator[Any]:
        while True:
            yield halls.Hall()

    sample.rpc.stream = flood
    with capture_logs() as lines:
        _, failure = await read_until_failure(sample, timeout=0.5)
        assert failure.code is StatusCode.DEADLINE_EXCEEDED

        async def logged() -> bool:
            return bool(call_lines(lines))

        await eventually(logged)
    assert [line["code"] for line in call_lines(lines)] == ["DEADLINE_EXCEEDED"]


@pytest.mark.parametrize("never_pauses", [False, True])
async def test_a_caller_who_leaves_ends_the_stream(sample: SampleServer, never_pauses: bool) -> None:
    """When the caller leaves, the method is cancelled and the call is logged once as CANCELLED."""
    ended = asyncio.Event()

    async def run(request: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield halls.Hall()
                if not never_pauses:
                    await forever()
        finally:
            ended.set()

    sample.rpc.stream = run
    with capture_logs() as lines:
        call = sample.start("WatchHall")
        await call.read()
        call.cancel()

        async def logged() -> bool:
            return bool(call_lines(lines))

        await eventually(logged)
    assert [line["code"] for line in call_lines(lines)] == ["CANCELLED"]
    await asyncio.wait_for(ended.wait(), 5)
