"""The one interceptor of every service, which does four duties in a row: observe, fail, identify, deadline."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode
from grpc.aio import ServerInterceptor
from opentelemetry.trace import SpanKind

from libs.common import metrics, tracing
from libs.common.asking import NOWHERE, Asked, Reach, digest, request_id
from libs.common.errors import Invalid
from libs.common.failing import DETAILS, status
from libs.common.identity import Verifier
from libs.common.permissions import permit

log = structlog.get_logger()

# grpc's own types for these are generic in its stubs and not at run time.
Handler = Any
_TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
#: No caller holds a place in the queue for longer than this many seconds.
LONGEST = 60.0


@dataclass(slots=True)
class Call:
    """What is known of the call under way."""

    method: str
    caller: str = ""
    reach: Reach = NOWHERE
    deadline: float = 0.0
    traceparent: str = ""


_call: ContextVar[Call] = ContextVar("call")


def asked(request: Message) -> Asked:
    """The circumstances of the call under way; Invalid for a request id that is none."""
    call = _call.get()
    name, fingerprint = "", b""
    given: str | None = getattr(request, "request_id", None)
    if given is not None:
        name, fingerprint = request_id(given), digest(call.method, request)
    return Asked(call.caller, call.method, name, fingerprint, call.deadline, call.reach, call.traceparent)


class Road(ServerInterceptor):
    """What lies before every method that needs a permission; health and reflection are open to all."""

    def __init__(self, permissions: Mapping[str, str], verifier: Verifier, deadline: float) -> None:
        self._permissions = permissions
        self._verifier = verifier
        self._deadline = deadline
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The method's handler with the four duties before it, made once per method."""
        handler = self._handlers.get(details.method)
        if handler is None:
            handler = await continuation(details)
            if handler and details.method in self._permissions:
                handler = self._handlers[details.method] = self._with_duties(details.method, handler)
        return handler

    def _with_duties(self, path: str, handler: Any) -> Handler:
        method = path.removeprefix("/").replace("/", ".")
        seconds = {code: metrics.RPC_SECONDS.labels(method, code.name) for code in StatusCode}

        async def observed(raw: bytes, context: Any) -> Message:
            """Observe and fail: whatever happens below, one line, one figure, one status."""
            started = time.perf_counter()
            call = Call(method)
            _call.set(call)
            code, reason = StatusCode.OK, ""
            try:
                return await self._identified(path, call, handler, raw, context)
            except asyncio.CancelledError:
                code = StatusCode.CANCELLED
                raise
            except Exception as error:
                code, message, details = status(error, method)
                reason = getattr(error, "reason", "")
                await context.abort(code, message, ((DETAILS, details),))
                raise
            finally:
                took = time.perf_counter() - started
                seconds[code].observe(took)
                log.info(
                    "call", method=method, code=code.name, reason=reason, caller=call.caller, ms=round(took * 1e3, 2)
                )

        return grpc.unary_unary_rpc_method_handler(observed, None, handler.response_serializer)

    async def _identified(self, path: str, call: Call, handler: Any, raw: bytes, context: Any) -> Message:
        """Identify and permit the caller, then run the handler before the deadline."""
        authorization = ""
        for key, value in context.invocation_metadata():
            if key == "authorization":
                authorization = value
            elif key == "traceparent":
                call.traceparent = value if _TRACEPARENT.fullmatch(value) else ""
        caller = await self._verifier.caller(authorization)
        call.caller = caller.subject
        call.reach = permit(caller, self._permissions[path])
        request = _parse(handler.request_deserializer, raw)
        given = context.time_remaining()
        left = min(self._deadline if given is None else given, LONGEST)
        call.deadline = asyncio.get_running_loop().time() + left
        with tracing.span(call.method, call.traceparent, SpanKind.SERVER) as call.traceparent:
            if given is not None and given <= LONGEST:
                return await handler.unary_unary(request, context)  # type: ignore[no-any-return]
            async with asyncio.timeout(left):  # nobody else would end it
                return await handler.unary_unary(request, context)  # type: ignore[no-any-return]


def _parse(parse: Callable[[bytes], Message], raw: bytes) -> Message:
    try:
        return parse(raw)
    except DecodeError:
        raise Invalid.field("request", "MALFORMED", "the bytes are no message of this method") from None
