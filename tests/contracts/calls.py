"""Calls of every running service with the bytes that go over the wire, and everything that an answer says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio

from tests.contracts.contract import Method, find_method

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """The reply to a call, or the refusal with everything that a program can read of it.

    `raw` is the reply's bytes; those of a stream's messages follow one another.
    """

    code: StatusCode
    message: str = ""
    raw: bytes = b""
    reason: str = ""
    domain: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_seconds: float | None = None

    def __str__(self) -> str:
        """Describe it in the report of a failed test."""
        return f"{self.code.name} {self.reason} {dict(self.violations)} {self.message[:120]}"

    @property
    def reasons(self) -> set[str]:
        """Every reason that it gives."""
        return {self.reason, *(reason for _, reason in self.violations)}

    def words(self) -> set[str]:
        """Every text that a refusal contains, and each word of it."""
        texts = [self.message, *self.metadata.values(), *(path for path, _ in self.violations)]
        return {word for text in texts for word in (text, *text.split())}


def answer_of(error: aio.AioRpcError) -> Answer:
    """Return the refusal that an error carries."""
    trailing = error.trailing_metadata() or ()
    details: Any = next((value for key, value in trailing if key == "grpc-status-details-bin"), b"")
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    has_retry = False
    for detail in Status.FromString(details).details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        has_retry = detail.Unpack(retry) or has_retry
    return Answer(
        error.code(),
        error.details() or "",
        details,
        info.reason,
        info.domain,
        dict(info.metadata),
        tuple((violation.field, violation.reason) for violation in bad_request.field_violations),
        retry.retry_delay.ToMilliseconds() / 1000 if has_retry else None,
    )


class Calls:
    """Calls the services over their channels, as an admin unless an authorization header is given."""

    def __init__(self, channels: Mapping[str, aio.Channel], admin: str) -> None:
        self.channels = channels
        self.admin = admin

    async def send(self, method: Method, request: Message | bytes, authorization: str | None = None) -> Answer:
        """Return the answer to a message, or to bytes that may not be one. An empty header is not sent."""
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        channel: Any = self.channels[method.service]
        header = self.admin if authorization is None else authorization
        options: Any = {"metadata": (("authorization", header),) if header else (), "timeout": TIMEOUT_SECONDS}
        try:
            if method.is_stream:
                replies = [reply async for reply in channel.unary_stream(method.path)(raw, **options)]
            else:
                replies = [await channel.unary_unary(method.path)(raw, **options)]
        except aio.AioRpcError as error:
            return answer_of(error)
        return Answer(StatusCode.OK, raw=b"".join(replies))

    async def reply(self, method: Method, request: Message) -> Any:
        """Return the reply to a request that must succeed."""
        answer = await self.send(method, request)
        assert answer.code is StatusCode.OK, f"{method} {answer} for {request}"
        return method.reply.FromString(answer.raw)

    async def call(self, service: str, name: str, request: Message) -> Any:
        """Return the reply of a service's method, which must succeed."""
        return await self.reply(find_method(service, name), request)


def texts(message: Message) -> Iterator[str]:
    """Yield every text in a message, at any depth."""
    for descriptor, value in message.ListFields():
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Message):
                yield from texts(item)
            elif isinstance(item, str):
                yield item
