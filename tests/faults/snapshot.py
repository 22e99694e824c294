"""All that is stored, read straight from the databases and the streams."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pymongo import MongoClient

from tests.support.processes import Cluster

Document = dict[str, Any]
COLLECTIONS = {"spaces": ("spaces", "occupants", "tenancies"), "startups": ("startups",)}


@dataclass(slots=True)
class Snapshot:
    """What an audit examines. Nothing in it is derived."""

    #: By service.
    journals: dict[str, list[Document]] = field(default_factory=dict)
    parked: dict[str, list[Document]] = field(default_factory=dict)
    #: Each stream's facts in the order of the stream: headers and body.
    published: dict[str, list[tuple[dict[str, str], bytes]]] = field(default_factory=dict)
    #: By collection and name of the entity.
    entities: dict[str, dict[str, Document]] = field(default_factory=dict)
    #: Lines of the services' logs that report an unforeseen error.
    logged_errors: list[str] = field(default_factory=list)


async def take_snapshot(cluster: Cluster) -> Snapshot:
    """Read everything that the services of a cluster store."""
    snapshot = Snapshot(logged_errors=list(_logged_errors(cluster.folder)))
    with MongoClient[Document](cluster.mongo.admin_uri, tz_aware=True) as client:
        for service, collections in COLLECTIONS.items():
            database = client[cluster.database(service)]
            snapshot.journals[service] = list(database["journal"].find().sort("at", 1))
            snapshot.parked[service] = list(database["parked"].find())
            for name in collections:
                snapshot.entities[name] = {row["_id"]: row for row in database[name].find()}
    for service in COLLECTIONS:
        snapshot.published[service] = await _read_stream(cluster, service.upper())
    return snapshot


async def _read_stream(cluster: Cluster, stream: str) -> list[tuple[dict[str, str], bytes]]:
    connection = await nats.connect(cluster.nats.url, nkeys_seed=str(cluster.nats.admin_seed_file))
    found: list[tuple[dict[str, str], bytes]] = []
    try:
        jetstream = connection.jetstream()
        count = (await jetstream.stream_info(stream)).state.messages
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
        reader = await jetstream.pull_subscribe(f"hatchery.{stream.lower()}.>", stream=stream, config=config)
        while len(found) < count:
            found += [(dict(fact.headers or {}), fact.data) for fact in await reader.fetch(500, timeout=5)]
    except NatsTimeoutError:
        pass  # the audit reports what is missing
    finally:
        await connection.close()
    return found


def _logged_errors(folder: Path) -> Iterator[str]:
    for log in sorted(folder.glob("*.log")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Traceback") or '"level":"error"' in line:
                yield f"{log.name}: {_shortened(line)}"


def _shortened(line: str) -> str:
    if not line.startswith("{"):
        return line
    event = json.loads(line)
    causes = [f"{cause['exc_type']}: {cause['exc_value'][:200]}" for cause in event.pop("exception", [])]
    return " ".join([json.dumps(event), *causes])


# --- comparing a message with the document that it was made from ----------------------------------


def differences(message: Message, document: Document) -> list[str]:
    """Return the fields, of those that both have, in which a reply and a document differ."""
    document = {**document, "name": document.get("_id"), "etag": f"v{document.get('version')}"}
    found = []
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        if name in document and _field(message, descriptor) != _stored(document[name]):
            found.append(f"{name}: the reply has {_field(message, descriptor)!r}, not {_stored(document[name])!r}")
    return found


def _field(message: Message, descriptor: Any) -> Any:
    value = getattr(message, descriptor.name)
    if descriptor.is_repeated:
        return [_item(item, descriptor) for item in value] or None
    if descriptor.message_type and not message.HasField(descriptor.name):
        return None
    return _item(value, descriptor) or None


def _item(value: Any, descriptor: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.ToDatetime(UTC)
    if isinstance(value, Date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, Message):
        return {each.name: _field(value, each) for each in value.DESCRIPTOR.fields}
    if descriptor.enum_type:
        values = descriptor.enum_type.values_by_number
        return values[value].name.removeprefix(values[0].name.removesuffix("UNSPECIFIED")) if value else None
    return value


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return [_stored(item) for item in value] or None
    if isinstance(value, dict):
        return {name: _stored(item) for name, item in value.items() if name != "sequence"}
    return value or None
