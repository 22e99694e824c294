"""Examples of every fact, document and journal entry, as each release stored them.

`python -m tests.contracts.stored_examples` stores what is missing for the version in pyproject.toml, and never changes
what is stored. Before the first tag of a version, delete its folder to store it anew; afterwards, raise the version.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from bson import json_util
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.type.date_pb2 import Date

from libs.common.domain.entity import Entity
from libs.common.rpc.context import CallContext
from libs.common.store import journal
from libs.common.store.schema import EntitySchema
from libs.common.store.store import Store
from libs.common.store.transaction import Document
from tests.contracts.contract import ROOT, SERVICES, comments, protos_of, stubs
from tests.contracts.requests import service_contract

STORED = Path(__file__).parent / "stored"
AT = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
CONTEXT = CallContext("tester", "hatchery.spaces.v1.SpaceService.CreateSpace", "request-1", b"\x01" * 16, 0.0)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_EXTENDED_JSON = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)


# --- what there is today ----------------------------------------------------------------------


def fact_messages(service: str) -> list[type[Message]]:
    """Return the messages of the service's facts."""
    modules = [stubs(file) for file in protos_of(service) if file.name.endswith("/facts.proto")]
    return [getattr(module, name) for module in modules for name in module.DESCRIPTOR.message_types_by_name]


@dataclass(frozen=True)
class Stored:
    """An entity's schema, and the service whose documents it describes."""

    service: str
    schema: EntitySchema

    def __str__(self) -> str:
        """Name it in a test's id and as a file."""
        return f"{self.service}.{self.schema.kind.__name__}"

    def example(self) -> Entity:
        """Return the service's example of the entity."""
        entities = service_contract(self.service).entities
        return next(entity for entity in entities if type(entity) is self.schema.kind)


def schemas() -> list[Stored]:
    """Return the schema of every entity that is stored."""
    return [Stored(service, schema) for service in SERVICES for schema in _store(service).schemas]


def _store(service: str) -> type[Store]:
    module = import_module(f"services.{service}.store")
    return next(kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__)


# --- examples ---------------------------------------------------------------------------------


def example_fact(service: str, kind: type[Message]) -> Message:
    """Return a message with every field set, each in the form that its comment states."""
    message = kind()
    for field in kind.DESCRIPTOR.fields:
        value = _value(service, field)
        if field.is_repeated:
            getattr(message, field.name).extend([value])
        elif isinstance(value, Message):
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def _value(service: str, field: Any) -> Any:
    own = service_contract(service).fact_values
    if field.name in own and not (field.enum_type and isinstance(own[field.name], str)):  # a code in another fact
        return own[field.name]
    if field.message_type and field.message_type.full_name == Date.DESCRIPTOR.full_name:
        return Date(year=2026, month=field.number, day=28)
    if field.enum_type:
        return field.enum_type.values[-1].number
    if field.cpp_type in {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64}:
        return 1000 + field.number
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return 1000.25 + field.number
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(field)
    raise TypeError(f"give an example of {field.full_name} in fact_values of tests/{service}/contract.py")


def _text(field: Any) -> str:
    """Return a name of the form that the comment states, else words for people."""
    form = re.search(r"`([a-z]+/\{[^`]+)`", comments()[field.full_name])
    if form is None:
        return f"江城 {field.name}"
    return re.sub(r"\{(\w+)\}", lambda found: "220203" if found[1] == "code" else f"0example{found[1]}", form[1])


def example_entry(stored: Stored) -> Document:
    """Return the journal entry of a command that saved the example, replied with it and published a fact."""
    entity, schema = stored.example(), stored.schema
    kind = fact_messages(stored.service)[0]
    body = example_fact(stored.service, kind).SerializeToString(deterministic=True)
    fact = {"type": kind.DESCRIPTOR.full_name, "subject": entity.name, "sequence": entity.version, "body": body}
    reply = journal.reply_of(entity, schema.to_document(entity), schema)
    entry = journal.new_entry(CONTEXT, AT, [entity], [entity], [fact], reply)
    return entry | {"traceparent": TRACEPARENT}


def fact_as_json(message: Message) -> dict[str, Any]:
    """Return what a message says. Fields that are not set are left out, so that a new one does not count."""
    return MessageToDict(message, preserving_proto_field_name=True)


# --- what is stored ---------------------------------------------------------------------------


def releases() -> list[Path]:
    """Return the folder of each release, in order."""
    folders = [path for path in STORED.iterdir() if path.is_dir()]
    return sorted(folders, key=lambda folder: [int(number) for number in folder.name.split(".")])


def stored_facts() -> dict[tuple[str, str], tuple[bytes, dict[str, Any]]]:
    """Return the bytes of facts, and what they said, by release and full name."""
    return {
        (folder.name, path.stem): (path.read_bytes(), json.loads(path.with_suffix(".json").read_text("utf-8")))
        for folder in releases()
        for path in sorted((folder / "facts").glob("*.binpb"))
    }


def stored_documents(kind: str) -> dict[tuple[str, str], Document]:
    """Return the `documents` or `journal` entries, by release and name."""
    return {
        (folder.name, path.stem): json_util.loads(path.read_text("utf-8"), json_options=_EXTENDED_JSON)
        for folder in releases()
        for path in sorted((folder / kind).glob("*.json"))
    }


def store_missing() -> Iterator[str]:
    """Store an example of everything that has none in the current version; yield what was stored."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for path, content in _examples():
        target = STORED / version / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            yield f"{version}/{path}"


def _examples() -> Iterator[tuple[str, bytes]]:
    for service in SERVICES:
        for kind in fact_messages(service):
            message, name = example_fact(service, kind), kind.DESCRIPTOR.full_name
            yield f"facts/{name}.binpb", message.SerializeToString(deterministic=True)
            yield f"facts/{name}.json", _text_of(json.dumps(fact_as_json(message), ensure_ascii=False, indent=2))
    for stored in schemas():
        document = stored.schema.to_document(stored.example())
        for folder, content in (("documents", document), ("journal", example_entry(stored))):
            text = json_util.dumps(content, json_options=_EXTENDED_JSON, ensure_ascii=False, indent=2)
            yield f"{folder}/{stored}.json", _text_of(text)


def _text_of(text: str) -> bytes:
    return f"{text}\n".encode()


if __name__ == "__main__":
    sys.stdout.writelines(f"stored {name}\n" for name in store_missing())
