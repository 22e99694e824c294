"""What people type, as messages of the contract."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from libs.api.hatchery.spaces.v1.space_pb2 import CreateSpaceRequest, Space, UpdateSpaceRequest
from libs.api.hatchery.spaces.v1.tenancy_pb2 import EndTenancyRequest, ListTenanciesRequest, Tenancy
from libs.api.hatchery.startups.v1.startup_pb2 import Startup, StartupSpec
from libs.cli.assignments import parse_assignments
from libs.cli.console import join_words
from libs.cli.dates import Today
from libs.cli.errors import CliError
from libs.cli.messages import fill
from libs.cli.suggestions import suggest


def test_fields_by_name_make_a_tree() -> None:
    """Dots lead into nested messages, a repeated name makes a list, and only the first equals sign separates."""
    tree = {"a": {"b": "1", "c": "x=y"}, "d": ["1", "2"]}
    assert parse_assignments(["a.b=1", "a.c=x=y", "d=1", "d=2"]) == tree


def test_fields_by_name_replace_those_of_the_json() -> None:
    """A field by name replaces the same one of the JSON. Other fields, and the JSON itself, stay as they are."""
    tree = {"a": {"b": 1, "c": 2}}
    assert parse_assignments(["a.b=3"], onto=tree) == {"a": {"b": "3", "c": 2}}
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


def test_areas_have_decimals() -> None:
    """An area is a number with decimals, typed or in JSON."""
    for value in ("35.62", 35.62):
        assert fill(CreateSpaceRequest(), {"space": {"area_m2": value}}).space.area_m2 == 35.62


@pytest.mark.parametrize(
    "day", ["2026-02-28", date(2026, 2, 28), {"year": 2026, "month": 2, "day": 28}, '{"year":2026,"month":2,"day":28}']
)
def test_days_are_written_as_people_write_them(day: object) -> None:
    """A day is text as in ISO 8601, a day of TOML, or its three fields."""
    founded = fill(StartupSpec(), {"founded_date": day}).founded_date
    assert (founded.year, founded.month, founded.day) == (2026, 2, 28)


def test_days_relative_to_today_need_a_day() -> None:
    """Demo data counts from the day of its seeding, in days of the calendar and in instants of the city."""
    today = Today(date(2026, 11, 25), ZoneInfo("Asia/Shanghai"))
    founded = fill(StartupSpec(), {"founded_date": "today-30"}, today).founded_date
    assert (founded.year, founded.month, founded.day) == (2026, 10, 26)
    assert fill(Startup(), {"create_time": "today+1T08:00"}, today).create_time.ToJsonString() == "2026-11-26T00:00:00Z"
    with pytest.raises(CliError, match="founded_date must be a day such as"):
        fill(StartupSpec(), {"founded_date": "today-30"})


def test_masks_have_the_names_of_the_proto() -> None:
    """A field mask is a list of field names, however it is written."""
    for mask in ("display_name,area_m2", ["display_name", "area_m2"]):
        assert list(fill(UpdateSpaceRequest(), {"update_mask": mask}).update_mask.paths) == ["display_name", "area_m2"]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"nme": "x"}, r"EndTenancyRequest has no field 'nme'\. Did you mean name"),
        ({"end_date": "2027-02-29"}, r"end_date: 2027-02-29 is not a day of the calendar: February 2027 has 28 days\."),
        (
            {"end_date": {"year": "2026", "month": "4", "day": "31"}},
            r"2026-04-31 is not a day of the calendar: April",
        ),
        ({"end_date": '{"year":2026,"month":13,"day":1}'}, r"there is no month 13\."),
        ({"end_date": {"moth": 2}}, r"Date has no field 'moth' in end_date\. Did you mean month\?"),
        ({"end_reason": "bored"}, r"end_reason has no value 'bored'\. Known: END_REASON_UNSPECIFIED, "),
        ({"name": ["a"]}, r"EndTenancyRequest does not accept these values"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, object], answer: str) -> None:
    """The message has the field's path, what is wrong with its value, and what may have been meant."""
    with pytest.raises(CliError, match=answer):
        fill(EndTenancyRequest(), values)


@pytest.mark.parametrize(
    ("pairs", "answer"),
    [(["space=x", "space.desks=1"], "a part of space"), (["space"], "neither JSON nor field=value"), (["=1"], "'=1'")],
)
def test_assignments_that_make_no_sense_are_refused(pairs: list[str], answer: str) -> None:
    """A field has a name, and is given as a whole or by its parts."""
    with pytest.raises(CliError, match=answer):
        parse_assignments(pairs)


def test_suggestions_are_few_or_everything() -> None:
    """A typing error is answered with similar names, anything else with all names."""
    assert suggest("listspace", ["ListSpaces", "GetSpace", "EndTenancy"]).startswith("Did you mean ListSpaces")
    assert suggest("xyz", ["ListSpaces", "EndTenancy"]) == "Known: ListSpaces, EndTenancy."
    assert suggest("xyz", []) == "There are none."


@pytest.mark.parametrize(
    ("words", "joined"), [([], ""), (["spaces"], "spaces"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_joined_as_people_write_them(words: list[str], joined: str) -> None:
    """Commas between the words, and the last one set apart by a word."""
    assert join_words(words, "and") == joined
