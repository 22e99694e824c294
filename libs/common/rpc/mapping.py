"""The one mapping between messages and models. Fields of the same name correspond; each pair is compiled once."""

from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from pydantic import ValidationError

from libs.common.domain.entity import Page, Value
from libs.common.domain.errors import Invalid, Unreadable

V = TypeVar("V", bound=Value)
M = TypeVar("M", bound=Message)
Read = Callable[[Message], dict[str, Any]]
Convert = Callable[[Any], Any]

#: Years that a day may have; others are most likely mistyped.
YEARS = range(1900, 2201)
#: Well-known types that have a Python value, or plain fields of their own. Any other google.* message is refused.
_KNOWN_MESSAGES = frozenset(kind.DESCRIPTOR.full_name for kind in (Timestamp, Date, FieldMask))
_EPOCH = datetime.fromtimestamp(0, UTC)
_readers: dict[str, Read] = {}
_writers: dict[tuple[type, str], Convert] = {}


def decode(message: Message, kind: type[V]) -> V:
    """Convert a message to a model. Invalid with the path of every wrong field.

    A field without presence counts as not given while it is empty or zero, except for numbers and
    booleans. A field with presence (`optional`, oneof, message) is given when it is set.
    """
    try:
        return kind.model_validate(_reader(message.DESCRIPTOR)(message))
    except ValidationError as error:
        raise Invalid.of(error) from None


def encode(value: Value, kind: type[M]) -> M:
    """Convert a model to a message. TypeError when the model lacks a field of the message."""
    key = (type(value), kind.DESCRIPTOR.full_name)
    write = _writers.get(key)
    if write is None:
        write = _writers[key] = _compile_writer(type(value), kind)
    return cast("M", write(value))


def encode_page(page: Page[Any] | Iterable[Value], kind: type[M]) -> M:
    """Convert a page, or several values, to a message whose one repeated field takes the items."""
    field: Any = next(field for field in kind.DESCRIPTOR.fields if field.is_repeated)
    item = GetMessageClass(field.message_type)
    fields: dict[str, Any] = {field.name: [encode(value, item) for value in page]}
    if isinstance(page, Page):
        fields["next_page_token"] = page.next_page_token
    return kind(**fields)


def ensure_supported(descriptor: Any, seen: frozenset[str] = frozenset()) -> None:
    """Raise TypeError for a message with a field that the mapping cannot carry. Called for every method at start."""
    if descriptor.full_name in seen:
        return
    for field in descriptor.fields:
        kind = field.message_type
        if field.type == FieldDescriptor.TYPE_GROUP:
            raise TypeError(f"{field.full_name}: groups are not supported")
        if kind is None or kind.full_name in _KNOWN_MESSAGES:
            continue
        if kind.full_name.startswith("google."):
            raise TypeError(f"{field.full_name}: {kind.full_name} is not supported")
        ensure_supported(kind, seen | {descriptor.full_name})


# --- reading ---------------------------------------------------------------------------------


def _reader(descriptor: Any) -> Read:
    read = _readers.get(descriptor.full_name)
    if read is None:
        ensure_supported(descriptor)
        read = _readers[descriptor.full_name] = _compile_reader(descriptor)
    return read


def _compile_reader(descriptor: Descriptor) -> Read:
    single = [field for field in descriptor.fields if not field.is_repeated]
    numbers = [field.name for field in single if not field.has_presence and _is_number(field)]
    texts = [field.name for field in single if not field.has_presence and _is_text(field)]
    enums = [(field.name, _from_message(field)) for field in single if not field.has_presence and field.enum_type]
    present = [(field.name, _from_message(field)) for field in single if field.has_presence]
    lists = [(field.name, _from_repeated(field)) for field in descriptor.fields if field.is_repeated]

    def read(message: Message) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(message, name) for name in numbers}
        for name in texts:
            if text := getattr(message, name):
                values[name] = text
        for name, convert in enums:
            if number := getattr(message, name):
                values[name] = convert(number)
        for name, convert in present:
            if message.HasField(name):
                values[name] = convert(getattr(message, name))
        for name, convert in lists:
            if items := getattr(message, name):
                values[name] = convert(items)
        return values

    return read


def _from_repeated(field: Any) -> Convert:
    if _is_map(field):
        convert = _from_message(field.message_type.fields_by_name["value"])
        return lambda items: {key: convert(items[key]) for key in items}
    convert_item = _from_message(field)
    return lambda items: [convert_item(item) for item in items]


def _from_message(field: Any) -> Convert:
    if field.enum_type:
        names = _enum_names(field.enum_type)
        return lambda number: names.get(number, number)
    if not field.message_type:
        return lambda item: item
    kind = field.message_type.full_name
    if kind == Timestamp.DESCRIPTOR.full_name:
        return _read_timestamp
    if kind == Date.DESCRIPTOR.full_name:
        return _read_date
    descriptor = field.message_type

    def read(message: Message) -> dict[str, Any]:
        return _reader(descriptor)(message)  # looked up late, because a message may contain its own type

    return read


def _read_timestamp(stamp: Timestamp) -> datetime | Unreadable:
    try:
        instant = stamp.ToDatetime(UTC)
    except ValueError as error:
        return Unreadable(error)
    # Documents keep milliseconds; a reply must not show more than a later read.
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _read_date(day: Date) -> date | Unreadable:
    text = f"{day.year:04}-{day.month:02}-{day.day:02}"
    if day.year not in YEARS:
        return Unreadable(f"{text} is not a day between {YEARS.start} and {YEARS.stop - 1}")
    try:
        return date(day.year, day.month, day.day)
    except (ValueError, OverflowError):
        if 1 <= day.month <= 12:
            last = monthrange(day.year, day.month)[1]
            return Unreadable(f"{text} is not a day of the calendar: {text[:7]} has {last} days")
        return Unreadable(f"{text} is not a day of the calendar: a year has the months 1 to 12")


def _is_text(field: FieldDescriptor) -> bool:
    return field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}


def _is_number(field: FieldDescriptor) -> bool:
    return not (field.message_type or field.enum_type or _is_text(field))


def _is_map(field: Any) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _enum_names(enum: EnumDescriptor) -> dict[int, str]:
    """Return each number's name as the domain spells it, without the enum's name as a prefix."""
    prefix = "".join("_" + letter if letter.isupper() else letter for letter in enum.name).strip("_").upper() + "_"
    return {value.number: value.name.removeprefix(prefix) for value in enum.values}


# --- writing ---------------------------------------------------------------------------------


def _compile_writer(source: type[Value], kind: type[Message]) -> Convert:
    ensure_supported(kind.DESCRIPTOR)
    steps: list[tuple[str, Convert]] = []
    for field in kind.DESCRIPTOR.fields:
        if field.name not in source.model_fields and not hasattr(source, field.name):
            raise TypeError(f"{source.__name__} has no field for {kind.DESCRIPTOR.full_name}.{field.name}")
        steps.append((field.name, _to_repeated(field) if field.is_repeated else _to_message(field)))

    def write(value: Value) -> Message:
        fields = {}
        for name, convert in steps:
            if (held := getattr(value, name)) is not None:
                fields[name] = convert(held)
        return kind(**fields)

    return write


def _to_repeated(field: Any) -> Convert:
    if _is_map(field):
        convert = _to_message(field.message_type.fields_by_name["value"])
        return lambda items: {key: convert(item) for key, item in items.items()}
    convert_item = _to_message(field)
    return lambda items: [convert_item(item) for item in items]


def _to_message(field: Any) -> Convert:
    if field.enum_type:
        numbers = {name: number for number, name in _enum_names(field.enum_type).items()}
        return lambda member: numbers[member]
    if field.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return float  # a Decimal of few places becomes the nearest double, which reads back as the same Decimal
    if not field.message_type:
        return lambda held: held
    if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        return _write_timestamp
    if field.message_type.full_name == Date.DESCRIPTOR.full_name:
        return lambda day: Date(year=day.year, month=day.month, day=day.day)
    kind = GetMessageClass(field.message_type)
    return lambda part: encode(part, kind)


def _write_timestamp(instant: datetime) -> Timestamp:
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)
