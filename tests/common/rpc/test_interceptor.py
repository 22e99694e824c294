"""The interceptor: every call is identified, authorized, timed and logged; what is not listed is not served."""

import asyncio
from typing import Any

import pytest
import structlog
from grpc import StatusCode, aio
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from libs.cli.issuer import Issuer
from libs.common.domain.errors import Precondition, Unavailable
from libs.common.rpc.context import CallContext, call_context
from libs.common.rpc.scope import UNLIMITED, Scope
from libs.common.runtime.server import Server
from libs.common.runtime.settings import Settings
from tests.common.proto_source import add_to_server, stub
from tests.common.rpc.sample_server import SampleServer, collect, failure_of, new_server, serving
from tests.common.sample_contract import FAIR_SERVICE, HALL_SERVICE, fairs, halls
from tests.support.calls import bearer

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
LISTED, UNLISTED = "/hatchery.halls.v1.HallService/ReadHall", "/hatchery.fairs.v1.FairService/ReadFair"


class FairRpc:
    """A service that the interceptor has no access entries for."""

    async def ReadFair(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        return request

    async def WatchFair(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        yield request


def new_server_with_fairs(settings: Settings, rpc: object) -> Server:
    """Build a server to which the handlers of an unlisted service were added."""

    def add(implementation: Any, server: aio.Server) -> None:
        add_to_server(HALL_SERVICE)(implementation, server)
        add_to_server(FAIR_SERVICE)(FairRpc(), server)

    return new_server(settings, rpc, add=add)


@pytest.mark.parametrize("role", ["admin", None])
async def test_an_unlisted_method_is_not_served(issuer: Issuer, role: str | None) -> None:
    """A method without an access entry is UNIMPLEMENTED, unary or streaming, even if a servicer for it was added."""
    async with serving(issuer, build=new_server_with_fairs) as sample:
        fair_methods = stub(sample.channel, FAIR_SERVICE)
        metadata = bearer(sample.token(role)) if role else ()
        for _ in range(2):
            with pytest.raises(aio.AioRpcError) as unary:
                await fair_methods["ReadFair"](fairs.Fair(name="fairs/1"), metadata=metadata)
            with pytest.raises(aio.AioRpcError) as streamed:
                await collect(fair_methods["WatchFair"](fairs.Fair(name="fairs/1"), metadata=metadata))
            assert unary.value.code() is streamed.value.code() is StatusCode.UNIMPLEMENTED
        assert (await sample.call("ReadHall", name="halls/1")).name == "halls/1"


async def test_a_call_without_a_token_is_refused(sample: SampleServer) -> None:
    """A call without a token is UNAUTHENTICATED with the reason, and the method does not run."""
    ran = []

    async def record(request: Any) -> Any:
        ran.append(request)
        return halls.Hall()

    sample.rpc.unary = record
    failure = await failure_of(sample.call("ReadHall", token=""))
    assert (failure.code, failure.reason) == (StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert ran == []


async def test_a_role_without_the_permission_is_refused(sample: SampleServer) -> None:
    """A role that does not hold the permission is PERMISSION_DENIED with the permission's name."""
    failure = await failure_of(sample.call("OpenHall", token=sample.token("judge")))
    assert (failure.code, failure.reason) == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert failure.metadata == {"permission": "halls.open"}


async def capture_context(sample: SampleServer, method: str, token: str, **fields: Any) -> CallContext:
    """Return the context in which a method runs."""
    contexts = []

    async def record(request: Any) -> Any:
        contexts.append(call_context())
        return halls.Hall()

    sample.rpc.unary = record
    await sample.call(method, token, **fields)
    return contexts[0]


async def test_a_method_runs_in_the_context_of_its_call(sample: SampleServer) -> None:
    """The method finds who calls, the request id, the digest, the trace and how far the caller may go."""
    fields = {"request_id": "once", "display_name": "A", "traceparent": TRACE}
    ctx = await capture_context(sample, "OpenHall", sample.token("operator", ["halls/1"]), **fields)
    assert (ctx.actor, ctx.command) == ("mei", "hatchery.halls.v1.HallService.OpenHall")
    assert (ctx.request_id, ctx.traceparent, ctx.trace_id) == ("once", TRACE, "a" * 32)
    assert ctx.scope == Scope(frozenset({"halls/1"}))
    assert not ctx.unguarded
    same = await capture_context(sample, "OpenHall", sample.token(), **fields)
    other = await capture_context(sample, "OpenHall", sample.token(), **fields | {"display_name": "B"})
    assert same.digest == ctx.digest != other.digest
    assert same.scope == UNLIMITED


async def test_a_command_without_a_request_id_gets_one(sample: SampleServer) -> None:
    """A command whose caller gave no request id has one of its own; a query has none."""
    first, second = [await capture_context(sample, "OpenHall", sample.token()) for _ in range(2)]
    assert first.request_id
    assert first.request_id != second.request_id
    assert (await capture_context(sample, "ReadHall", sample.token())).request_id == ""


@pytest.mark.parametrize(("given", "reason"), [("a" * 65, "TOO_LONG"), ("a/b", "MALFORMED"), ("好", "MALFORMED")])
async def test_a_request_id_has_its_form(sample: SampleServer, given: str, reason: str) -> None:
    """A request id that is too long, or could collide with a step's, is refused."""
    failure = await failure_of(sample.call("OpenHall", request_id=given))
    assert (failure.code, failure.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


@pytest.mark.parametrize("traceparent", ["hunter2", TRACE + "-x", TRACE.upper(), ""])
async def test_a_malformed_traceparent_is_ignored(sample: SampleServer, traceparent: str) -> None:
    """What is no traceparent goes no further."""
    ctx = await capture_context(sample, "ReadHall", sample.token(), traceparent=traceparent)
    assert ctx.traceparent == ""


async def test_a_permission_held_everywhere_needs_no_guard(sample: SampleServer) -> None:
    """A method must name a guard exactly when some role holds its permission within its own scope only."""
    guarded = [
        not (await capture_context(sample, method, sample.token())).unguarded
        for method in ("OpenHall", "ReadHall", "FindHall")
    ]
    assert guarded == [True, True, False]


async def test_unreadable_bytes_are_refused(sample: SampleServer) -> None:
    """Bytes that are no message of the method are INVALID_ARGUMENT, after the caller was authorized."""
    for token, code in ((sample.token(), StatusCode.INVALID_ARGUMENT), ("", StatusCode.UNAUTHENTICATED)):
        call: Any = sample.channel.unary_unary(LISTED)
        failure = await failure_of(call(b"\xff\xff", metadata=bearer(token) if token else ()))
        assert failure.code is code


async def test_a_refusal_becomes_a_status(sample: SampleServer) -> None:
    """What a method raises reaches the caller with code, reason, metadata and when to retry."""

    async def refuse(request: Any) -> Any:
        raise Unavailable("ELSEWHERE", "try later", retry_after=1.5, name="halls/1")

    sample.rpc.unary = refuse
    failure = await failure_of(sample.call("ReadHall"))
    assert (failure.code, failure.message, failure.reason) == (StatusCode.UNAVAILABLE, "try later", "ELSEWHERE")
    assert (failure.metadata, failure.retry_seconds) == ({"name": "halls/1"}, 1.5)


async def test_an_unforeseen_error_is_internal(sample: SampleServer) -> None:
    """An unforeseen error is INTERNAL with a reference to its log line, and nothing of its text."""

    async def fail(request: Any) -> Any:
        raise RuntimeError("mongodb://u:hunter2@host/")

    sample.rpc.unary = fail
    with capture_logs() as lines:
        failure = await failure_of(sample.call("ReadHall"))
    assert (failure.code, failure.reason) == (StatusCode.INTERNAL, "INTERNAL")
    assert "hunter2" not in failure.message
    (line,) = (line for line in lines if line["event"] == "call_failed")
    assert failure.metadata == {"reference": line["reference"]}


async def test_one_line_for_each_call(sample: SampleServer) -> None:
    """Each call is logged once, with method, code, reason, caller, ids and duration."""

    async def refuse(request: Any) -> Any:
        raise Precondition("NOT_NOW", "not now")

    with capture_logs() as lines:
        await sample.call("OpenHall", request_id="once", traceparent=TRACE)
        sample.rpc.unary = refuse
        await failure_of(sample.call("OpenHall", request_id="twice", traceparent=TRACE))
        await failure_of(sample.call("OpenHall", token="", traceparent=TRACE))
    calls = [line for line in lines if line["event"] == "call"]
    assert {line["method"] for line in calls} == {"hatchery.halls.v1.HallService.OpenHall"}
    assert {line["trace_id"] for line in calls} == {"a" * 32}
    assert all(line["ms"] >= 0 for line in calls)
    found = [(line["code"], line["reason"], line["caller"], line["request_id"]) for line in calls]
    assert found == [
        ("OK", "", "mei", "once"),
        ("FAILED_PRECONDITION", "NOT_NOW", "mei", "twice"),
        ("UNAUTHENTICATED", "TOKEN_MISSING", "", ""),
    ]


async def test_every_line_of_a_call_has_its_ids(sample: SampleServer) -> None:
    """What a method logs, and the line of an unforeseen error, carry the ids of their own call, however many run."""

    async def log_and_fail(request: Any) -> Any:
        structlog.get_logger().info("hall_opened", title=request.display_name)
        raise RuntimeError

    sample.rpc.unary = log_and_fail
    traces = {f"r{number}": f"00-{number:032}-{'b' * 16}-01" for number in range(1, 6)}
    with capture_logs(processors=[merge_contextvars]) as lines:
        await asyncio.gather(
            *(
                failure_of(sample.call("OpenHall", request_id=key, display_name=key, traceparent=trace))
                for key, trace in traces.items()
            )
        )
    for key, trace in traces.items():
        own = [line for line in lines if line.get("request_id") == key]
        assert [line["event"] for line in own] == ["hall_opened", "call_failed", "call"]
        assert {line["trace_id"] for line in own} == {trace[3:35]}
        assert own[0]["title"] == key
    assert {line.get("request_id") for line in lines if line["event"] != "keys_read"} == traces.keys()
