"""The journal: one entry per committed command. It is outbox, audit trail, idempotency record and change feed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import ModuleType

from google.protobuf.message import Message

from libs.common.domain.entity import Entity, Fact
from libs.common.domain.errors import Invalid
from libs.common.rpc.context import CallContext
from libs.common.rpc.mapping import encode
from libs.common.store.schema import EntitySchema, Index, from_document
from libs.common.store.transaction import Document

COLLECTION = "journal"
#: For the relay, when its resume token is no longer valid.
BY_TIME = Index(("at", "_id"), where={"facts": {"$exists": True}})


class FactEncoder:
    """Turns domain facts into messages of the same name, as the bytes that will be published."""

    def __init__(self, facts: ModuleType) -> None:
        self._messages: dict[str, type[Message]] = {
            name: getattr(facts, name) for name in facts.DESCRIPTOR.message_types_by_name
        }

    def encode(self, fact: Fact, sequence: int) -> Document:
        """Return what the journal stores of a fact. `sequence` is the entity's version that it describes."""
        kind = self._messages[type(fact).__name__]
        body = encode(fact, kind).SerializeToString()
        return {"type": kind.DESCRIPTOR.full_name, "subject": fact.name, "sequence": sequence, "body": body}


def new_entry(
    ctx: CallContext,
    at: datetime,
    saved: Iterable[Entity],
    removed: Iterable[Entity],
    facts: list[Document],
    reply: Document | None,
) -> Document:
    """Build the entry of one command: who, what, when, which versions resulted, what to publish, the reply."""
    entry: Document = {
        "_id": ctx.entry_id,
        "actor": ctx.actor,
        "command": ctx.command,
        "digest": ctx.digest,
        "at": at,
        "entities": [
            *({"name": entity.name, "version": entity.version} for entity in saved),
            *({"name": entity.name, "version": entity.version, "removed": True} for entity in removed),
        ],
    }
    if reply is not None:
        entry["reply"] = reply
    if facts:
        entry["facts"] = facts
        entry["traceparent"] = ctx.traceparent
    return entry


def reply_of(entity: Entity, document: Document, schema: EntitySchema) -> Document:
    """Return what an entry stores of its reply: the document, or only its name where it holds personal data."""
    kind = type(entity).__name__
    return {"kind": kind, "name": entity.name} if schema.personal else {"kind": kind, "document": document}


def ensure_same_request(entry: Document, ctx: CallContext) -> None:
    """Refuse another request under an id that was used before (REQUEST_ID_REUSED)."""
    if bytes(entry["digest"]) != ctx.digest:
        raise Invalid.field("request_id", "REQUEST_ID_REUSED", "this request_id was used for another request")


def stored_reply(entry: Document, schemas: Mapping[type[Entity], EntitySchema]) -> Entity:
    """Return the entity that an entry holds as its reply."""
    return from_document(_kind(entry, schemas), dict(entry["reply"]["document"]))


def reply_by_name(entry: Document, schemas: Mapping[type[Entity], EntitySchema]) -> tuple[type[Entity], str] | None:
    """Return the kind and name of a reply whose content the entry does not hold; None for any other entry."""
    if "name" not in entry.get("reply", ()):
        return None
    return _kind(entry, schemas), entry["reply"]["name"]


def _kind(entry: Document, schemas: Mapping[type[Entity], EntitySchema]) -> type[Entity]:
    name = entry["reply"]["kind"]
    kind = next((kind for kind in schemas if kind.__name__ == name), None)
    if kind is None:
        raise LookupError(f"there is no entity kind {name} any more")
    return kind
