"""What every service answers to those who keep it running: its state, and the facts that were parked."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import StringConstraints

from libs.api.hatchery.operations.v1 import operations_pb2 as pb
from libs.api.hatchery.operations.v1.operations_pb2_grpc import OperationsServiceServicer
from libs.common.documents import Document, Documents
from libs.common.errors import Precondition
from libs.common.failing import refusal
from libs.common.inbox import PARKED, WAITS, Inbox, not_parked, sequence
from libs.common.listing import Order, resume, seek
from libs.common.mapping import decode
from libs.common.relay import Relay, untold
from libs.common.values import Listing, Value

log = structlog.get_logger()


class ParkedName(Value):
    """Which parked fact is meant."""

    name: Annotated[str, StringConstraints(pattern=r"^parkedFacts/[0-9A-Za-z._-]{1,100}$", max_length=120)]

    @property
    def id(self) -> str:
        """Its place: the source, and the number in the source's stream."""
        return self.name.removeprefix("parkedFacts/")


class OperationsRpc(OperationsServiceServicer):
    """The operations of one service."""

    def __init__(
        self, service: str, documents: Documents, relay: Relay, inboxes: Mapping[str, Inbox], started: datetime
    ) -> None:
        self._service = service
        self._documents = documents
        self._relay = relay
        self._inboxes = inboxes
        self._started = started

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.Status:
        """How the service is; of an inbox whose lag nobody can know, nothing."""
        lags = await asyncio.gather(*(inbox.lag() for inbox in self._inboxes.values()))
        return pb.Status(
            service=self._service,
            version=running_version(),
            start_time=_stamp(self._started),
            relaying=self._relay.is_telling,
            untold=await untold(self._documents),
            inboxes=[
                pb.Status.Inbox(source=source, waiting=lag[0], in_hand=lag[1])
                for source, lag in zip(self._inboxes, lags, strict=True)
                if lag is not None
            ],
            parked=await self._documents.collection(PARKED).count_documents({}),
        )

    async def ListParkedFacts(self, request: pb.ListParkedFactsRequest, context: Any) -> pb.ListParkedFactsResponse:
        """The parked facts, oldest first."""
        ask, order = decode(request, Listing), Order("at")
        after = resume(ask.page_token, order, (PARKED, []))
        found = order.sort(self._documents.collection(PARKED).find(dict(after or {}))).limit(ask.limit + 1)
        rows = await found.to_list(None)
        token = seek(rows[ask.limit - 1], order, (PARKED, [])) if len(rows) > ask.limit else ""
        return pb.ListParkedFactsResponse(
            parked_facts=[self._encode(row) for row in rows[: ask.limit]], next_page_token=token
        )

    async def GetParkedFact(self, request: pb.GetParkedFactRequest, context: Any) -> pb.ParkedFact:
        """One parked fact."""
        return self._encode(await self._find(decode(request, ParkedName)))

    async def ReplayParkedFact(self, request: pb.ReplayParkedFactRequest, context: Any) -> pb.ParkedFact:
        """Handle a parked fact again."""
        row = await self._find(decode(request, ParkedName))
        try:
            await self._inboxes[row["source"]].replay(row)
        except Exception as error:  # the cause is what the caller must learn, whatever it is
            refused = refusal(error)
            if isinstance(refused, WAITS):
                raise refused from error
            log.warning("replay_failed", fact=row["_id"], exc_info=error)
            cause = refused.message if refused else type(error).__name__
            raise Precondition("STILL_PARKED", f"it still cannot be handled: {cause}", name=request.name) from error
        return self._encode(row)

    async def _find(self, ask: ParkedName) -> Document:
        row = await self._documents.collection(PARKED).find_one({"_id": ask.id})
        if row is None:
            raise not_parked(ask.name)
        return row

    def _encode(self, row: Document) -> pb.ParkedFact:
        headers, inbox = row["headers"], self._inboxes.get(row["source"])
        return pb.ParkedFact(
            name=f"parkedFacts/{row['_id']}",
            type=headers.get("ce-type", ""),
            subject=headers.get("ce-subject", ""),
            sequence=_sequence(headers),
            body=inbox.readable(row) if inbox else bytes(row["body"]).hex(),
            error=row["error"],
            tries=row["tries"],
            park_time=_stamp(row["at"]),
        )


def _sequence(headers: dict[str, str]) -> int:
    try:
        return sequence(headers)
    except (LookupError, ValueError):
        return 0  # which may be why it was parked


def running_version() -> str:
    """The version of the distribution, or `source` when it runs from a checkout."""
    try:
        return version("hatchery")
    except PackageNotFoundError:
        return "source"


def _stamp(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp
