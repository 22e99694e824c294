"""Every fact of the contract, an example of each, and the bytes of earlier days that must stay readable.

`python -m tests.contracts.facts` stores an example of every fact that has none yet; what is stored is never changed.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.common.values import Fact
from tests.contracts.contract import HOMES, comments, stubs

STORED = Path(__file__).parent / "stored"


def messages() -> dict[str, type[Message]]:
    """The message of every fact, by its full name."""
    facts = (stubs(home, "facts_pb2") for home in HOMES)
    kinds = [getattr(told, name) for told in facts for name in told.DESCRIPTOR.message_types_by_name]
    return {kind.DESCRIPTOR.full_name: kind for kind in kinds}


def domain(home: str) -> ModuleType:
    """The domain of a service."""
    return importlib.import_module(f"services.{home}.domain")


def domain_facts() -> dict[str, type[Fact]]:
    """What the domains call facts, by the full name that the message of each must have."""
    return {
        f"hatchery.{home}.v1.{name}": kind
        for home in HOMES
        for name, kind in vars(domain(home)).items()
        if isinstance(kind, type) and issubclass(kind, Fact)
    }


def example(kind: type[Message]) -> Message:
    """A message with every field given, each in the form that its comment states."""
    made = kind()
    for field in kind.DESCRIPTOR.fields:
        value = _value(field)
        if isinstance(value, Message):
            getattr(made, field.name).CopyFrom(value)
        elif field.is_repeated:
            getattr(made, field.name).extend([value])
        else:
            setattr(made, field.name, value)
    return made


def _value(field: Any) -> Any:
    if field.message_type and field.message_type.full_name == Date.DESCRIPTOR.full_name:
        return Date(year=2026, month=field.number, day=28)
    if field.enum_type:
        return field.enum_type.values[-1].number
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(field)
    if field.cpp_type in {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64}:
        return 1000 + field.number
    raise TypeError(f"say in {__name__} what an example of {field.full_name} is")


def _text(field: Any) -> str:
    """A name of the form that the comment gives, a credit code (a sound one), or words for people."""
    form = re.search(r"`([a-z]+/\{[^`]+)`", comments()[field.full_name])
    if form:
        return re.sub(r"\{(\w+)\}", lambda found: "220203" if found[1] == "code" else f"0example{found[1]}", form[1])
    if field.name == "credit_code":
        return "91220203MA0Y1X2KXH"
    return "new-materials" if field.name in {"technology_field", "industry_chain"} else f"江城 {field.name}"


def told(message: Message) -> dict[str, Any]:
    """What a message says; a field that is not given is not said, so that one which is new does not count."""
    return MessageToDict(message, preserving_proto_field_name=True)


def stored() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """The bytes that are stored of facts, by their full names, with what they said when they were stored."""
    return {
        path.stem: (path.read_bytes(), json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        for path in STORED.glob("*.binpb")
    }


def store_missing() -> list[str]:
    """Store an example of every fact of which nothing is stored; gives their names."""
    missing = sorted(set(messages()) - set(stored()))
    for name in missing:
        message = example(messages()[name])
        said = json.dumps(told(message), ensure_ascii=False, indent=2)
        with (STORED / f"{name}.binpb").open("xb") as file:
            file.write(message.SerializeToString(deterministic=True))
        with (STORED / f"{name}.json").open("x", encoding="utf-8") as text:
            text.write(said + "\n")
    return missing


if __name__ == "__main__":
    sys.stdout.writelines(f"stored {name}\n" for name in store_missing())
