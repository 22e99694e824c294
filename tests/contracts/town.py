"""Every service of the house, running, asked over real channels with bytes as they go over the wire."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from pymongo import MongoClient

from libs.api.hatchery.operations.v1 import operations_pb2 as ops
from tests.conftest import eventually, lastingly, unsettled
from tests.contracts.contract import HOMES, METHODS, Method
from tests.running import World, metadata

#: Written by the service for itself as time goes by; nothing that a caller could change.
BACKGROUND = {"positions"}


@dataclass(frozen=True)
class Answer:
    """What a call came to: the reply, or the refusal with all that a program can read of it."""

    code: StatusCode
    message: str = ""
    raw: bytes = b""
    reason: str = ""
    domain: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_seconds: float | None = None

    def __str__(self) -> str:
        """For the report of a failed test."""
        return f"{self.code.name} {self.reason} {dict(self.violations)} {self.message[:120]}"

    @property
    def reasons(self) -> set[str]:
        """Every reason that it gives."""
        return {self.reason, *(reason for _, reason in self.violations)}


def refusal(error: aio.AioRpcError) -> Answer:
    """The refusal that an error carries."""
    trailing = error.trailing_metadata() or ()
    details: Any = next((value for key, value in trailing if key == "grpc-status-details-bin"), b"")
    info, wrong, retry = ErrorInfo(), BadRequest(), RetryInfo()
    waits = False
    for detail in Status.FromString(details).details:
        detail.Unpack(info)
        detail.Unpack(wrong)
        waits = detail.Unpack(retry) or waits
    return Answer(
        error.code(),
        error.details() or "",
        details,
        info.reason,
        info.domain,
        dict(info.metadata),
        tuple((violation.field, violation.reason) for violation in wrong.field_violations),
        retry.retry_delay.ToMilliseconds() / 1000 if waits else None,
    )


class Town:
    """The services of a world, by their names."""

    def __init__(self, world: World, channels: Mapping[str, aio.Channel]) -> None:
        self.world = world
        self.channels = channels
        self.admin = f"Bearer {world.token()}"

    async def ask(self, method: Method, request: Message | bytes, authorization: str | None = None) -> Answer:
        """What a method answers to a message, or to bytes that may be none; asked as an admin unless told otherwise."""
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        call: Any = self.channels[method.home].unary_unary(method.path)
        given = self.admin if authorization is None else authorization
        try:
            reply = await call(raw, metadata=(("authorization", given),) if given else (), timeout=20)
        except aio.AioRpcError as error:
            return refusal(error)
        return Answer(StatusCode.OK, raw=reply)

    async def made(self, method: Method, request: Message) -> Any:
        """The reply to a request that must be answered."""
        answer = await self.ask(method, request)
        assert answer.code is StatusCode.OK, f"{method} {answer} for {request}"
        return method.reply.FromString(answer.raw)

    async def settled(self, seconds: float = 10) -> None:
        """Wait until all that was committed has been told, and all that was told has taken effect."""

        async def quiet() -> bool:
            found = [unsettled(await self.made(method(home, "GetStatus"), ops.GetStatusRequest())) for home in HOMES]
            return not any(found)

        await eventually(lastingly(quiet), seconds)

    def kept(self) -> dict[str, tuple[int, str]]:
        """How many documents each collection holds, with a hash over all of them."""
        with MongoClient[dict[str, Any]](self.world.mongo.admin_uri) as client:
            return {
                f"{home}.{name}": _sum(client[self.world.database(home)][name].find().sort("_id"))
                for home in HOMES
                for name in client[self.world.database(home)].list_collection_names()
                if name not in BACKGROUND
            }


def _sum(documents: Any) -> tuple[int, str]:
    count, whole = 0, hashlib.sha256()
    for document in documents:
        count += 1
        whole.update(bson.encode(document))
    return count, whole.hexdigest()


def method(home: str, name: str) -> Method:
    """A method of a service, by its name."""
    return next(found for found in METHODS if found.home == home and found.name == name)


def bearer(token: str) -> str:
    """The value of the authorization header that carries a token."""
    return metadata(token)[0][1]


def texts(message: Message) -> Iterator[str]:
    """Every text that a message holds, however deep."""
    for descriptor, value in message.ListFields():
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Message):
                yield from texts(item)
            elif isinstance(item, str):
                yield item
