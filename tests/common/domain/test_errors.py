"""Refusals: how pydantic's findings become violations, and what they carry."""

from typing import Annotated

import pytest
from pydantic import AfterValidator, Field, ValidationError

from libs.common.domain.entity import Value
from libs.common.domain.errors import Invalid, NotFound, Refusal, Unreadable, Violation, validation_error


def refuse_odd(number: int) -> int:
    """Refuse odd numbers in words that a template would take for fields."""
    if number % 2:
        raise validation_error("ODD", f"{{{number}}} is odd")
    return number


class Seat(Value):
    row: Annotated[int, Field(ge=1, le=9)]


class Booking(Value):
    title: Annotated[str, Field(min_length=1, max_length=5)] = "A"
    seats: Annotated[tuple[Seat, ...], Field(max_length=2)] = ()
    number: Annotated[int, AfterValidator(refuse_odd)] = 0
    by_day: dict[str, int] = Field(default_factory=dict)


CASES = [
    ({"title": ""}, "title", "REQUIRED"),
    ({"title": "abcdef"}, "title", "TOO_LONG"),
    ({"title": 7}, "title", "MALFORMED"),
    ({"seats": [{"row": 1}, {}]}, "seats[1].row", "REQUIRED"),
    ({"seats": [{"row": 10}]}, "seats[0].row", "OUT_OF_RANGE"),
    ({"seats": [{"row": 0}]}, "seats[0].row", "OUT_OF_RANGE"),
    ({"seats": [{"row": 1}] * 3}, "seats", "TOO_MANY"),
    ({"number": 3}, "number", "ODD"),
    ({"by_day": {"mon": "x"}}, "by_day.mon", "MALFORMED"),
]


@pytest.mark.parametrize(("given", "field", "reason"), CASES, ids=str)
def test_a_finding_becomes_a_violation(given: dict[str, object], field: str, reason: str) -> None:
    """Each of pydantic's findings has the path of the request's field and one of our reasons."""
    with pytest.raises(ValidationError) as caught:
        Booking.model_validate(given)
    (violation,) = Invalid.of(caught.value).violations
    assert (violation.field, violation.reason) == (field, reason)
    assert violation.description


def test_a_description_stays_as_given() -> None:
    """A validator's description reaches the caller unchanged, whatever characters it has."""
    with pytest.raises(ValidationError) as caught:
        Booking.model_validate({"number": 3})
    assert Invalid.of(caught.value).violations[0].description == "{3} is odd"


def test_an_unreadable_value_says_why() -> None:
    """A message field that has no Python value is described by what was wrong with it."""
    with pytest.raises(ValidationError) as caught:
        Booking.model_validate({"number": Unreadable("2027-02-29 is not a day")})
    (violation,) = Invalid.of(caught.value).violations
    assert (violation.reason, violation.description) == ("MALFORMED", "2027-02-29 is not a day")


def test_a_whole_request_may_be_wrong() -> None:
    """A finding about the request as a whole has the path `request`."""
    with pytest.raises(ValidationError) as caught:
        Booking.model_validate(3)
    assert Invalid.of(caught.value).violations[0].field == "request"


def test_violations_are_bounded() -> None:
    """The first twenty violations are kept, because a status travels in a trailer of limited size."""
    refusal = Invalid(*(Violation(f"names[{place}]", "MALFORMED", "no") for place in range(500)))
    assert [violation.field for violation in refusal.violations] == [f"names[{place}]" for place in range(20)]
    assert refusal.reason == "INVALID_FIELD"


def test_metadata_are_text() -> None:
    """What a refusal tells a program is text, whatever it was built from."""
    refusal: Refusal = NotFound("HALL_NOT_FOUND", "halls/1 does not exist", name="halls/1", desks=3)
    assert refusal.metadata == {"name": "halls/1", "desks": "3"}
    assert (str(refusal), refusal.retry_after) == ("halls/1 does not exist", None)
