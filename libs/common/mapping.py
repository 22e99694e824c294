"""The one mapping between messages and models: fields of the same name carry the same thing, compiled once per pair."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import ValidationError

from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.common.errors import Invalid
from libs.common.values import Value

V = TypeVar("V", bound=Value)
M = TypeVar("M", bound=Message)
Read = Callable[[Message], dict[str, Any]]
Convert = Callable[[Any], Any]

EPOCH = datetime.fromtimestamp(0, UTC)
_readers: dict[str, Read] = {}
_writers: dict[tuple[type, str], Convert] = {}


def decode(message: Message, kind: type[V]) -> V:
    """The message as a value of this kind; Invalid with the path of every field that is wrong.

    An empty text, an unset message and an unspecified enum count as not given.
    """
    try:
        return kind.model_validate(_reader(message.DESCRIPTOR)(message))
    except ValidationError as error:
        raise Invalid.of(error) from None


def encode(value: Value, kind: type[M]) -> M:
    """The value as a message of this kind; a field of the message that the value lacks is a TypeError."""
    key = (type(value), kind.DESCRIPTOR.full_name)
    write = _writers.get(key)
    if write is None:
        write = _writers[key] = _writer(type(value), kind)
    return cast("M", write(value))


# --- reading ---------------------------------------------------------------------------------


def _reader(descriptor: Any) -> Read:
    read = _readers.get(descriptor.full_name)
    if read is None:
        read = _readers[descriptor.full_name] = _compile_reader(descriptor)
    return read


def _compile_reader(descriptor: Descriptor) -> Read:
    plain = [field.name for field in descriptor.fields if not field.is_repeated and _is_number(field)]
    texts = [field.name for field in descriptor.fields if not field.is_repeated and _is_text(field)]
    lists = [(f.name, _from_message(f)) for f in descriptor.fields if f.is_repeated]
    enums = [(f.name, _enum_names(f.enum_type)) for f in descriptor.fields if f.enum_type and not f.is_repeated]
    parts = [(f.name, _from_message(f)) for f in descriptor.fields if f.message_type and not f.is_repeated]

    def read(message: Message) -> dict[str, Any]:
        found: dict[str, Any] = {name: getattr(message, name) for name in plain}
        for name in texts:
            if text := getattr(message, name):
                found[name] = text
        for name, names in enums:
            if number := getattr(message, name):
                found[name] = names.get(number, number)
        for name, convert in parts:
            if message.HasField(name):
                found[name] = convert(getattr(message, name))
        for name, convert in lists:
            if items := getattr(message, name):
                found[name] = [convert(item) for item in items]
        return found

    return read


def _from_message(field: FieldDescriptor) -> Convert:
    if field.enum_type:
        names = _enum_names(field.enum_type)
        return lambda number: names.get(number, number)
    if not field.message_type:
        return lambda item: item
    kind = field.message_type.full_name
    if kind == Timestamp.DESCRIPTOR.full_name:
        return _instant
    if kind == Date.DESCRIPTOR.full_name:
        return _day
    descriptor = field.message_type

    def read(message: Message) -> dict[str, Any]:
        return _reader(descriptor)(message)  # looked up late, for a message may hold its own kind

    return read


def _instant(stamp: Timestamp) -> datetime | str:
    try:
        return stamp.ToDatetime(UTC)
    except ValueError as error:
        return str(error)  # no datetime, which the model will say with the field's path


def _day(day: Date) -> date | str:
    try:
        if 1900 <= day.year <= 2200:
            return date(day.year, day.month, day.day)
    except ValueError:
        pass
    return f"{day.year}-{day.month}-{day.day} is not a day"


def _is_text(field: FieldDescriptor) -> bool:
    return field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}


def _is_number(field: FieldDescriptor) -> bool:
    return not (field.message_type or field.enum_type or _is_text(field))


def _enum_names(enum: EnumDescriptor) -> dict[int, str]:
    """Each number with its name as the domain spells it: without the enum's name before it."""
    prefix = "".join("_" + letter if letter.isupper() else letter for letter in enum.name).strip("_").upper() + "_"
    return {value.number: value.name.removeprefix(prefix) for value in enum.values}


# --- writing ---------------------------------------------------------------------------------


def _writer(source: type[Value], kind: type[Message]) -> Convert:
    steps: list[tuple[str, Convert]] = []
    for field in kind.DESCRIPTOR.fields:
        if field.name not in source.model_fields and not hasattr(source, field.name):
            raise TypeError(f"{source.__name__} has nothing for {kind.DESCRIPTOR.full_name}.{field.name}")
        convert = _to_message(field)
        steps.append((field.name, _each(convert) if field.is_repeated else convert))

    def write(value: Value) -> Message:
        filled = {}
        for name, convert in steps:
            if (held := getattr(value, name)) is not None:
                filled[name] = convert(held)
        return kind(**filled)

    return write


def _each(convert: Convert) -> Convert:
    return lambda items: [convert(item) for item in items]


def _to_message(field: Any) -> Convert:
    if field.enum_type:
        numbers = {name: number for number, name in _enum_names(field.enum_type).items()}
        return lambda member: numbers[cast("StrEnum", member)]
    if not field.message_type:
        return lambda held: held
    if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        return _stamp
    if field.message_type.full_name == Date.DESCRIPTOR.full_name:
        return lambda day: Date(year=day.year, month=day.month, day=day.day)
    kind = GetMessageClass(field.message_type)
    return lambda part: encode(part, kind)


def _stamp(instant: datetime) -> Timestamp:
    since = instant - EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)
