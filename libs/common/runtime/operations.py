"""OperationsService, which every service has: its status and its parked facts."""

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
from libs.common.domain.entity import PageQuery, Value
from libs.common.domain.errors import Precondition
from libs.common.messaging.checkpoint import unpublished
from libs.common.messaging.cloud_events import read_sequence
from libs.common.messaging.inbox import TRANSIENT, Inbox
from libs.common.messaging.parking import Parking
from libs.common.messaging.relay import Relay
from libs.common.rpc.grants import ANY, Grants
from libs.common.rpc.mapping import decode
from libs.common.store.database import Database, as_refusal
from libs.common.store.transaction import Document

log = structlog.get_logger()

GRANTS: Grants = {
    "operations.read": {"admin": ANY},
    "operations.replay": {"admin": ANY},
}


class ParkedFactQuery(Value):
    """Names a parked fact."""

    name: Annotated[str, StringConstraints(pattern=r"^parkedFacts/[0-9A-Za-z._-]{1,100}$", max_length=120)]

    @property
    def id(self) -> str:
        """The fact's source and its position in the source's stream."""
        return self.name.removeprefix("parkedFacts/")


class OperationsRpc(OperationsServiceServicer):
    """The operations of one service."""

    def __init__(
        self, service: str, database: Database, relay: Relay, inboxes: Mapping[str, Inbox], started: datetime
    ) -> None:
        self._service = service
        self._database = database
        self._parking = Parking(database)
        self._relay = relay
        self._inboxes = inboxes
        self._started = started

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.Status:
        """Return the service's status. An inbox whose lag cannot be determined is left out."""
        lags = await asyncio.gather(*(inbox.consumer.lag() for inbox in self._inboxes.values()))
        return pb.Status(
            service=self._service,
            version=running_version(),
            start_time=_timestamp(self._started),
            relay_active=self._relay.is_active,
            unpublished=await unpublished(self._database),
            inboxes=[
                pb.Status.Inbox(source=source, pending=lag[0], in_flight=lag[1])
                for source, lag in zip(self._inboxes, lags, strict=True)
                if lag is not None
            ],
            parked=await self._parking.count(),
        )

    async def ListParkedFacts(self, request: pb.ListParkedFactsRequest, context: Any) -> pb.ListParkedFactsResponse:
        page = await self._parking.list(decode(request, PageQuery))
        facts = [self._encode(row) for row in page]
        return pb.ListParkedFactsResponse(parked_facts=facts, next_page_token=page.next_page_token)

    async def GetParkedFact(self, request: pb.GetParkedFactRequest, context: Any) -> pb.ParkedFact:
        return self._encode(await self._parking.get(decode(request, ParkedFactQuery).id))

    async def ReplayParkedFact(self, request: pb.ReplayParkedFactRequest, context: Any) -> pb.ParkedFact:
        row = await self._parking.get(decode(request, ParkedFactQuery).id)
        try:
            await self._inboxes[row["source"]].replay(row)
        except Exception as error:  # the caller must learn the cause, whatever it is
            refusal = as_refusal(error)
            if isinstance(refusal, TRANSIENT):
                raise refusal from error
            log.warning("replay_failed", fact=row["_id"], exc_info=error)
            cause = refusal.message if refusal else type(error).__name__
            raise Precondition("STILL_PARKED", f"the fact failed again: {cause}", name=request.name) from error
        return self._encode(row)

    def _encode(self, row: Document) -> pb.ParkedFact:
        headers, inbox = row["headers"], self._inboxes.get(row["source"])
        return pb.ParkedFact(
            name=f"parkedFacts/{row['_id']}",
            type=headers.get("ce-type", ""),
            subject=headers.get("ce-subject", ""),
            sequence=_sequence_or_zero(headers),
            body=inbox.to_json(row) if inbox else bytes(row["body"]).hex(),
            error=row["error"],
            tries=row["tries"],
            park_time=_timestamp(row["at"]),
        )


def _sequence_or_zero(headers: dict[str, str]) -> int:
    try:
        return read_sequence(headers)
    except (LookupError, ValueError):
        return 0  # a broken header may be why the fact was parked


def running_version() -> str:
    """Return the version of the installed distribution, or `source` when running from a checkout."""
    try:
        return version("hatchery")
    except PackageNotFoundError:
        return "source"


def _timestamp(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp
