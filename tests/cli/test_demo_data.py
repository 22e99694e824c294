"""The demo data of Jilin City keeps the rules of the services, shows the whole city, and is marked as invented."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.json_format import MessageToDict
from pydantic import TypeAdapter

from libs.api.hatchery.spaces.v1.space_pb2 import Space
from libs.cli.dates import Today
from libs.cli.demo import DemoCall, read_demo
from libs.common.domain.profile import City, read_profile
from services.startups.domain.credit_code import CreditCode, CreditCodeCheck, check_of
from tests.cli.conftest import PROFILE

# Days of tenancies count from the seeding, but founding days are dates: what holds on this day holds later too.
FIRST_SEEDING = Today(date(2026, 11, 25), ZoneInfo("Asia/Shanghai"))
OPEN_END = date(2200, 1, 1)
Entries = dict[str, dict[str, Any]]


@pytest.fixture(name="calls", scope="module")
def read_calls() -> list[DemoCall]:
    return read_demo(PROFILE)


@pytest.fixture(name="city", scope="module")
def read_city() -> City:
    return read_profile(PROFILE).city


def entries(calls: list[DemoCall], kind: str, part: str = "") -> Entries:
    """Return the requests of a kind by key, as they are sent, with keys in place of resource names."""
    names = {call.key: call.key for call in calls}
    found = {call.key: _sent(call, names) for call in calls if call.kind == kind}
    return {key: sent[part] if part else sent for key, sent in found.items()}


def _sent(call: DemoCall, names: dict[str, str]) -> dict[str, Any]:
    return MessageToDict(call.request(names, FIRST_SEEDING), preserving_proto_field_name=True)


def _day(parts: dict[str, int] | None) -> date:
    return date(parts["year"], parts["month"], parts["day"]) if parts else OPEN_END


def test_nothing_but_what_the_demo_is_about(calls: list[DemoCall]) -> None:
    """Each kind of entry is made by one method, and no request has a contact, a participant or a person's papers."""
    methods = defaultdict(set)
    for call in calls:
        methods[call.kind].add(call.method.name)
    assert {kind: names for kind, names in methods.items() if len(names) > 1} == {
        "consultations": {"LogConsultation", "RequestConsultation"},
    }
    assert {"spaces", "startups", "tenancies", "mentors", "panels", "secondments"} <= methods.keys()
    personal = ("contact", "participants", "nomination'", "phone", "email")
    assert not [call.key for call in calls if any(word in str(call.values) for word in personal)]


def test_every_mentor_and_body_is_marked_as_invented(calls: list[DemoCall]) -> None:
    """Mentors, their organisations and the parties of secondments say that they are for the demo."""
    for mentor in entries(calls, "mentors", "mentor").values():
        assert mentor["display_name"].endswith("（演示）")
        assert mentor["organisation"].endswith("（演示）")
    for secondment in entries(calls, "secondments").values():
        assert all(secondment[party]["display_name"].endswith("（演示）") for party in ("home", "host"))


def test_every_code_is_of_the_city(calls: list[DemoCall], city: City) -> None:
    """Districts, zones and terms of the vocabularies exist in the profile."""
    for key, space in entries(calls, "spaces", "space").items():
        assert city.is_district(space["district"]), key
        assert "zone" not in space or city.is_zone(space["zone"]), key
    for key, startup in entries(calls, "startups", "startup").items():
        assert city.is_district(startup["district"]), key
        assert startup["technology_field"] in city.technology_fields, key
        assert startup.get("industry_chain", "health") in city.industry_chains, key


def test_the_carriers_of_the_policy_are_there(calls: list[DemoCall]) -> None:
    """Every carrier that clauses 7 to 12 name is a space, in the district or zone that the text gives."""
    spaces = entries(calls, "spaces", "space").values()
    places = {space["display_name"]: {space["district"], space.get("zone")} for space in spaces}
    expected = {
        "吉林市科技创新城": None,
        "吉林市综合性大学科技园（多校一园）": None,
        "吉林市科技创新城“智造基地”": None,
        "国家特种纤维及复合材料产业基地": "districts/220271",
        "金珠工业园": None,
        "化工园区": None,
        "航空产业园": "districts/220271",
        "吉林市科技创新中心": None,
        "吉林高新区创业中心": "districts/220272",
        "吉林大仝数码软件外包基地": None,
        "吉林市“创新创业大街”": None,
        "吉林经济开发区碳纤维产业创新创业服务中心": "districts/220271",
        "蓝天创客科技城": "districts/220202",
        "筑石“WE+”电子商务产业园": "districts/220211",
        "海鑫化工创客加速器": "districts/220203",
        "吉林市保税物流中心": None,
    }
    assert all(name in places and (place is None or place in places[name]) for name, place in expected.items())
    assert all(name.endswith("（演示）") for name in places.keys() - expected.keys())


def test_the_whole_city_is_shown(calls: list[DemoCall], city: City) -> None:
    """Every kind of space, technology field, industry chain and district occurs; so do teams and firms."""
    startups = entries(calls, "startups", "startup").values()
    kinds = {space["kind"] for space in entries(calls, "spaces", "space").values()}
    assert kinds == {name for name in Space.Kind.keys() if name != "KIND_UNSPECIFIED"}  # noqa: SIM118 - an enum wrapper
    assert {startup["technology_field"] for startup in startups} == set(city.technology_fields)
    chains = {startup["industry_chain"] for startup in startups if "industry_chain" in startup}
    assert chains == set(city.industry_chains)
    assert {startup["district"] for startup in startups} == {name for name in city.districts if city.is_district(name)}
    assert {"credit_code" in startup for startup in startups} == {True, False}


def test_invented_startups_are_marked(calls: list[DemoCall]) -> None:
    """Nobody can take a startup for a real one. One has Greek and Latin letters in its name."""
    names = [startup["display_name"] for startup in entries(calls, "startups", "startup").values()]
    assert all(name.endswith("（演示）") for name in names)
    assert [name for name in names if name.startswith("μLED")]


def test_credit_codes(calls: list[DemoCall]) -> None:
    """Codes differ and are of the startup's district or the city. All fit except one, whose 17th character differs."""
    startups = {key: it for key, it in entries(calls, "startups", "startup").items() if "credit_code" in it}
    codes = {key: it["credit_code"] for key, it in startups.items()}
    assert len(set(codes.values())) == len(codes)
    assert any(code.startswith("N") for code in codes.values())
    for key, code in codes.items():
        assert code == TypeAdapter(CreditCode).validate_python(code)
        assert code[2:8] in {startups[key]["district"].removeprefix("districts/"), "220200", "220201"}, key
    checks = {key: check_of(code) for key, code in codes.items()}
    differing = {key: check for key, check in checks.items() if check != CreditCodeCheck.VALID}
    assert differing == {"startups/robot-joints": CreditCodeCheck.ORGANISATION_DIGIT_DIFFERS}


@pytest.mark.parametrize("measure", ["desks", "area_m2"])
def test_no_space_is_overbooked(calls: list[DemoCall], measure: str) -> None:
    """On no day are more desks or m² of a space leased than it has; on the day of moving out they are free."""
    room = {key: space.get(measure, 0) for key, space in entries(calls, "spaces", "space").items()}
    changes: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for key, tenancy in entries(calls, "tenancies").items():
        assert tenancy.get("desks") or tenancy.get("area_m2"), key
        changes[tenancy["space"]][_day(tenancy["start_date"])] += tenancy.get(measure, 0)
        changes[tenancy["space"]][_day(tenancy.get("end_date"))] -= tenancy.get(measure, 0)
    for space, by_day in changes.items():
        leased = 0.0
        for day in sorted(by_day):
            leased = round(leased + by_day[day], 2)
            assert 0 <= leased <= room[space], (space, day)


def test_an_area_has_decimals(calls: list[DemoCall]) -> None:
    """One tenancy has an area that is not a whole number, as real leases do."""
    assert 35.62 in {tenancy["area_m2"] for tenancy in entries(calls, "tenancies").values()}


def test_no_startup_is_in_two_spaces(calls: list[DemoCall]) -> None:
    """A startup has at most one tenancy on a day, and none before it was founded."""
    founded = {key: _day(it["founded_date"]) for key, it in entries(calls, "startups", "startup").items()}
    assert all(day <= FIRST_SEEDING.day for day in founded.values())
    stays = defaultdict(list)
    for key, tenancy in entries(calls, "tenancies").items():
        start = _day(tenancy["start_date"])
        stays[tenancy["startup"]].append((start, _day(tenancy.get("end_date"))))
        assert founded[tenancy["startup"]] <= start, key
    for startup, periods in stays.items():
        assert all(start < end for start, end in periods), startup
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(periods))), startup


def test_every_state_of_a_tenancy_is_shown(calls: list[DemoCall]) -> None:
    """When seeded, some tenancies are over, some are in force and some are in the future; some startup has none."""
    today, tenancies = FIRST_SEEDING.day, entries(calls, "tenancies").values()
    over = [it for it in tenancies if _day(it.get("end_date")) <= today]
    future = [it for it in tenancies if _day(it["start_date"]) > today]
    assert over
    assert future
    assert len(tenancies) - len(over) - len(future) >= 10
    assert {it["startup"] for it in tenancies} < entries(calls, "startups").keys()
    assert any(timedelta(0) < _day(it.get("end_date")) - today < timedelta(days=30) for it in tenancies)
