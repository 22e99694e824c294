"""What people type, as messages of the contract."""

from datetime import date

import pytest

from libs.api.hatchery.spaces.v1.spaces_pb2 import (
    CreateSpaceRequest,
    EndTenancyRequest,
    ListTenanciesRequest,
    Space,
    Tenancy,
    UpdateSpaceRequest,
)
from libs.api.hatchery.startups.v1.startups_pb2 import StartupSpec
from libs.cli.messages import fill, near, spread
from libs.cli.trouble import Trouble


def test_fields_by_name_make_a_tree() -> None:
    """Dots go down, a repeated name makes a list, and only the first equals sign divides."""
    assert spread(["a.b=1", "a.c=x=y", "d=1", "d=2"]) == {"a": {"b": "1", "c": "x=y"}, "d": ["1", "2"]}


def test_fields_by_name_go_before_a_tree_that_is_there() -> None:
    """What is said by name replaces what the JSON says, and leaves the rest and the JSON itself alone."""
    tree = {"a": {"b": 1, "c": 2}}
    assert spread(["a.b=3"], onto=tree) == {"a": {"b": "3", "c": 2}}
    assert tree == {"a": {"b": 1, "c": 2}}


def test_enum_values_need_no_prefix() -> None:
    """`incubator`, `INCUBATOR` and `KIND_INCUBATOR` are the same."""
    for value in ("incubator", "INCUBATOR", "KIND_INCUBATOR"):
        assert fill(CreateSpaceRequest(), {"space": {"kind": value}}).space.kind == Space.KIND_INCUBATOR


def test_a_list_of_one_needs_no_brackets() -> None:
    """One value for a repeated field is a list of one; JSON and repeated names make longer ones."""
    both = [Tenancy.STATE_SIGNED, Tenancy.STATE_ENDED]
    assert list(fill(ListTenanciesRequest(), {"states": "signed"}).states) == both[:1]
    assert list(fill(ListTenanciesRequest(), {"states": ["signed", "ended"]}).states) == both
    assert list(fill(ListTenanciesRequest(), {"states": '["signed", "ended"]'}).states) == both


@pytest.mark.parametrize("day", ["2026-02-28", date(2026, 2, 28), {"year": 2026, "month": 2, "day": 28}])
def test_days_are_written_as_people_write_them(day: object) -> None:
    """A day is text as in ISO 8601, a day of TOML, or its three fields."""
    founded = fill(StartupSpec(), {"founded_date": day}).founded_date
    assert (founded.year, founded.month, founded.day) == (2026, 2, 28)


def test_masks_have_the_names_of_the_proto() -> None:
    """A field mask is a list of field names, however it is written."""
    for mask in ("display_name,area_m2", ["display_name", "area_m2"]):
        assert list(fill(UpdateSpaceRequest(), {"update_mask": mask}).update_mask.paths) == ["display_name", "area_m2"]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"nme": "x"}, r"EndTenancyRequest has no field 'nme'\. Did you mean name"),
        ({"end_date": "2026-02-30"}, r"end_date is a day like 2026-03-31; '2026-02-30' is none\."),
        ({"end_date": {"moth": 2}}, r"Date has no field 'moth' in end_date\. Did you mean month\?"),
        ({"end_reason": "bored"}, r"end_reason has no value 'bored'\. There is: END_REASON_UNSPECIFIED, "),
        ({"name": ["a"]}, r"EndTenancyRequest cannot be made of these values"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, object], answer: str) -> None:
    """The field's path, what is wrong with its value, and what could have been meant."""
    with pytest.raises(Trouble, match=answer):
        fill(EndTenancyRequest(), values)


def test_a_part_of_what_was_given_whole_is_refused() -> None:
    """A field is given as a whole or by its parts."""
    with pytest.raises(Trouble, match="a part of space"):
        spread(["space=x", "space.desks=1"])


def test_near_names_are_few_and_otherwise_all() -> None:
    """A slip is answered with what is like it, anything else with all there is."""
    assert near("listspace", ["ListSpaces", "GetSpace", "EndTenancy"]).startswith("Did you mean ListSpaces")
    assert near("xyz", ["ListSpaces", "EndTenancy"]) == "There is: ListSpaces, EndTenancy."
    assert near("xyz", []) == "There is none."
