"""Entities, specs, masks, facts and page queries."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.domain.entity import Entity, Fact, Page, PageQuery, Spec, UpdateMask, construct
from libs.common.domain.errors import Invalid, Stale
from tests.common.sample_domain import Hall


class HallSpec(Spec):
    """The client-settable part of a hall."""

    required: ClassVar[tuple[str, ...]] = ("display_name", "operator")

    display_name: str = ""
    operator: str = ""
    desks: int = 0


class HallNoted(Fact):
    """Has some of a hall's fields."""

    display_name: str
    desks: int


class HallVisited(HallNoted):
    """Has a field that the hall does not hold."""

    visitor: str


def test_a_mask_names_fields() -> None:
    """An update mask yields the fields that it names, empty ones too; `*` yields all."""
    spec = HallSpec(display_name="A", desks=3)
    assert spec.masked(UpdateMask(paths=("desks", "operator"))) == {"desks": 3, "operator": ""}
    assert spec.masked(UpdateMask(paths=("*",))) == {"display_name": "A", "operator": "", "desks": 3}
    assert spec.masked(UpdateMask(paths=())) == {}


@pytest.mark.parametrize("path", ["name", "required", "Desks", "", "desks.more", "__class__", "*"])
def test_a_mask_names_only_known_fields(path: str) -> None:
    """A path that is no field of the spec is refused at its place in the mask; `*` stands alone."""
    with pytest.raises(Invalid) as caught:
        HallSpec().masked(UpdateMask(paths=("desks", path)))
    (violation,) = caught.value.violations
    assert (violation.field, violation.reason) == ("update_mask.paths[1]", "UNKNOWN_FIELD")


@pytest.mark.parametrize("paths", [("a" * 61,), ("desks",) * 51])
def test_a_mask_is_bounded(paths: tuple[str, ...]) -> None:
    """A mask has at most 50 paths of at most 60 characters."""
    with pytest.raises(ValidationError):
        UpdateMask(paths=paths)


def test_missing_fields_are_named_together() -> None:
    """Every required field that is empty is named, with its path in the request."""
    with pytest.raises(Invalid) as caught:
        HallSpec(desks=3).ensure_complete("hall")
    found = [(violation.field, violation.reason) for violation in caught.value.violations]
    assert found == [("hall.display_name", "REQUIRED"), ("hall.operator", "REQUIRED")]
    HallSpec(display_name="A", operator="B").ensure_complete("hall")


@pytest.mark.parametrize(("size", "limit"), [(0, 50), (1, 1), (50, 50), (200, 200), (201, 200), (2**31 - 1, 200)])
def test_a_page_has_a_limit(size: int, limit: int) -> None:
    """A page size of 0 means 50, more than 200 means 200."""
    assert PageQuery(page_size=size).limit == limit


def test_a_page_size_is_not_negative() -> None:
    """A negative page size is refused."""
    with pytest.raises(ValidationError):
        PageQuery(page_size=-1)


def test_a_page_is_its_items() -> None:
    """A page iterates over its items; the last one has no token."""
    assert list(Page((1, 2))) == [1, 2]
    assert Page(()).next_page_token == ""


@given(st.integers(0, 1000), st.text(max_size=20), st.one_of(st.none(), st.text(max_size=5)))
def test_a_changed_entity_equals_a_validated_one(desks: int, title: str, code: str | None) -> None:
    """An entity that was changed without validation equals, dumps and hashes as one that was validated."""
    before = Hall(name="halls/1", desks=1)
    after = before.with_(desks=desks, display_name=title, code=code)
    validated = Hall.model_validate({**before.model_dump(), "desks": desks, "display_name": title, "code": code})
    assert after == validated
    assert after.model_dump() == validated.model_dump()
    assert after.model_copy(update={"desks": 1}).desks == before.desks == 1
    assert (hash(after), repr(after)) == (hash(validated), repr(validated))


def test_unknown_fields_are_not_changed() -> None:
    """A change of a field that the entity does not have is an error, not a new attribute."""
    hall = Hall(name="halls/1")
    with pytest.raises(TypeError, match="Hall has no field desk, sort_keys"):
        hall.with_(desk=3, desks=4, sort_keys={})
    with pytest.raises(TypeError, match="etag"):
        hall.with_(etag="v7")


def test_a_fact_takes_the_entitys_fields() -> None:
    """A fact has the entity's values in its own fields, and equals a validated one."""
    fact = HallNoted.of(Hall(name="halls/1", display_name="A", desks=3))
    assert fact == HallNoted(name="halls/1", display_name="A", desks=3)
    assert fact == construct(HallNoted, {"name": "halls/1", "display_name": "A", "desks": 3})


def test_a_fact_takes_what_it_is_given() -> None:
    """Values that are given take precedence over the entity's and complete what it does not hold."""
    hall = Hall(name="halls/1", display_name="A", desks=3)
    fact = HallVisited.of(hall, visitor="guests/1", desks=2)
    assert fact == HallVisited(name="halls/1", display_name="A", desks=2, visitor="guests/1")
    with pytest.raises(AttributeError, match="visitor"):
        HallVisited.of(hall)


def test_values_are_frozen() -> None:
    """A value that was built without validation cannot be changed either."""
    fact = HallNoted.of(Hall(name="halls/1"))
    with pytest.raises(ValidationError):
        setattr(fact, "desks", 4)  # noqa: B010 - the types forbid a plain assignment


def test_an_etag_guards_a_change() -> None:
    """A change decided on an older version is refused with the current etag; an empty etag matches any."""
    hall: Entity = Hall(name="halls/1").with_(version=3)
    hall.ensure_etag("")
    hall.ensure_etag("v3")
    with pytest.raises(Stale) as caught:
        hall.ensure_etag("v2")
    assert (caught.value.reason, caught.value.metadata) == ("ETAG_MISMATCH", {"name": "halls/1", "etag": "v3"})


def test_errors_do_not_quote_input() -> None:
    """A value that does not fit is not in the error's text, because it may be personal data."""
    with pytest.raises(ValidationError) as caught:
        Hall.model_validate({"name": "halls/1", "desks": "13800000000x"})
    assert "13800000000" not in str(caught.value)
