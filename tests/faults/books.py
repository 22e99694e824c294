"""Everything that was kept, read straight from the documents and the streams, and from what the callers noted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pymongo import MongoClient

from libs.api.hatchery.common.v1.date_pb2 import Date
from tests.faults.calls import Ledger
from tests.running import World

Document = dict[str, Any]
COLLECTIONS = {"spaces": ("spaces", "occupants", "tenancies"), "startups": ("startups",)}


@dataclass(slots=True)
class Books:
    """What one audit looks at; nothing in it is derived."""

    ledger: Ledger
    journals: dict[str, list[Document]]
    #: By the name of the collection, and of the entity.
    entities: dict[str, dict[str, Document]]
    parked: dict[str, list[Document]]
    #: What each stream holds, in its order: the facts' headers and bodies.
    told: dict[str, list[tuple[dict[str, str], bytes]]]
    #: Lines of the services' logs that say that something went wrong which nobody foresaw.
    logged: list[str] = field(default_factory=list)


async def read_books(world: World, ledger: Ledger, databases: str = "") -> Books:
    """The books of a world; those of another set of databases on the same server if one is named."""
    databases = databases or world.databases
    books = Books(ledger, {}, {}, {}, {}, logged=list(_errors(world.folder)))
    with MongoClient[Document](world.mongo.admin_uri, tz_aware=True) as client:
        for service, collections in COLLECTIONS.items():
            database = client[f"{databases}_{service}"]
            books.journals[service] = list(database["journal"].find().sort("at", 1))
            books.parked[service] = list(database["parked"].find())
            for name in collections:
                books.entities[name] = {row["_id"]: row for row in database[name].find()}
    for service in COLLECTIONS:
        books.told[service] = await read_stream(world, service.upper())
    return books


async def read_stream(world: World, stream: str) -> list[tuple[dict[str, str], bytes]]:
    """All that a stream holds, in its order."""
    connection = await nats.connect(world.nats.url, nkeys_seed=str(world.nats.admin_seed_file))
    found: list[tuple[dict[str, str], bytes]] = []
    try:
        jetstream = connection.jetstream()
        last = (await jetstream.stream_info(stream)).state.messages
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
        reader = await jetstream.pull_subscribe(f"hatchery.{stream.lower()}.>", stream=stream, config=config)
        while len(found) < last:
            found += [(dict(told.headers or {}), told.data) for told in await reader.fetch(500, timeout=5)]
    except NatsTimeout:
        pass  # what is missing, the audit will say
    finally:
        await connection.close()
    return found


def _errors(folder: Path) -> Sequence[str]:
    return [
        f"{log.name}: {_short(line)}"
        for log in sorted(folder.glob("*.log"))
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("Traceback") or '"level":"error"' in line
    ]


def _short(line: str) -> str:
    if not line.startswith("{"):
        return line
    said = json.loads(line)
    causes = [f"{cause['exc_type']}: {cause['exc_value'][:200]}" for cause in said.pop("exception", [])]
    return " ".join([json.dumps(said), *causes])


# --- a message and a document that should say the same -------------------------------------------


def differences(message: Message, document: Document) -> list[str]:
    """The fields, among those that both have, in which an answer and a document are not the same."""
    document = {**document, "name": document.get("_id"), "etag": f"v{document.get('version')}"}
    found = []
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        if name in document and _said(message, descriptor) != _kept(document[name]):
            found.append(f"{name}: {_said(message, descriptor)!r} was answered and {_kept(document[name])!r} is kept")
    return found


def _said(message: Message, descriptor: Any) -> Any:
    held = getattr(message, descriptor.name)
    if descriptor.is_repeated:
        return [_one(item, descriptor) for item in held] or None
    if descriptor.message_type and not message.HasField(descriptor.name):
        return None
    return _one(held, descriptor) or None


def _one(held: Any, descriptor: Any) -> Any:
    if isinstance(held, Timestamp):
        return held.ToDatetime(UTC)
    if isinstance(held, Date):
        return datetime(held.year, held.month, held.day, tzinfo=UTC)
    if isinstance(held, Message):
        return {each.name: _said(held, each) for each in held.DESCRIPTOR.fields}
    if descriptor.enum_type:
        values = descriptor.enum_type.values_by_number
        return values[held].name.removeprefix(values[0].name.removesuffix("UNSPECIFIED")) if held else None
    return held


def _kept(held: Any) -> Any:
    if isinstance(held, list):
        return [_kept(item) for item in held] or None
    if isinstance(held, dict):
        return {name: _kept(item) for name, item in held.items() if name != "sequence"}
    return held or None
