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

from tests.faults.stored import COLLECTIONS
from tests.support.processes import Cluster

Document = dict[str, Any]


@dataclass(slots=True)
class Snapshot:
    """What an audit examines. Nothing in it is derived."""

    #: By service.
    journals: dict[str, list[Document]] = field(default_factory=dict)
    parked: dict[str, list[Document]] = field(default_factory=dict)
    #: Each stream's facts in the order of the stream: headers and body.
    published: dict[str, list[tuple[dict[str, str], bytes]]] = field(default_factory=dict)
    #: By collection, after the name of its service (`spaces.tenancies`), and name of the entity.
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
                snapshot.entities[f"{service}.{name}"] = {row["_id"]: row for row in database[name].find()}
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
    sent = {each.name: _field(message, each) for each in message.DESCRIPTOR.fields}
    return [
        f"{name}: the reply has {sent[name]!r}, not {document[name]!r}"
        for name in sent
        if name in document and not _equal(sent[name], document[name])
    ]


def _field(message: Message, descriptor: Any) -> Any:
    value = getattr(message, descriptor.name)
    if descriptor.is_repeated:
        return [_item(item, descriptor) for item in value]
    if descriptor.message_type and not message.HasField(descriptor.name):
        return None
    return _item(value, descriptor)


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


def _equal(sent: Any, stored: Any) -> bool:
    """Whether a value of a message is the stored one. What is empty equals what is unset; only shared fields count."""
    if isinstance(sent, list) and isinstance(stored, list):
        return len(sent) == len(stored) and all(_equal(*pair) for pair in zip(sent, stored, strict=True))
    if isinstance(sent, dict) and isinstance(stored, dict):
        return all(_equal(sent[name], stored[name]) for name in sent.keys() & stored.keys())
    return bool((sent or None) == (stored or None))
