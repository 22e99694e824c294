"""Values that people write, on a command line or in a profile, as the messages of the contract."""

import difflib
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from libs.cli.trouble import Trouble

M = TypeVar("M", bound=Message)
DATE_FIELDS = ["year", "month", "day"]


def fill(message: M, values: Mapping[str, Any]) -> M:
    """Set a message's fields; Trouble that names the field and what it could have been.

    Beyond protobuf's own JSON: enum values without their prefix, days as 2026-03-31,
    field masks with the names of the proto, one value for a list of one.
    """
    try:
        ParseDict(_message(message.DESCRIPTOR, values, ""), message)
    except ParseError as error:
        raise Trouble(f"{message.DESCRIPTOR.name} cannot be made of these values: {error}") from None
    return message


def spread(pairs: Iterable[str], onto: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """`["space.desks=3", "names=a", "names=b"]` as `{"space": {"desks": "3"}, "names": ["a", "b"]}`.

    They are added to a tree that is there already, and go before what it says.
    """
    tree: dict[str, Any] = deepcopy(dict(onto))
    named: set[str] = set()
    for pair in pairs:
        path, equals, value = pair.partition("=")
        if not equals or not path:
            raise Trouble(f"{pair!r} is neither JSON nor field=value.")
        *above, field = path.split(".")
        at = tree
        for step in above:
            at = at.setdefault(step, {})
            if not isinstance(at, dict):
                raise Trouble(f"{path} sets a part of {step}, which was given as a whole before.")
        at[field] = [*_listed(at[field]), value] if path in named else value
        named.add(path)
    return tree


def near(word: str, known: Iterable[str]) -> str:
    """A sentence that names what was perhaps meant, or all there is."""
    names = list(known)
    by_plain = {plain(name): name for name in names}
    close = [by_plain[match] for match in difflib.get_close_matches(plain(word), by_plain, n=3, cutoff=0.6)]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"There is: {', '.join(names)}." if names else "There is none."


def plain(name: str) -> str:
    """A name without case, underscores and hyphens, for comparing what people type."""
    return name.casefold().replace("_", "").replace("-", "")


def _message(kind: Any, values: Mapping[str, Any], path: str) -> dict[str, Any]:
    fields = kind.fields_by_name
    made: dict[str, Any] = {}
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            where = f" in {path}" if path else ""
            raise Trouble(f"{kind.name} has no field {name!r}{where}. {near(name, fields)}")
        made[name] = _field(field, value, f"{path}.{name}" if path else name)
    return made


def _field(field: FieldDescriptor, value: Any, path: str) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return _parsed(value, path)
    if field.is_repeated:
        values = _parsed(value, path) if isinstance(value, str) and value.startswith("[") else value
        return [_one(field, item, path) for item in _listed(values)]
    return _one(field, value, path)


def _one(field: FieldDescriptor, value: Any, path: str) -> Any:
    if field.message_type is not None:
        return _nested(field.message_type, value, path)
    if field.enum_type is not None and isinstance(value, str):
        return _constant(field.enum_type, value, path)
    if field.type == FieldDescriptor.TYPE_BOOL and isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    return value


def _nested(kind: Descriptor, value: Any, path: str) -> Any:
    if kind.full_name == "google.protobuf.FieldMask":
        paths = value.split(",") if isinstance(value, str) else _listed(value)
        return ",".join(_camel(str(step).strip()) for step in paths)
    if isinstance(value, datetime):
        return value.isoformat()
    if kind.full_name.startswith("google.protobuf."):
        return value
    if list(kind.fields_by_name) == DATE_FIELDS and isinstance(value, date | str):
        return _day(value, path)
    parsed = _parsed(value, path) if isinstance(value, str) else value
    if not isinstance(parsed, Mapping):
        raise Trouble(f"{path} is a {kind.name}: give it as JSON, or its fields as {path}.<field>=<value>.")
    return _message(kind, parsed, path)


def _day(value: date | str, path: str) -> dict[str, int]:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise Trouble(f"{path} is a day like 2026-03-31; {value!r} is none.") from None
    return {"year": day.year, "month": day.month, "day": day.day}


def _constant(kind: EnumDescriptor, value: str, path: str) -> str:
    if value in kind.values_by_name:
        return value
    meant = [name for name in kind.values_by_name if name.endswith(f"_{value.upper()}")]
    exact = [name for name in meant if len(name) == min(map(len, meant))]
    if len(exact) != 1:
        raise Trouble(f"{path} has no value {value!r}. {near(value, kind.values_by_name)}")
    return exact[0]


def _parsed(value: Any, path: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise Trouble(f"{path} takes JSON; {value!r} is none.") from None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _camel(path: str) -> str:
    first, *rest = path.split("_")
    return first + "".join(word.capitalize() for word in rest)
