"""Two replicas of mentors, what they have stored of one mentor, and callers with connections of their own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from grpc import aio
from pymongo import MongoClient

from libs.api.hatchery.mentors.v1 import consultation_pb2_grpc
from tests.support.calls import Api
from tests.support.processes import Cluster, Replica

Document = dict[str, Any]
#: Channels to the same address would share a connection otherwise.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
#: The states in which a consultation does not occupy its mentor's time.
ENDED = ("DECLINED", "WITHDRAWN", "CANCELLED", "EXPIRED")


@dataclass(frozen=True)
class Stored:
    """What is stored of a mentor's time: by the calendar, by the consultations, and by the journal."""

    #: By holder: its start and end, each time that a page has it.
    entries: Sequence[tuple[str, tuple[Any, Any]]]
    #: By name, those that occupy time.
    consultations: Mapping[str, tuple[Any, Any]]
    #: The journal's entries by the consultation that they name as their reply.
    journal: Sequence[tuple[str, Document]]

    def commands(self, name: str) -> list[str]:
        """Return the commands whose reply was this consultation, without the name of their service."""
        return [entry["command"].rpartition(".")[2] for of, entry in self.journal if of == name]

    def facts(self, name: str) -> list[str]:
        """Return the facts about this consultation, without the name of their package."""
        found = (fact for _, entry in self.journal for fact in entry.get("facts", ()) if fact["subject"] == name)
        return [fact["type"].rpartition(".")[2] for fact in found]


def stored(cluster: Cluster, mentor: str) -> Stored:
    """Read what mentors has stored of a mentor."""
    with MongoClient[Document](cluster.mongo.admin_uri, tz_aware=True) as client:
        database = client[cluster.database("mentors")]
        pages = list(database["calendars"].find({"resource": mentor}))
        rows = list(database["consultations"].find({"mentor": mentor}))
        names = [row["_id"] for row in rows]
        entries = list(database["journal"].find({"reply.name": {"$in": names}}).sort("at", 1))
    occupying = {row["_id"]: (row["start_time"], row["end_time"]) for row in rows if row["state"] not in ENDED}
    return Stored(
        [(entry["holder"], (entry["start"], entry["end"])) for page in pages for entry in page["entries"]],
        occupying,
        [(entry["reply"]["name"], entry) for entry in entries],
    )


def journal_length(cluster: Cluster, method: str) -> int:
    """Return how many commands of a method of ConsultationService have been committed."""
    with MongoClient[Document](cluster.mongo.admin_uri) as client:
        command = f"hatchery.mentors.v1.ConsultationService.{method}"
        return client[cluster.database("mentors")]["journal"].count_documents({"command": command})


@asynccontextmanager
async def callers(replicas: Sequence[Replica], tokens: Sequence[str]) -> AsyncIterator[list[Api]]:
    """Call ConsultationService with each token, over a connection of its own, at the replicas in turn."""
    async with AsyncExitStack() as channels:
        made = []
        for number, token in enumerate(tokens):
            address = replicas[number % len(replicas)].address
            channel = await channels.enter_async_context(aio.insecure_channel(address, OWN_CONNECTION))
            made.append(Api(channel, consultation_pb2_grpc, "ConsultationService", token))
        yield made
