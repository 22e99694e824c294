"""Bad values for every kind of field, with the refusal that each must lead to."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from grpc import StatusCode

from tests.contracts.bad_texts import bad_texts
from tests.contracts.calls import Answer
from tests.contracts.contract import Field, Limits
from tests.contracts.error_reasons import Documented
from tests.contracts.requests import BadValue

#: Stands for a field that is not given.
UNSET = object()
REFUSED = frozenset({StatusCode.INVALID_ARGUMENT})
ABSENT = REFUSED | {StatusCode.NOT_FOUND}

IMPOSSIBLE_DAYS = (
    (9999, 12, 31),
    (2026, 2, 31),
    (2026, 13, 1),
    (2026, 0, 1),
    (2026, 0, 0),
    (2026, 7, 0),
    (0, 0, 0),
    (0, 7, 1),
    (-1, 1, 1),
    (1899, 12, 31),
    (2201, 1, 1),
    (2026, 2**31 - 1, -(2**31)),
)
FAR_DAY = (2200, 12, 31)
#: Leaves room in a message of 1 MiB for the other fields of a request.
MAX_BYTES = 1_000_000
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)


@dataclass(frozen=True)
class Bad:
    """A value that a field must refuse: with one of the codes, naming a path at or below `path`.

    `reasons` are those of which the refusal gives one; without any, every documented one will do.
    """

    label: str
    value: object
    path: str = ""
    codes: frozenset[StatusCode] = REFUSED
    reasons: frozenset[str] = frozenset()

    def complaint(self, answer: Answer, documented: dict[str, Documented]) -> str:
        """Return what is wrong with the refusal; empty when nothing is."""
        if answer.code not in self.codes:
            return f"{self.label}: {answer}"
        if answer.code is StatusCode.OK:
            return ""
        if answer.code is StatusCode.INVALID_ARGUMENT:
            named = [path for path, _ in answer.violations]
            below = (self.path.removeprefix(".") + ".", self.path + "[")
            if not named or not all(path == self.path or path.startswith(below) for path in named):
                return f"{self.label}: names {named}, not {self.path}"
        if self.reasons and not answer.reasons & self.reasons:
            return f"{self.label}: {answer}, not {set(self.reasons)}"
        return undocumented(self.label, answer, documented)


def undocumented(label: str, answer: Answer, documented: dict[str, Documented]) -> str:
    """Return what a refusal says that the ErrorReason enums do not document; empty when there is nothing."""
    unknown = answer.reasons - set(documented)
    if unknown or answer.domain != "hatchery":
        return f"{label}: {answer.domain} {sorted(unknown)} is not documented"
    reason = documented[answer.reason]
    if reason.code != answer.code.name or not set(answer.metadata) <= reason.metadata:
        return f"{label}: {answer} with {dict(answer.metadata)} is not what {reason} says"
    if any(documented[each].code for _, each in answer.violations):
        return f"{label}: {answer.violations} give a reason of calls"
    if (answer.retry_seconds is not None) != reason.has_retry_info:
        return f"{label}: retry after {answer.retry_seconds}, but {reason}"
    return ""


def bad_values(field: Field, given: Any, others: tuple[str, ...], own: tuple[BadValue, ...] = ()) -> Iterator[Bad]:
    """Yield what the field must refuse.

    `given` is a valid value of it, `others` are names of other resources, `own` are the service's bad values of the
    field, which take the place of the general bad texts.
    """
    if field.limits.required:
        yield Bad("not given", UNSET, field.path)
    singles = [Bad(f"own {value!r}"[:60], value, reasons=reasons) for value, reasons in own]
    first = given[0] if field.descriptor.is_repeated and given else given
    singles += _single(field, first, others, bool(own))
    if field.descriptor.is_repeated:
        yield from _lists(field, list(given), singles)
    else:
        yield from (replace(bad, path=field.path + bad.path, codes=_codes(field, bad)) for bad in singles)


def _lists(field: Field, given: list[Any], singles: list[Bad]) -> Iterator[Bad]:
    """Yield lists with one bad item, and lists that are too long."""
    for bad in singles:
        codes, last = _codes(field, bad), len(given)
        path = f"{field.path}[0]{bad.path}"
        yield replace(bad, label=f"first {bad.label}", value=[bad.value, *given], path=path, codes=codes)
        path = f"{field.path}[{last}]{bad.path}"
        yield replace(bad, label=f"last {bad.label}", value=[*given, bad.value], path=path, codes=codes)
    if field.descriptor.enum_type:
        yield Bad("0 in a list", [0, *given], f"{field.path}[0]")
    if field.limits.count:
        too_many = frozenset({"TOO_MANY"})
        yield Bad("too many", given[:1] * (field.limits.count[1] + 1), field.path, reasons=too_many)
        yield Bad("as many as a message holds", given[:1] * _fitting(given[0]), field.path, reasons=too_many)


def _fitting(item: object) -> int:
    """Return how many equal items fit into the largest message that a service reads, at most twenty thousand."""
    size = item.ByteSize() if isinstance(item, Message) else len(str(item).encode())
    return min(20_000, MAX_BYTES // (size + 4))


def _codes(field: Field, bad: Bad) -> frozenset[StatusCode]:
    """Return the codes with which a value may be refused.

    A filter by something that does not exist finds nothing, which is an answer as well. A reason of the service may
    stand for a state that it finds before it looks at the value.
    """
    codes = bad.codes
    if bad.codes is ABSENT and field.method.is_list:
        codes |= {StatusCode.OK}
    if len(bad.reasons) > 1:
        codes |= {StatusCode.FAILED_PRECONDITION}
    return codes


def _single(field: Field, given: Any, others: tuple[str, ...], has_own: bool) -> Iterator[Bad]:
    descriptor, limits = field.descriptor, field.limits
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        yield Bad("a hundred thousand bytes", b"\xff" * 100_000)
    elif descriptor.type == FieldDescriptor.TYPE_STRING:
        for text in bad_texts(field, given, others, has_own):
            codes = ABSENT if text.may_be_absent else frozenset({StatusCode.ABORTED}) if text.is_stale else REFUSED
            yield Bad(text.label, text.value, codes=codes, reasons=text.reasons)
    elif descriptor.enum_type:
        yield from _enums(descriptor.enum_type)
    elif descriptor.message_type:
        yield from _messages(descriptor, given)
    elif descriptor.cpp_type in FLOATS:
        yield from _floats(limits)
    elif descriptor.cpp_type in INTEGERS:
        yield from _integers(descriptor, limits)


def _floats(limits: Limits) -> Iterator[Bad]:
    numbers = [math.nan, math.inf, -math.inf, -1.0, -0.01, 1e300, -1e300, 5e-324]
    if limits.has_decimals:
        numbers += [0.001, 1.005, 1234.567, 0.1 + 0.2]
    if limits.range:
        numbers += [limits.range[1] + 0.01, limits.range[1] + 1.0]
    yield from (Bad(str(number), number, reasons=frozenset({"OUT_OF_RANGE"})) for number in numbers)


def _integers(descriptor: FieldDescriptor, limits: Limits) -> Iterator[Bad]:
    smallest, largest = INTEGERS[descriptor.cpp_type]
    low, high = limits.range or (0, largest)
    for number in {low - 1, smallest, high + 1, largest}:
        if smallest <= number <= largest and not low <= number <= high:
            yield Bad(str(number), number, reasons=frozenset({"OUT_OF_RANGE"}))


def _enums(enum: EnumDescriptor) -> Iterator[Bad]:
    known = {value.number for value in enum.values}
    for number in (max(known) + 1, 999, -1, 2**31 - 1):
        yield Bad(f"enum {number}", number, reasons=frozenset({"MALFORMED"}))


def _messages(descriptor: FieldDescriptor, given: Any) -> Iterator[Bad]:
    kind = descriptor.message_type.full_name if descriptor.message_type else ""
    if kind == Date.DESCRIPTOR.full_name:
        for year, month, day in IMPOSSIBLE_DAYS:
            value = Date(year=year, month=month, day=day)
            yield Bad(f"{year}-{month}-{day}", value, reasons=frozenset({"MALFORMED"}))
        year, month, day = FAR_DAY
        yield Bad("far", Date(year=year, month=month, day=day), reasons=frozenset({"DATE_OUT_OF_RANGE"}))
    elif kind == FieldMask.DESCRIPTOR.full_name:
        yield from _masks(list(given.paths))
    elif kind == Timestamp.DESCRIPTOR.full_name:
        for seconds, nanos in ((2**62, 0), (-(2**62), 0), (0, -1), (0, 10**9)):
            yield Bad(f"{seconds} s {nanos} ns", Timestamp(seconds=seconds, nanos=nanos))


def _masks(given: list[str]) -> Iterator[Bad]:
    yield Bad("no paths", FieldMask())
    strange = ["name", "etag", "version", "create_time", "__class__", "displayName", f"x.{given[0]}", f"{given[0]}.x"]
    for path in (*strange, "", "*", "\x00", "x" * 61, "x" * 100_000):
        yield Bad(f"path {path[:20]!r}", FieldMask(paths=[*given, path]), f".paths[{len(given)}]")
    yield Bad("endless paths", FieldMask(paths=["x"] * 20_000), reasons=frozenset({"TOO_MANY"}))


def with_value(request: Message, path: str, value: object) -> Message:
    """Return a copy of the request with another value in one of its fields."""
    changed = type(request)()
    changed.CopyFrom(request)
    *steps, last = path.replace("[0]", "").split(".")
    holder: Any = changed
    for step in steps:
        held = getattr(holder, step)
        holder = held if isinstance(held, Message) else held[0]
    holder.ClearField(last)
    if isinstance(value, Message):
        getattr(holder, last).SetInParent()
        getattr(holder, last).CopyFrom(value)
    elif isinstance(value, list):
        getattr(holder, last).extend(value)
    elif value is not UNSET:
        setattr(holder, last, value)
    return changed


def value_at(request: Message, path: str) -> Any:
    """Return what a request holds at a path."""
    held: Any = request
    for step in path.split("."):
        held = getattr(held, step.removesuffix("[0]"))
        held = held[0] if step.endswith("[0]") else held
    return held
