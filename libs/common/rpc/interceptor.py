"""Authenticates, authorizes, times and logs every call, unary or server-streaming. Denies by default."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode
from grpc.aio import ServerInterceptor
from opentelemetry.trace import SpanKind
from prometheus_client import Histogram
from structlog.contextvars import bind_contextvars

from libs.common.domain.errors import Invalid, Unavailable
from libs.common.rpc import tracing
from libs.common.rpc.context import CallContext, current, digest, parse_request_id
from libs.common.rpc.grants import Access
from libs.common.rpc.grpc_status import DETAILS, AsRefusal, grpc_status
from libs.common.rpc.identity import ANONYMOUS, Caller, Verifier
from libs.common.rpc.rate_limit import RateLimiter
from libs.common.rpc.running_calls import Call, RunningCalls

log = structlog.get_logger()

#: Health and reflection belong to gRPC; they carry no permission option and answer everybody.
OPEN_SERVICES = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")
#: A unary call may take no longer than the first, a stream no longer than the second.
MAX_UNARY_SECONDS, MAX_STREAM_SECONDS = 60.0, 3600.0
#: Seconds kept back from the caller's deadline, so that a slow dependency is reported with a reason.
HEADROOM_SECONDS = 0.1
#: gRPC passes a received call to the interceptor in less than this.
PAUSE_SECONDS = 0.02
RPC_SECONDS = Histogram(
    "hatchery_rpc_seconds",
    "Duration of calls.",
    ("method", "code"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# The generic types that grpc's stubs declare do not exist at run time.
Handler = Any
_TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class _Method:
    """One served method: who may call it and how its messages are read and written."""

    name: str
    access: Access
    handler: Any
    seconds: Mapping[StatusCode, Any]
    max_seconds: float


class CallInterceptor(ServerInterceptor):
    """Serves the methods it has an access entry for, and health and reflection. Every other method is unimplemented."""

    def __init__(
        self,
        access: Mapping[str, Access],
        verifier: Verifier,
        convert: AsRefusal,
        *,
        deadline_seconds: float,
        anonymous_calls_per_second: float,
    ) -> None:
        self._access = access
        self._verifier = verifier
        self._convert = convert
        self._deadline_seconds = deadline_seconds
        self._rate_limiter = RateLimiter(anonymous_calls_per_second)
        self._handlers: dict[str, Handler] = {}
        self.running = RunningCalls()
        self._arrived = 0
        self._is_closing, self._closed = False, asyncio.Event()
        self.is_draining = False

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method's handler, wrapped in what every call gets; None (UNIMPLEMENTED) for an unknown method."""
        self._arrived += 1
        handler = self._handlers.get(details.method)
        if handler is None:
            access = self._access.get(details.method)
            if access is not None:
                handler = await continuation(details)
                if handler is not None:
                    handler = self._handlers[details.method] = self._wrap(details.method, access, handler)
            elif details.method.strip("/").partition("/")[0] in OPEN_SERVICES:
                handler = await continuation(details)
        return handler

    async def drain(self, grace_seconds: float) -> None:
        """Answer new calls with UNAVAILABLE, wait for those in progress, and end what is left the same way.

        The server must be closed without an await in between: no call is arriving when this returns.
        """
        self.is_draining = True
        await self.running.wait(grace_seconds, _stopping())
        await self._wait_for_pause()

    async def _wait_for_pause(self) -> None:
        """Wait until no call arrives any more, for a second at most.

        gRPC ends calls that it has received and not yet handed over with CANCELLED when a server is closed
        (grpc/grpc#41785). Until then new calls get no answer, so that their callers do not send more.
        """
        self._is_closing = True
        known, until = -1, asyncio.get_running_loop().time() + 1
        while known != self._arrived and asyncio.get_running_loop().time() < until:
            known = self._arrived
            await asyncio.sleep(PAUSE_SECONDS)
        self._closed.set()

    def _wrap(self, path: str, access: Access, handler: Any) -> Handler:
        name = path.removeprefix("/").replace("/", ".")
        seconds = {code: RPC_SECONDS.labels(name, code.name) for code in StatusCode}
        limit = MAX_STREAM_SECONDS if handler.response_streaming else MAX_UNARY_SECONDS
        method = _Method(name, access, handler, seconds, limit)
        if handler.response_streaming:
            respond = partial(self._stream, method)
            return grpc.unary_stream_rpc_method_handler(respond, None, handler.response_serializer)
        return grpc.unary_unary_rpc_method_handler(partial(self._unary, method), None, handler.response_serializer)

    async def _unary(self, method: _Method, raw: bytes, context: Any) -> Message:
        async with _Observed(self, method, context) as call:
            request, ctx = await self._admit(method, call, raw, context)
            with tracing.span(method.name, ctx.traceparent, SpanKind.SERVER) as traceparent:
                _enter(call, ctx, traceparent)
                return await method.handler.unary_unary(request, context)  # type: ignore[no-any-return]

    async def _stream(self, method: _Method, raw: bytes, context: Any) -> None:
        """Write what the method yields. A generator of our own would not learn of a call that ends during a write."""
        async with _Observed(self, method, context) as call:
            request, ctx = await self._admit(method, call, raw, context)
            with tracing.span(method.name, ctx.traceparent, SpanKind.SERVER) as traceparent:
                _enter(call, ctx, traceparent)
                async with aclosing(method.handler.unary_stream(request, context)) as messages:
                    async for message in messages:
                        await context.write(message)

    async def _admit(self, method: _Method, call: Call, raw: bytes, context: Any) -> tuple[Message, CallContext]:
        """Identify and authorize the caller, parse the request, and build the call's context."""
        if self.is_draining:
            if self._is_closing:
                await self._closed.wait()
            raise _stopping()
        authorization = ""
        for key, value in context.invocation_metadata():
            if key == "authorization":
                authorization = value
            elif key == "traceparent":
                call.traceparent = value if _TRACEPARENT.fullmatch(value) else ""
        if call.traceparent:  # for lines that are logged before the request is known
            bind_contextvars(trace_id=call.traceparent[3:35])
        caller = await self._identify(method, authorization, context)
        call.caller = caller.subject
        scope = method.access.permit(caller)
        request = _parse(method.handler.request_deserializer, raw)
        given: str | None = getattr(request, "request_id", None)
        if given is not None:
            call.request_id = parse_request_id(given)
        return request, CallContext(
            actor=caller.subject,
            command=method.name,
            request_id=call.request_id,
            digest=b"" if given is None else digest(method.name, request),
            deadline=self._deadline(method, context.time_remaining()),
            scope=scope,
            traceparent=call.traceparent,
            unguarded=not method.access.needs_guard,
        )

    async def _identify(self, method: _Method, authorization: str, context: Any) -> Caller:
        if method.access.is_public and not authorization:
            self._rate_limiter.check(context.peer())
            return ANONYMOUS
        return await self._verifier.caller(authorization)

    def _deadline(self, method: _Method, given: float | None) -> float:
        """Return the call's deadline on the loop's clock: the caller's less some headroom, or the default."""
        if given is None:
            seconds = method.max_seconds if method.handler.response_streaming else self._deadline_seconds
        else:
            seconds = min(given - min(HEADROOM_SECONDS, given / 5), method.max_seconds)
        return asyncio.get_running_loop().time() + seconds

    async def abort(self, method: _Method, call: Call, context: Any, error: Exception) -> None:
        """End the call with the status that the error maps to."""
        call.code, message, details = grpc_status(error, method.name, self._convert)
        refusal = self._convert(error)
        call.reason = refusal.reason if refusal else "INTERNAL"
        await context.abort(call.code, message, ((DETAILS, details),))


class _Observed:
    """Ends the call with one status, one log line and one observation, whatever happens in the block."""

    def __init__(self, interceptor: CallInterceptor, method: _Method, context: Any) -> None:
        self._interceptor, self._method, self._context = interceptor, method, context
        self._call = Call()

    async def __aenter__(self) -> Call:
        self._interceptor.running.add(self._call)
        return self._call

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        call, method = self._call, self._method
        self._interceptor.running.remove(call)
        try:
            if isinstance(error, asyncio.CancelledError):
                call.code = StatusCode.CANCELLED
                if call.end is not None:
                    await self._interceptor.abort(method, call, self._context, call.end)
            elif isinstance(error, Exception):
                await self._interceptor.abort(method, call, self._context, error)
        finally:
            took = time.perf_counter() - call.started
            method.seconds[call.code].observe(took)
            log.info(
                "call",
                method=method.name,
                code=call.code.name,
                reason=call.reason,
                caller=call.caller,
                request_id=call.request_id,
                trace_id=call.traceparent[3:35],
                ms=round(took * 1e3, 2),
            )


def _enter(call: Call, ctx: CallContext, traceparent: str) -> None:
    """Make the context current, and put its ids on every log line of the call."""
    call.traceparent, call.deadline = traceparent, ctx.deadline
    current.set(ctx if traceparent == ctx.traceparent else replace(ctx, traceparent=traceparent))
    bind_contextvars(request_id=ctx.request_id, trace_id=traceparent[3:35])


def _stopping() -> Unavailable:
    return Unavailable("STOPPING", "the service is stopping", retry_after=1.0)


def _parse(parse: Callable[[bytes], Message], raw: bytes) -> Message:
    try:
        return parse(raw)
    except DecodeError:
        raise Invalid.field("request", "MALFORMED", "the bytes are not a message of this method") from None
