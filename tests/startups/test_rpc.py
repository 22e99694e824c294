"""StartupService through a real channel: what each method answers, and how it refuses."""

import asyncio
import itertools
import os
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from libs.api.hatchery.startups.v1 import startups_pb2 as st
from tests.conftest import Refused, eventually, refused
from tests.running import Api, World
from tests.spaces.calls import (
    FENGMAN,
    HIGH_TECH,
    LONGTAN,
    ending,
    on,
    opened,
    registered,
    startup_spec,
    startup_update,
    tenant,
)
from tests.startups.examples import CODES, code

_numbers = itertools.count(1)


def new_code() -> str:
    """A credit code that nobody in this file has yet."""
    return code(next(_numbers))


async def every(startups: Api, request: st.ListStartupsRequest) -> list[st.Startup]:
    """The startups of every page, two at a time."""
    found: list[st.Startup] = []
    request.page_size = 2
    while True:
        page = await startups.ListStartups(request)
        assert len(page.startups) <= 2
        found += page.startups
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


# --- registering -------------------------------------------------------------------------------


async def test_register_a_team_then_get_it(startups: Api) -> None:
    """A new team comes back as it was said, with a name, times and an etag, living nowhere, and stays so."""
    spec = startup_spec(industry_chain="aviation", founded_date=on(-400))
    made = await startups.RegisterStartup(st.RegisterStartupRequest(startup=spec))
    assert re.fullmatch(r"startups/[0-9a-f]{26}", made.name)
    assert {field.name: getattr(made, field.name) for field in spec.DESCRIPTOR.fields} == {
        field.name: getattr(spec, field.name) for field in spec.DESCRIPTOR.fields
    }
    assert (made.stage, made.credit_code, made.HasField("residency")) == (st.Startup.STAGE_TEAM, "", False)
    assert made.etag
    assert made.create_time == made.update_time
    assert abs((made.create_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()) < 60
    assert await startups.GetStartup(st.GetStartupRequest(name=made.name)) == made


@pytest.mark.parametrize("credit_code", CODES)
async def test_register_a_firm(startups: Api, credit_code: str) -> None:
    """A firm is registered with its code, however that is spelled, and found by it, spelled otherwise."""
    spelled = " ".join(chr(ord(sign) + 0xFEE0) for sign in credit_code.lower())
    made = await registered(startups, credit_code=spelled)
    assert (made.stage, made.credit_code) == (st.Startup.STAGE_FIRM, credit_code)
    dashed = "-".join((credit_code[:8], credit_code[8:])).lower()
    assert await every(startups, st.ListStartupsRequest(credit_code=dashed)) == [made]


WRONG: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"credit_code": CODES[0][:17] + "0"}, {"startup.credit_code": "CREDIT_CODE_CHECK_DIGIT"}),
    ({"credit_code": CODES[0][:17]}, {"startup.credit_code": "CREDIT_CODE_SHAPE"}),
    ({"display_name": ""}, {"startup.display_name": "REQUIRED"}),
    ({"district": HIGH_TECH}, {"startup.district": "MALFORMED"}),
    ({"district": "districts/110000"}, {"startup.district": "MALFORMED"}),
    ({"technology_field": "alchemy"}, {"startup.technology_field": "MALFORMED"}),
    ({"industry_chain": "alchemy"}, {"startup.industry_chain": "MALFORMED"}),
    ({"founded_date": on(2)}, {"startup.founded_date": "DATE_OUT_OF_RANGE"}),
]


@pytest.mark.parametrize(("fields", "wrong"), WRONG)
async def test_what_cannot_be_is_refused(startups: Api, fields: dict[str, Any], wrong: dict[str, str]) -> None:
    """A code that does not check, words the city does not have and a day yet to come are refused by field."""
    answer = await refused(startups.RegisterStartup(st.RegisterStartupRequest(startup=startup_spec(**fields))))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, wrong)
    made = await registered(startups)
    answer = await refused(startups.UpdateStartup(startup_update(made.name, list(fields), **fields)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, wrong)
    assert await startups.GetStartup(st.GetStartupRequest(name=made.name)) == made


async def test_all_that_is_missing_is_said_at_once(startups: Api) -> None:
    """A startup without anything is refused with every field that it needs."""
    answer = await refused(startups.RegisterStartup(st.RegisterStartupRequest()))
    assert answer.code is StatusCode.INVALID_ARGUMENT
    assert answer.fields == {f"startup.{name}": "REQUIRED" for name in ("display_name", "district", "technology_field")}


async def test_a_code_is_one_firms(startups: Api) -> None:
    """Of many who register with one code at once one gets it, and the others are told that it is taken."""
    requests = [st.RegisterStartupRequest(startup=startup_spec(credit_code=code(500))) for _ in range(30)]
    answers = await asyncio.gather(*map(startups.RegisterStartup, requests), return_exceptions=True)
    told = Counter(Refused(answer).reason if isinstance(answer, AioRpcError) else "OK" for answer in answers)
    assert told == {"OK": 1, "CREDIT_CODE_TAKEN": 29}
    codes = {Refused(answer).code for answer in answers if isinstance(answer, AioRpcError)}
    assert codes == {StatusCode.ALREADY_EXISTS}


# --- asking ------------------------------------------------------------------------------------


async def test_batch_get_keeps_the_order(startups: Api) -> None:
    """Startups asked for together come in the order of their names, one asked for twice twice."""
    one, two, three = [await registered(startups) for _ in range(3)]
    names = [three.name, one.name, two.name, one.name]
    answer = await startups.BatchGetStartups(st.BatchGetStartupsRequest(names=names))
    assert list(answer.startups) == [three, one, two, one]


async def test_batch_get_is_all_or_none(startups: Api) -> None:
    """When one of several is missing, none is given, and the missing one is named."""
    there = await registered(startups)
    request = st.BatchGetStartupsRequest(names=[there.name, "startups/nobody"])
    answer = await refused(startups.BatchGetStartups(request))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
    assert answer.metadata["name"] == "startups/nobody"


@pytest.mark.parametrize(("count", "reason"), [(0, "REQUIRED"), (201, "TOO_MANY")])
async def test_batch_get_has_bounds(startups: Api, count: int, reason: str) -> None:
    """At least one and at most 200 may be asked for together."""
    answer = await refused(startups.BatchGetStartups(st.BatchGetStartupsRequest(names=["startups/a"] * count)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"names": reason})


async def test_list_startups(startups: Api) -> None:
    """A list is narrowed by stage, district and field, sorted as asked for, and read page by page."""
    rare: dict[str, Any] = {"district": FENGMAN, "technology_field": "aerospace"}
    made = [
        await registered(startups, display_name=title, **rare) for title in ("中新", "北山", "丰满", "松江", "江城")
    ]
    firm = await registered(startups, credit_code=new_code(), **rare)
    await registered(startups, district=FENGMAN)
    teams = st.ListStartupsRequest(stage=st.Startup.STAGE_TEAM, **rare)
    assert await every(startups, teams) == made
    assert await every(startups, st.ListStartupsRequest(stage=st.Startup.STAGE_FIRM, **rare)) == [firm]
    teams = st.ListStartupsRequest(stage=st.Startup.STAGE_TEAM, order_by="display_name", **rare)
    assert [team.display_name for team in await every(startups, teams)] == ["北山", "丰满", "江城", "松江", "中新"]


async def test_a_foreign_page_token_is_refused(startups: Api) -> None:
    """A page token goes on with its own query only."""
    await registered(startups), await registered(startups)
    page = await startups.ListStartups(st.ListStartupsRequest(page_size=1))
    other = st.ListStartupsRequest(page_token=page.next_page_token, district=LONGTAN)
    answer = await refused(startups.ListStartups(other))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"page_token": "MALFORMED"})


async def test_what_is_not_there(startups: Api) -> None:
    """A startup that does not exist is NOT_FOUND, whether it is asked for or to be changed."""
    for call in (
        startups.GetStartup(st.GetStartupRequest(name="startups/nobody")),
        startups.UpdateStartup(startup_update("startups/nobody", ["display_name"], display_name="无名")),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
        assert answer.metadata["name"] == "startups/nobody"


async def test_a_page_says_where_a_startup_lives(startups: Api, spaces: Api) -> None:
    """A startup's own page shows where it lives and until when, and a space's startups can be listed."""
    space, startup = await opened(spaces), await registered(startups)
    tenancy = await spaces.RegisterTenant(tenant(space.name, startup.name, -5))

    async def lives_there() -> bool:
        listed = await every(startups, st.ListStartupsRequest(space=space.name))
        return [found.name for found in listed] == [startup.name]

    await eventually(lives_there)
    page = await startups.GetStartup(st.GetStartupRequest(name=startup.name))
    assert page.residency == st.Residency(
        tenancy=tenancy.name,
        space=space.name,
        space_display_name=space.display_name,
        start_date=on(-5),
        state=st.Residency.STATE_CURRENT,
    )
    assert page.etag != startup.etag
    await spaces.EndTenancy(ending(tenancy.name))

    async def has_left() -> bool:
        return await every(startups, st.ListStartupsRequest(space=space.name)) == []

    await eventually(has_left)
    page = await startups.GetStartup(st.GetStartupRequest(name=startup.name))
    assert (page.residency.end_date, page.residency.state) == (on(0), st.Residency.STATE_ENDED)


# --- changing ------------------------------------------------------------------------------------


async def test_a_team_becomes_a_firm(startups: Api) -> None:
    """A team that names its code becomes a firm and keeps its name; the code stays from then on."""
    team, credit_code = await registered(startups), new_code()
    firm = await startups.UpdateStartup(startup_update(team.name, ["credit_code"], credit_code=credit_code))
    assert (firm.name, firm.stage, firm.credit_code) == (team.name, st.Startup.STAGE_FIRM, credit_code)
    assert (firm.display_name, firm.create_time) == (team.display_name, team.create_time)
    assert firm.etag != team.etag
    assert await startups.GetStartup(st.GetStartupRequest(name=team.name)) == firm
    for other in ("", new_code()):
        answer = await refused(startups.UpdateStartup(startup_update(team.name, ["credit_code"], credit_code=other)))
        assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "CREDIT_CODE_FIXED")


async def test_a_team_cannot_take_a_firms_code(startups: Api) -> None:
    """A code that a firm has is taken, for a team that wants to become a firm as well."""
    firm, team = await registered(startups, credit_code=new_code()), await registered(startups)
    update = startup_update(team.name, ["credit_code"], credit_code=firm.credit_code)
    answer = await refused(startups.UpdateStartup(update))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "CREDIT_CODE_TAKEN")
    assert await startups.GetStartup(st.GetStartupRequest(name=team.name)) == team


async def test_update_with_a_star_takes_everything(startups: Api) -> None:
    """`*` takes every field as it is said, so that what is not said is emptied."""
    made = await registered(startups, industry_chain="aviation", founded_date=on(-9))
    said = startup_spec(district=FENGMAN)
    request = st.UpdateStartupRequest(name=made.name, startup=said)
    request.update_mask.paths.append("*")
    changed = await startups.UpdateStartup(request)
    fields = [field.name for field in said.DESCRIPTOR.fields]
    assert [getattr(changed, name) for name in fields] == [getattr(said, name) for name in fields]
    assert not changed.HasField("founded_date")


@pytest.mark.parametrize(
    ("paths", "fields"),
    [
        ([], {"update_mask.paths": "REQUIRED"}),
        (["district", "stage"], {"update_mask.paths[1]": "UNKNOWN_FIELD"}),
        (["residency"], {"update_mask.paths[0]": "UNKNOWN_FIELD"}),
        (["startup.district"], {"update_mask.paths[0]": "UNKNOWN_FIELD"}),
        (["display_name"], {"startup.display_name": "REQUIRED"}),
    ],
)
async def test_a_wrong_mask_is_refused(startups: Api, paths: list[str], fields: dict[str, str]) -> None:
    """A mask that is missing, names no field, or empties what is needed, is refused and changes nothing."""
    made = await registered(startups)
    answer = await refused(startups.UpdateStartup(startup_update(made.name, paths)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, fields)
    assert await startups.GetStartup(st.GetStartupRequest(name=made.name)) == made


async def test_a_stale_etag_aborts(startups: Api) -> None:
    """Of two who change what both have read, the second is told that it has changed, and to what."""
    made = await registered(startups)
    update = startup_update(made.name, ["display_name"], display_name="新名", etag=made.etag)
    first = await startups.UpdateStartup(update)
    assert first.update_time.ToNanoseconds() > made.update_time.ToNanoseconds()
    answer = await refused(startups.UpdateStartup(update))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert answer.metadata["etag"] == first.etag


async def test_a_repeat_gets_the_first_answer(startups: Api) -> None:
    """A registration or change asked for again under its request id happens once, and is answered as before."""
    request = st.RegisterStartupRequest(startup=startup_spec(credit_code=new_code()), request_id=os.urandom(8).hex())
    made = await asyncio.gather(*(startups.RegisterStartup(request) for _ in range(50)))
    assert made == [made[0]] * 50
    update = startup_update(made[0].name, ["display_name"], display_name="新名")
    update.request_id = os.urandom(8).hex()
    first = await startups.UpdateStartup(update)
    assert await startups.UpdateStartup(update) == first
    assert await startups.RegisterStartup(request) == made[0]
    assert await startups.GetStartup(st.GetStartupRequest(name=first.name)) == first


async def test_another_request_under_the_same_id(startups: Api) -> None:
    """An id once used stands for that request alone."""
    used = os.urandom(8).hex()
    await startups.RegisterStartup(st.RegisterStartupRequest(startup=startup_spec(), request_id=used))
    other = st.RegisterStartupRequest(startup=startup_spec(), request_id=used)
    answer = await refused(startups.RegisterStartup(other))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"request_id": "REQUEST_ID_REUSED"})


async def test_a_founder_sees_the_own_startup(startups: Api, world: World) -> None:
    """A founder reads and changes the startup in scope, and is told nothing of any other."""
    mine, other = await registered(startups), await registered(startups)
    founder = world.token("founder", [mine.name], subject="founder")
    assert await startups.GetStartup(st.GetStartupRequest(name=mine.name), token=founder) == mine
    assert list((await startups.ListStartups(st.ListStartupsRequest(), token=founder)).startups) == [mine]
    update = startup_update(mine.name, ["display_name"], display_name="我的")
    assert (await startups.UpdateStartup(update, token=founder)).display_name == "我的"
    for name in (other.name, "startups/nobody"):
        for call in (
            startups.GetStartup(st.GetStartupRequest(name=name), token=founder),
            startups.BatchGetStartups(st.BatchGetStartupsRequest(names=[mine.name, name]), token=founder),
            startups.UpdateStartup(startup_update(name, ["display_name"], display_name="他的"), token=founder),
        ):
            answer = await refused(call)
            assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
