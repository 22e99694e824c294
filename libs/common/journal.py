"""The journal: one entry per committed command; outbox, audit trail, memory of repeats and change feed at once."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import ModuleType

from google.protobuf.message import Message

from libs.common.asking import Asked
from libs.common.collections import Collection, Index, from_document
from libs.common.documents import Document
from libs.common.errors import Invalid
from libs.common.mapping import encode
from libs.common.values import Entity, Fact

NAME = "journal"

#: For the relay, when its place in the change feed is lost.
BY_TIME = Index(("at", "_id"), where={"facts": {"$exists": True}})


class Teller:
    """Turns a domain's facts into the messages of the same name, as bytes that are told as they are."""

    def __init__(self, facts: ModuleType) -> None:
        self._messages: dict[str, type[Message]] = {
            name: getattr(facts, name) for name in facts.DESCRIPTOR.message_types_by_name
        }

    def tell(self, fact: Fact, sequence: int) -> Document:
        """What the journal keeps of a fact; `sequence` is the version of the entity that it tells of."""
        kind = self._messages[type(fact).__name__]
        body = encode(fact, kind).SerializeToString()
        return {"type": kind.DESCRIPTOR.full_name, "subject": fact.name, "sequence": sequence, "body": body}


def entry(
    asked: Asked, at: datetime, saved: Iterable[Entity], facts: list[Document], reply: object, document: Document | None
) -> Document:
    """The record of one command: who, what, when, which entities became which version, what is told, the answer."""
    made: Document = {
        "_id": asked.entry_id,
        "actor": asked.actor,
        "command": asked.command,
        "digest": asked.digest,
        "at": at,
        "entities": [{"name": entity.name, "version": entity.version} for entity in saved],
    }
    if document is not None:
        made["reply"] = {"kind": type(reply).__name__, "document": document}
    if facts:
        made["facts"] = facts
        made["traceparent"] = asked.traceparent
    return made


def first_answer(entry: Document, asked: Asked, collections: Mapping[type[Entity], Collection]) -> Entity | None:
    """What the first of several equal commands was answered; another request under the same id is refused."""
    if bytes(entry["digest"]) != asked.digest:
        raise Invalid.field("request_id", "REQUEST_ID_REUSED", "another request was made under this id")
    if "reply" not in entry:
        return None
    kept = entry["reply"]
    kind = next((kind for kind in collections if kind.__name__ == kept["kind"]), None)
    if kind is None:
        raise LookupError(f"nothing is called {kept['kind']} any more")
    return from_document(kind, dict(kept["document"]))
