"""The format of demo data: references, days relative to the seeding, and what is refused."""

import codecs
import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from libs.cli.dates import Today
from libs.cli.demo import read_demo, read_today, request_id
from libs.cli.demo_record import DemoRecord
from libs.cli.errors import CliError
from tests.cli.conftest import PROFILE

TODAY = Today(date(2026, 11, 25), ZoneInfo("Asia/Shanghai"))
SPACE = """
[[calls]]
key = "spaces/a"
method = "hatchery.spaces.v1.SpaceService.CreateSpace"
[calls.request.space]
display_name = "甲"
"""
TENANCY = """
[[calls]]
key = "tenancies/b"
method = "hatchery.spaces.v1.TenancyService.RegisterTenant"
[calls.request]
space = "@spaces/a"
startup = "startups/s"
area_m2 = 35.62
start_date = "today+30"
"""


@pytest.fixture(name="profile")
def copy_profile(tmp_path: Path) -> Path:
    """A profile without demo data."""
    copy = shutil.copytree(PROFILE, tmp_path / "city", ignore=shutil.ignore_patterns("demo"))
    (copy / "demo").mkdir()
    return copy


def test_a_request_is_made_when_its_references_are_known(profile: Path) -> None:
    """`@key` becomes the name of the other reply, days count from the given day, and the key makes the request id."""
    (profile / "demo" / "10-tenancies.toml").write_text(TENANCY, encoding="utf-8")
    (profile / "demo" / "20-spaces.toml").write_text(SPACE, encoding="utf-8")
    tenancy, space = read_demo(profile)
    assert (tenancy.kind, tenancy.service) == ("tenancies", "spaces")
    assert tenancy.references == {"spaces/a"}
    assert not space.references
    request = tenancy.request({"spaces/a": "spaces/017"}, TODAY)
    again = tenancy.request({"spaces/a": "spaces/017"}, TODAY)
    assert request.SerializeToString() == again.SerializeToString()
    named = {field.name: value for field, value in request.ListFields()}
    assert (named["space"], named["area_m2"], named["request_id"]) == ("spaces/017", 35.62, "demo.tenancies.b")
    assert (named["start_date"].year, named["start_date"].month, named["start_date"].day) == (2026, 12, 25)


def test_a_reference_may_name_what_lies_below(profile: Path) -> None:
    """`@{key}/more` is the name of the other reply with the rest behind it, and orders the calls like any reference."""
    below = TENANCY.replace('"@spaces/a"', '"@{spaces/a}/tenancies/t"').replace("tenancies/b", "ends/b")
    below = below.replace("RegisterTenant", "EndTenancy").replace("space =", "name =")
    below = "\n".join(line for line in below.splitlines() if not line.startswith(("startup", "area", "start_date")))
    (profile / "demo" / "spaces.toml").write_text(SPACE + below, encoding="utf-8")
    _, end = read_demo(profile)
    assert end.references == {"spaces/a"}
    named = {field.name: value for field, value in end.request({"spaces/a": "spaces/017"}, TODAY).ListFields()}
    assert named["name"] == "spaces/017/tenancies/t"


def test_a_call_may_wait_for_another(profile: Path) -> None:
    """`after` orders calls that do not refer to one another, and must name an entry."""
    late = SPACE.replace("spaces/a", "spaces/b").replace("method", 'after = ["spaces/a"]\nmethod')
    (profile / "demo" / "spaces.toml").write_text(late + SPACE, encoding="utf-8")
    assert [call.references for call in read_demo(profile)] == [{"spaces/a"}, frozenset()]
    (profile / "demo" / "spaces.toml").write_text(late, encoding="utf-8")
    with pytest.raises(CliError, match="no entry has the key 'spaces/a'"):
        read_demo(profile)


@pytest.mark.parametrize(("mark", "encoding"), [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")])
def test_files_with_a_byte_order_mark_are_read(profile: Path, mark: bytes, encoding: str) -> None:
    """Editors on Windows write such files."""
    (profile / "demo" / "spaces.toml").write_bytes(mark + SPACE.encode(encoding))
    (space,) = read_demo(profile)
    assert space.values["space"]["display_name"] == "甲"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "no demo data"),
        ("[[calls", "x.toml is not valid TOML"),
        ("[[calls]]\nday = 2027-02-29", "2027-02-29 is not a day of the calendar: February 2027 has 28 days."),
        ("[[spaces]]\nkey = 1", "demo/x.toml: only [[calls]] is allowed, not spaces."),
        (SPACE.replace("spaces/a", "Spaces A"), "demo/x.toml, entry 1: a key looks like spaces/a-name"),
        (SPACE.replace("spaces/a", f"spaces/{'a' * 60}"), "demo/x.toml, entry 1: a key looks like spaces/a-name"),
        (SPACE.replace("method", "methd"), "demo/x.toml, spaces/a: an entry has key, method, perhaps after, and a"),
        (SPACE + SPACE, "demo/x.toml, spaces/a: the key is already used in demo/x.toml."),
        (SPACE.replace("CreateSpace", "CreateSpac"), "has no method hatchery.spaces.v1.SpaceService.CreateSpac. Did"),
        (SPACE.replace("spaces.v1", "spacs.v1"), "The contract has no method hatchery.spacs.v1."),
        (SPACE.replace("CreateSpace", "ListSpaces"), "ListSpaces has no request_id, so it cannot be repeated safely."),
        (SPACE + "rooms = 3", "demo/x.toml, spaces/a: SpaceSpec has no field 'rooms' in space."),
        (TENANCY, "demo/x.toml, tenancies/b: no entry has the key 'spaces/a'."),
        (SPACE + TENANCY.replace("+30", "+30T09:00"), "tenancies/b: start_date must be a day such as 2026-03-31"),
        (SPACE + TENANCY.replace("today+30", "2027-02-29"), "February 2027 has 28 days"),
        (
            SPACE.replace("甲", "@tenancies/b") + TENANCY,
            "spaces/a needs tenancies/b",
        ),
    ],
)
def test_data_that_make_no_sense_are_refused(profile: Path, text: str, answer: str) -> None:
    """The message names the file and the entry, before anything is sent."""
    if text:
        (profile / "demo" / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CliError) as refused:
        read_demo(profile)
    assert answer in str(refused.value)


def test_a_profile_that_is_not_valid_is_refused(tmp_path: Path) -> None:
    """Today is a day of the city's time zone, so the city must be readable."""
    assert read_today(PROFILE).zone.key == "Asia/Shanghai"
    with pytest.raises(CliError, match="is not valid"):
        read_today(tmp_path)


def test_the_record_keeps_the_day_of_each_entry(tmp_path: Path) -> None:
    """An entry counts from the day of its first sending, a new one from today, a failed one starts again."""
    file = tmp_path / "demo.json"
    first = DemoRecord(file, TODAY)
    first.begin(["spaces/a", "spaces/failed"])
    first.finish("spaces/a", "spaces/017")
    first.forget("spaces/failed")
    first.save()
    tomorrow = Today(TODAY.day + timedelta(days=1), TODAY.zone)
    again = DemoRecord(file, tomorrow)
    again.begin(["spaces/a", "spaces/failed", "spaces/new"])
    days = [again.today(key).day for key in ("spaces/a", "spaces/failed", "spaces/new")]
    assert days == [TODAY.day, tomorrow.day, tomorrow.day]
    assert (again.name("spaces/a"), again.name("spaces/new")) == ("spaces/017", "")


@pytest.mark.parametrize("text", ["{", "[]", '{"spaces/a": {"day": "never", "name": ""}}', '{"spaces/a": 1}'])
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    """The message says which file to remove."""
    (tmp_path / "demo.json").write_text(text, encoding="utf-8")
    with pytest.raises(CliError, match=r"demo\.json cannot be used"):
        DemoRecord(tmp_path / "demo.json", TODAY)


def test_request_ids_differ() -> None:
    """Keys are unique, and so are the request ids made from them, within the contract's alphabet and length."""
    keys = [call.key for call in read_demo(PROFILE)]
    ids = {request_id(key) for key in keys}
    assert len(ids) == len(keys)
    assert json.dumps(sorted(ids)).isascii()
    assert max(map(len, ids)) <= 64
