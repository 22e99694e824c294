"""The mapping between messages and models: presence, oneof, maps, nesting, days, and what it refuses."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.entity import Page, UpdateMask, Value
from libs.common.domain.errors import Invalid
from libs.common.rpc.mapping import decode, encode, encode_page, ensure_supported
from tests.common.rpc import sample_messages as sample
from tests.common.rpc.sample_messages import Kind, Seat, grouped, messages, refused

OPTIONAL = {"count": 0, "text": "", "flag": False, "area": 0.0, "body": b""}


def test_a_given_zero_is_carried() -> None:
    """An optional scalar that is set to zero, empty or false is given, both ways."""
    for name, zero in OPTIONAL.items():
        message = messages.Optional(**{name: zero})
        model = decode(message, sample.Optional)
        assert getattr(model, name) == zero
        assert {field for field, value in model if value is not None} == {name}
        assert encode(model, messages.Optional) == message
        assert encode(model, messages.Optional).HasField(name)


def test_an_unset_scalar_is_absent() -> None:
    """An optional scalar that is not set is None in the model, and not set again in its message."""
    model = decode(messages.Optional(), sample.Optional)
    assert model == sample.Optional()
    encoded = encode(model, messages.Optional)
    assert [name for name in (*OPTIONAL, "kind") if encoded.HasField(name)] == []


def test_an_optional_enum_is_carried() -> None:
    """An optional enum keeps its value."""
    message = messages.Optional(kind=messages.DESCRIPTOR.enum_types_by_name["Kind"].values_by_name["KIND_ROOM"].number)
    assert decode(message, sample.Optional).kind is Kind.ROOM
    assert encode(sample.Optional(kind=Kind.ROOM), messages.Optional) == message


def test_fields_without_presence() -> None:
    """Without presence, numbers and booleans are always given; empty texts, bytes and enums count as not given."""
    model = decode(messages.Plain(), sample.Plain)
    assert model == sample.Plain(count=0, flag=False, area=Decimal(0), text="default", body=b"default", kind=None)
    full = sample.Plain(count=3, text="a", flag=True, area=Decimal("4.25"), body=b"b", kind=Kind.LARGE_HALL)
    assert decode(encode(full, messages.Plain), sample.Plain) == full


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"code": "a"},
        {"code": ""},
        {"number": 3},
        {"number": 0},
        {"seat": Seat(row=1)},
        {"seat": Seat()},
    ],
    ids=str,
)
def test_a_oneof_is_carried(choice: dict[str, Any]) -> None:
    """The chosen member of a oneof is given, even an empty one, and no other, both ways."""
    message = encode(sample.Choice(**choice), messages.Choice)
    assert message.WhichOneof("choice") == next(iter(choice), None)
    assert decode(message, sample.Choice) == sample.Choice(**choice)


def test_maps_are_carried() -> None:
    """Maps of scalars, enums, messages and days are carried, both ways; empty ones too."""
    model = sample.Maps(
        counts={"a": 1, "b": 0},
        texts={7: "x", 0: ""},
        kinds={"a": Kind.ROOM},
        seats={"a": Seat(row=1, place="x"), "b": Seat()},
        days={"a": date(2026, 2, 28)},
    )
    message = encode(model, messages.Maps)
    assert dict(message.counts) == {"a": 1, "b": 0}
    assert message.seats["a"] == messages.Seat(row=1, place="x")
    assert decode(message, sample.Maps) == model
    assert decode(messages.Maps(), sample.Maps) == sample.Maps()
    assert encode(sample.Maps(), messages.Maps) == messages.Maps()


def test_messages_are_nested() -> None:
    """Messages in messages and in lists, and lists of texts and enums, are carried, both ways."""
    model = sample.Nested(
        seat=Seat(row=1), seats=(Seat(row=2), Seat()), texts=("a", ""), kinds=(Kind.ROOM, Kind.LARGE_HALL)
    )
    assert decode(encode(model, messages.Nested), sample.Nested) == model
    assert decode(messages.Nested(), sample.Nested) == sample.Nested()
    assert not encode(sample.Nested(), messages.Nested).HasField("seat")
    assert decode(messages.Nested(seat=messages.Seat()), sample.Nested).seat == Seat()


def test_a_message_may_contain_its_own_type() -> None:
    """A message of its own type is carried to any depth."""
    model = sample.Tree(name="a", branches=(sample.Tree(name="b", branches=(sample.Tree(name="c"),)), sample.Tree()))
    assert decode(encode(model, messages.Tree), sample.Tree) == model


def test_times_are_carried() -> None:
    """Instants, days and masks become Python's values and come back."""
    model = sample.Times(
        time=datetime(2026, 3, 1, 8, 0, 0, 123_000, UTC),
        day=date(2026, 2, 28),
        days=(date(2026, 1, 1), date(2028, 2, 29)),
    )
    message = encode(model, messages.Times)
    assert message.day == Date(year=2026, month=2, day=28)
    assert message.time.ToDatetime(UTC) == model.time
    assert decode(message, sample.Times) == model
    masked = messages.Times(update_mask=FieldMask(paths=["a", "b"]))
    assert decode(masked, sample.Times).update_mask == UpdateMask(paths=("a", "b"))


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - aware by `timezones`
def test_any_instant_is_carried(instant: datetime) -> None:
    """Every instant that Python can hold is carried to the millisecond, which is what documents keep."""
    kept = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert decode(encode(sample.Times(time=instant), messages.Times), sample.Times).time == kept


@given(st.decimals(0, 10_000_000, places=2))
def test_any_area_is_carried(area: Decimal) -> None:
    """A decimal with two places is the same decimal after it was a double."""
    assert decode(encode(sample.Plain(area=area), messages.Plain), sample.Plain).area == area


DAYS = [
    ((2027, 2, 29), "2027-02-29 is not a day of the calendar: 2027-02 has 28 days"),
    ((2028, 2, 30), "2028-02-30 is not a day of the calendar: 2028-02 has 29 days"),
    ((2026, 4, 31), "2026-04-31 is not a day of the calendar: 2026-04 has 30 days"),
    ((2026, 4, 0), "2026-04-00 is not a day of the calendar: 2026-04 has 30 days"),
    ((2026, 13, 1), "2026-13-01 is not a day of the calendar: a year has the months 1 to 12"),
    ((2026, 0, 0), "2026-00-00 is not a day of the calendar: a year has the months 1 to 12"),
    ((1899, 12, 31), "1899-12-31 is not a day between 1900 and 2200"),
    ((2201, 1, 1), "2201-01-01 is not a day between 1900 and 2200"),
    ((0, 1, 1), "0000-01-01 is not a day between 1900 and 2200"),
    ((2026, 1, 2**31 - 1), "2026-01-2147483647 is not a day of the calendar: 2026-01 has 31 days"),
]


@pytest.mark.parametrize(("given_day", "text"), DAYS, ids=[text for _, text in DAYS])
def test_a_day_that_does_not_exist_is_named(given_day: tuple[int, int, int], text: str) -> None:
    """A day that does not exist, or is most likely mistyped, is refused with its path and what is wrong with it."""
    year, month, day = given_day
    wrong = Date(year=year, month=month, day=day)
    for message, path in ((messages.Times(day=wrong), "day"), (messages.Times(days=[wrong]), "days[0]")):
        with pytest.raises(Invalid) as caught:
            decode(message, sample.Times)
        (violation,) = caught.value.violations
        assert (violation.field, violation.reason, violation.description) == (path, "MALFORMED", text)


def test_an_instant_that_does_not_exist_is_refused() -> None:
    """An instant beyond what Python can hold is refused at its field."""
    with pytest.raises(Invalid) as caught:
        decode(messages.Times(time=Timestamp(seconds=1 << 40)), sample.Times)
    assert [(wrong.field, wrong.reason) for wrong in caught.value.violations] == [("time", "MALFORMED")]


def test_an_unknown_enum_value_is_refused() -> None:
    """A number that the enum does not have is refused at its field, alone or in a list."""
    for message, path in ((messages.Plain(kind=9), "kind"), (messages.Nested(kinds=[1, 9]), "kinds[1]")):
        with pytest.raises(Invalid) as caught:
            decode(message, sample.Plain if path == "kind" else sample.Nested)
        assert [(wrong.field, wrong.reason) for wrong in caught.value.violations] == [(path, "MALFORMED")]


def test_every_wrong_field_is_named() -> None:
    """All wrong fields of a message are named together, each by its path."""
    message = messages.Times(day=Date(year=1), time=Timestamp(seconds=1 << 40))
    with pytest.raises(Invalid) as caught:
        decode(message, sample.Times)
    assert {wrong.field for wrong in caught.value.violations} == {"day", "time"}


class Narrow(Value):
    """Lacks fields of its message."""

    row: int = 0


def test_a_model_needs_the_fields_of_its_message() -> None:
    """A model that lacks a field of the message cannot be encoded; one that has more can, and reading ignores more."""
    with pytest.raises(TypeError, match=r"Narrow has no field for mapping\.v1\.Seat\.place"):
        encode(Narrow(), messages.Seat)
    assert decode(messages.Seat(row=3, place="x"), Narrow) == Narrow(row=3)


UNSUPPORTED = [
    (refused.HasStruct, r"mapping\.v1\.HasStruct\.extra: google\.protobuf\.Struct is not supported"),
    (refused.HasValues, r"google\.protobuf\.Value is not supported"),
    (refused.HasAny, r"mapping\.v1\.HasAny\.extra: google\.protobuf\.Any is not supported"),
    (refused.HasAnyInMap, r"google\.protobuf\.Any is not supported"),
    (refused.HasItDeep, r"mapping\.v1\.HasStruct\.extra"),
    (grouped.HasGroup, r"mapping\.v1\.HasGroup\.seat2: groups are not supported"),
]


@pytest.mark.parametrize(("kind", "text"), UNSUPPORTED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_cannot_be_carried_is_refused_early(kind: Any, text: str) -> None:
    """A message with a field that the mapping cannot carry, however deep, is refused before it is ever used."""
    with pytest.raises(TypeError, match=text):
        ensure_supported(kind.DESCRIPTOR)
    with pytest.raises(TypeError, match=text):
        decode(kind(), Narrow)
    with pytest.raises(TypeError, match=text):
        encode(Narrow(), kind)


def test_what_can_be_carried_is_supported() -> None:
    """Every message of the tests above is supported, those of their own type too."""
    for descriptor in messages.DESCRIPTOR.message_types_by_name.values():
        ensure_supported(descriptor)


def test_a_page_is_encoded() -> None:
    """A page fills the one repeated field of its message, and the token; an empty one leaves both empty."""
    page = Page((Seat(row=1), Seat(row=2)), "token")
    expected = messages.SeatPage(seats=[messages.Seat(row=1), messages.Seat(row=2)], next_page_token="token")
    assert encode_page(page, messages.SeatPage) == expected
    assert encode_page(Page(()), messages.SeatPage) == messages.SeatPage()
    assert encode_page((Seat(row=1),), messages.SeatList) == messages.SeatList(seats=[messages.Seat(row=1)])
