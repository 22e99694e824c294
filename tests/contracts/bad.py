"""Bad values for every kind of field, with what each of them must be refused for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from libs.api.hatchery.common.v1.date_pb2 import Date
from tests.contracts.contract import Field, Limits
from tests.contracts.town import Answer

#: Stands for a field that is not given.
UNSET = object()
REFUSED = frozenset({StatusCode.INVALID_ARGUMENT})
ABSENT = REFUSED | {StatusCode.NOT_FOUND}
STALE = frozenset({StatusCode.ABORTED})

#: Signs that nobody sees, or that turn the reading direction; a terminal, a log or an eye may fall for them.
CONTROLS = ("\x00", "\x1b", "\x7f", "\u200b", "\u202e", "\u061c")
#: The а is Cyrillic; in the second, so is the Р, with a mark that would hide the change of alphabet.
MIXED = ("Pаypal", "Р\u0336aypal")
#: Becomes two characters in the normal form in which texts are kept.
GROWS = "\u0958"
JUNK = ("No such!", "é", "a b c", "<script>", "' or 1=1 --", "{$ne: 1}", "../../x", "\n", "٣٤", "名")
IMPOSSIBLE = (
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
FAR = (2200, 12, 31)
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)


@dataclass(frozen=True)
class Bad:
    """A value that must not be taken, and how it may be refused: with which codes, naming a path within `path`."""

    label: str
    value: object
    path: str
    codes: frozenset[StatusCode] = REFUSED

    def complaint(self, answer: Answer, documented: frozenset[str]) -> str:
        """What is wrong with the refusal; nothing when all is as it must be."""
        if answer.code not in self.codes:
            return f"{self.label}: {answer}"
        if answer.code is StatusCode.OK:
            return ""
        within = (self.path, self.path + ".", self.path + "[")
        if answer.code is StatusCode.INVALID_ARGUMENT:
            named = [path for path, _ in answer.violations]
            if not named or not all(path == self.path or path.startswith(within[1:]) for path in named):
                return f"{self.label}: names {named}, not {self.path}"
        if not answer.reasons <= documented or answer.domain != "hatchery":
            return f"{self.label}: {answer.domain} {sorted(answer.reasons - documented)} in no document"
        return ""


def bad_values(field: Field, given: Any, others: tuple[str, ...]) -> Iterator[Bad]:
    """What the field must not take. `given` is a valid value of it, `others` are names of other things."""
    descriptor, limits, path = field.descriptor, field.limits, field.path
    if limits.required:
        yield Bad("not given", UNSET, path)
    if descriptor.is_repeated:
        yield from _lists(field, list(given), others)
    else:
        for bad in _single(descriptor, limits, given, others):
            yield Bad(bad.label, bad.value, path + bad.path, _codes(field, bad))


def _lists(field: Field, given: list[Any], others: tuple[str, ...]) -> Iterator[Bad]:
    """A list with one bad item in it, and a list that is too long."""
    for bad in _single(field.descriptor, field.limits, given[0], others):
        codes = _codes(field, bad)
        yield Bad(f"first {bad.label}", [bad.value, *given], f"{field.path}[0]{bad.path}", codes)
        yield Bad(f"last {bad.label}", [*given, bad.value], f"{field.path}[{len(given)}]{bad.path}", codes)
    if field.descriptor.enum_type:
        yield Bad("0 in a list", [0, *given], f"{field.path}[0]")
    if field.limits.count:
        yield Bad("too many", given[:1] * (field.limits.count[1] + 1), field.path)
        yield Bad("twenty thousand", given[:1] * 20_000, field.path)


def _codes(field: Field, bad: Bad) -> frozenset[StatusCode]:
    """A filter by something that does not exist finds nothing, which is an answer as well."""
    found = bad.codes is ABSENT and field.method.pages
    return bad.codes | {StatusCode.OK} if found else bad.codes


def _single(field: FieldDescriptor, limits: Limits, given: Any, others: tuple[str, ...]) -> Iterator[Bad]:
    if field.type == FieldDescriptor.TYPE_BYTES:
        yield Bad("a hundred thousand bytes", b"\xff" * 100_000, "")
    elif field.type == FieldDescriptor.TYPE_STRING:
        yield from _texts(field, limits, given, others)
    elif field.enum_type:
        yield from _enums(field.enum_type)
    elif field.message_type:
        yield from _messages(field, given)
    elif field.cpp_type in FLOATS:
        yield from (Bad(str(number), number, "") for number in (math.nan, math.inf, -math.inf, -1.0, 1e300))
    elif field.cpp_type in INTEGERS:
        yield from _integers(field, limits)


def _integers(field: FieldDescriptor, limits: Limits) -> Iterator[Bad]:
    least, most = INTEGERS[field.cpp_type]
    low, high = limits.range or (0, most)
    for number in {low - 1, least, high + 1, most}:
        if least <= number <= most and not low <= number <= high:
            yield Bad(str(number), number, "")


def _enums(enum: EnumDescriptor) -> Iterator[Bad]:
    known = {value.number for value in enum.values}
    for number in (max(known) + 1, 999, -1, 2**31 - 1):
        yield Bad(f"enum {number}", number, "")


def _messages(field: FieldDescriptor, given: Any) -> Iterator[Bad]:
    kind = field.message_type.full_name if field.message_type else ""
    if kind == Date.DESCRIPTOR.full_name:
        for year, month, day in (*IMPOSSIBLE, FAR):
            yield Bad(f"{year}-{month}-{day}", Date(year=year, month=month, day=day), "")
    elif kind == FieldMask.DESCRIPTOR.full_name:
        yield from _masks(list(given.paths))
    elif kind == Timestamp.DESCRIPTOR.full_name:
        for seconds, nanos in ((2**62, 0), (-(2**62), 0), (0, -1), (0, 10**9)):
            yield Bad(f"{seconds} s {nanos} ns", Timestamp(seconds=seconds, nanos=nanos), "")


def _masks(given: list[str]) -> Iterator[Bad]:
    yield Bad("no paths", FieldMask(), "")
    strange = ["name", "etag", "version", "create_time", "__class__", "displayName", f"x.{given[0]}", f"{given[0]}.x"]
    for path in (*strange, "", "*", "\x00", "x" * 61, "x" * 100_000):
        yield Bad(f"path {path[:20]!r}", FieldMask(paths=[*given, path]), f".paths[{len(given)}]")
    yield Bad("endless paths", FieldMask(paths=["x"] * 20_000), "")


def _texts(field: FieldDescriptor, limits: Limits, given: str, others: tuple[str, ...]) -> Iterator[Bad]:
    """Any text may be too long or deceive; a name or a code must also have its form."""
    for length in ((limits.characters or 0) + 1, 100_000):
        yield Bad(f"{length} characters", (given or "x").ljust(length, (given or "x")[-1]), "")
        yield Bad(f"{length} with spaces behind", (given or "x").ljust(length), "")
    yield Bad("grows beyond its length", GROWS * (limits.characters or 0), "")
    for sign in CONTROLS:
        half = len(given) // 2
        yield Bad(f"{sign!r} within", given[:half] + sign + given[half:], "")
    for text in MIXED:
        yield Bad(f"mixed alphabets {text!r}", text, "")
    if limits.required:
        yield Bad("blank", "   ", "")
    if not given.isascii():
        return  # a text for people: whatever else can be read is fine
    for text in JUNK:
        yield Bad(f"junk {text!r}", text, "")
    if "/" in given:
        yield from _names(field, given, others)
    if field.name == "etag":
        yield Bad("stale", "v987654321", "", STALE)


def _names(field: FieldDescriptor, given: str, others: tuple[str, ...]) -> Iterator[Bad]:
    """Names of other things, names of nothing, and what is nearly a name."""
    collection, _, rest = given.partition("/")
    for other in others:
        if shape(other) != shape(given):
            yield Bad(f"of another kind {other}", other, "")
    ends = (given + "/", given + "/x", given + "\n", given + " ", " " + given, "//" + given, given.upper())
    starts = (collection, f"{collection}/", f"{collection}//{rest}", f"{collection}/../{rest}", f"{collection}/*", rest)
    for text in (*ends, *starts, "/", "*", "-", given.replace("/", "%2F")):
        yield Bad(f"nearly {text!r}", text, "")
    if field.name != "parent":
        yield Bad("a wildcard", f"{collection}/-", "", ABSENT)
    under = given.rpartition("/")[0]
    nothing = "999999" if collection == "districts" else "nothing"
    yield Bad("of nothing", f"{under}/{nothing}", "", ABSENT)


def shape(name: str) -> tuple[str, ...]:
    """The collections that a name goes through."""
    return tuple(name.split("/")[::2])


def planted(request: Message, path: str, value: object) -> Message:
    """The request with another value in one of its fields."""
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


def found(request: Message, path: str) -> Any:
    """What a request holds at a path."""
    held: Any = request
    for step in path.split("."):
        held = getattr(held, step.removesuffix("[0]"))
        held = held[0] if step.endswith("[0]") else held
    return held
