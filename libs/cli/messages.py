"""Values that people write, on a command line or in a profile, as messages of the contract."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from libs.cli.dates import Today, calendar_error, parse_day, parse_instant
from libs.cli.errors import CliError
from libs.cli.suggestions import suggest

M = TypeVar("M", bound=Message)
DATE_FIELDS = ["year", "month", "day"]


def fill(message: M, values: Mapping[str, Any], today: Today | None = None) -> M:
    """Set a message's fields. CliError names the field that does not fit and suggests what was meant.

    Beyond protobuf's own JSON this takes enum values without their prefix, days as 2026-03-31, field masks with the
    names of the proto, one value for a list of one, and, when `today` is given, days and instants relative to it.
    """
    try:
        ParseDict(_Converter(today).message(message.DESCRIPTOR, values, ""), message)
    except ParseError as error:
        raise CliError(f"{message.DESCRIPTOR.name} does not accept these values: {error}") from None
    return message


class _Converter:
    """Converts values to protobuf's JSON, guided by the descriptors of the fields."""

    def __init__(self, today: Today | None) -> None:
        self._today = today

    def message(self, kind: Any, values: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the fields of a message; `path` is its place in the request."""
        fields = kind.fields_by_name
        converted: dict[str, Any] = {}
        for name, value in values.items():
            field = fields.get(name)
            if field is None:
                where = f" in {path}" if path else ""
                raise CliError(f"{kind.name} has no field {name!r}{where}. {suggest(name, fields)}")
            converted[name] = self._field(field, value, f"{path}.{name}" if path else name)
        return converted

    def _field(self, field: FieldDescriptor, value: Any, path: str) -> Any:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return _parsed(value, path)
        if field.is_repeated:
            values = _parsed(value, path) if isinstance(value, str) and value.startswith("[") else value
            return [self._single(field, item, path) for item in _as_list(values)]
        return self._single(field, value, path)

    def _single(self, field: FieldDescriptor, value: Any, path: str) -> Any:
        if field.message_type is not None:
            return self._nested(field.message_type, value, path)
        if field.enum_type is not None and isinstance(value, str):
            return _constant(field.enum_type, value, path)
        if field.type == FieldDescriptor.TYPE_BOOL and isinstance(value, str) and value in {"true", "false"}:
            return value == "true"
        return value

    def _nested(self, kind: Descriptor, value: Any, path: str) -> Any:
        if kind.full_name == "google.protobuf.FieldMask":
            paths = value.split(",") if isinstance(value, str) else _as_list(value)
            return ",".join(_camel(str(step).strip()) for step in paths)
        if isinstance(value, datetime):
            return value.isoformat()
        if kind.full_name == "google.protobuf.Timestamp" and isinstance(value, str):
            return parse_instant(value, path, self._today)
        if kind.full_name.startswith("google.protobuf."):
            return value
        if list(kind.fields_by_name) == DATE_FIELDS and isinstance(value, date | str):
            day = parse_day(value, path, self._today) if isinstance(value, str) and value[:1] != "{" else value
            if isinstance(day, date):
                return {"year": day.year, "month": day.month, "day": day.day}
        parsed = _parsed(value, path) if isinstance(value, str) else value
        if not isinstance(parsed, Mapping):
            raise CliError(f"{path} is a {kind.name}: give it as JSON, or its fields as {path}.<field>=<value>.")
        if list(kind.fields_by_name) == DATE_FIELDS:
            _ensure_exists(parsed, path)
        return self.message(kind, parsed, path)


def _ensure_exists(day: Mapping[str, Any], path: str) -> None:
    """Refuse a day that is given by its three fields and is not in the calendar."""
    try:
        year, month, number = (int(day[field]) for field in DATE_FIELDS)
    except (KeyError, TypeError, ValueError):
        return  # a field is missing or not a number, which is reported elsewhere
    if wrong := calendar_error(f"{year:04}-{month:02}-{number:02}"):
        raise CliError(f"{path}: {wrong}.")


def _constant(kind: EnumDescriptor, value: str, path: str) -> str:
    """Return the enum value that a word means: its whole name, or the end of it in any case."""
    if value in kind.values_by_name:
        return value
    matches = [name for name in kind.values_by_name if name.endswith(f"_{value.upper()}")]
    shortest = [name for name in matches if len(name) == min(map(len, matches))]
    if len(shortest) != 1:
        raise CliError(f"{path} has no value {value!r}. {suggest(value, kind.values_by_name)}")
    return shortest[0]


def _parsed(value: Any, path: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise CliError(f"{path} takes JSON; {value!r} is not JSON.") from None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _camel(path: str) -> str:
    first, *rest = path.split("_")
    return first + "".join(word.capitalize() for word in rest)
