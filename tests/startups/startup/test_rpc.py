"""StartupService through a real channel: what each method answers, and how it refuses."""

import asyncio
import os
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from libs.api.hatchery.startups.v1 import residency_pb2
from libs.api.hatchery.startups.v1 import startup_pb2 as pb
from tests.spaces.requests import FENGMAN, HIGH_TECH, LONGTAN, date_of, end_tenancy, new_space, register_tenant
from tests.startups.requests import (
    get_startup,
    new_code,
    new_startup,
    register_startup,
    startup_spec,
    update_startup,
)
from tests.startups.samples import CODES
from tests.support.calls import Api, Refused, refused
from tests.support.processes import Cluster
from tests.support.waiting import eventually


async def all_pages(startups: Api, request: pb.ListStartupsRequest) -> list[pb.Startup]:
    """Return the startups of every page, two at a time."""
    found: list[pb.Startup] = []
    request.page_size = 2
    while True:
        page = await startups.ListStartups(request)
        assert len(page.startups) <= 2
        found += page.startups
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


# --- register ---------------------------------------------------------------------------------


async def test_register_a_team_then_get_it(startups: Api) -> None:
    """A new team is as specified, with a name, times and an etag, without a residency, and is read back so."""
    request = register_startup(industry_chain="aviation", founded_date=date_of(-400))
    made = await startups.RegisterStartup(request)
    assert re.fullmatch(r"startups/[0-9a-f]{26}", made.name)
    assert {field.name: getattr(made, field.name) for field in request.startup.DESCRIPTOR.fields} == {
        field.name: getattr(request.startup, field.name) for field in request.startup.DESCRIPTOR.fields
    }
    assert (made.stage, made.credit_code, made.HasField("residency")) == (pb.Startup.STAGE_TEAM, "", False)
    assert made.credit_code_check == pb.Startup.CREDIT_CODE_CHECK_UNSPECIFIED
    assert made.etag
    assert made.create_time == made.update_time
    assert abs((made.create_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()) < 60
    assert await startups.GetStartup(get_startup(made.name)) == made


@pytest.mark.parametrize("credit_code", CODES)
async def test_register_a_firm(startups: Api, credit_code: str) -> None:
    """A firm is registered with its code, however that is spelled, and found by it, spelled otherwise."""
    spelled = " ".join(chr(ord(sign) + 0xFEE0) for sign in credit_code.lower())
    made = await new_startup(startups, credit_code=spelled)
    assert (made.stage, made.credit_code) == (pb.Startup.STAGE_FIRM, credit_code)
    assert made.credit_code_check == pb.Startup.CREDIT_CODE_CHECK_VALID
    dashed = "-".join((credit_code[:8], credit_code[8:])).lower()
    assert await all_pages(startups, pb.ListStartupsRequest(credit_code=dashed)) == [made]


@pytest.mark.parametrize(
    ("fields", "invalid"),
    [
        ({"credit_code": CODES[0][:17] + "0"}, {"startup.credit_code": "CREDIT_CODE_CHECK_DIGIT"}),
        ({"credit_code": CODES[0][:17]}, {"startup.credit_code": "CREDIT_CODE_SHAPE"}),
        ({"display_name": ""}, {"startup.display_name": "REQUIRED"}),
        ({"district": HIGH_TECH}, {"startup.district": "MALFORMED"}),
        ({"district": "districts/110000"}, {"startup.district": "MALFORMED"}),
        ({"technology_field": "alchemy"}, {"startup.technology_field": "MALFORMED"}),
        ({"industry_chain": "alchemy"}, {"startup.industry_chain": "MALFORMED"}),
        ({"founded_date": date_of(2)}, {"startup.founded_date": "DATE_OUT_OF_RANGE"}),
    ],
)
async def test_a_wrong_field_is_refused(startups: Api, fields: dict[str, Any], invalid: dict[str, str]) -> None:
    """A wrong code, a term that the city's profile lacks and a future day are refused by field, changing nothing."""
    answer = await refused(startups.RegisterStartup(register_startup(**fields)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, invalid)
    made = await new_startup(startups)
    answer = await refused(startups.UpdateStartup(update_startup(made.name, list(fields), **fields)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, invalid)
    assert await startups.GetStartup(get_startup(made.name)) == made


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0003158e科技", "\U0003158e科技"),
        ("μLED 显示", "μLED 显示"),
        ("\u2ed3春光电", "长春光电"),
    ],
    ids=["a-joined-word", "a-rare-character", "greek-symbols", "a-radical"],
)
async def test_a_display_name_is_kept_in_one_form(startups: Api, given: str, kept: str) -> None:
    """Rare characters, joined words and Greek symbols are accepted, and a radical becomes the character it means."""
    assert (await new_startup(startups, display_name=given)).display_name == kept


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("\ufe0f\u034f", "INVISIBLE_TEXT"),
        ("吉林\ue000科技", "PRIVATE_CHARACTER"),
        ("ΑpΡle 科技", "MIXED_SCRIPTS"),
    ],
    ids=["marks-alone", "a-private-character", "greek-that-looks-latin"],
)
async def test_a_display_name_that_deceives_is_refused(startups: Api, name: str, reason: str) -> None:
    """An invisible, undisplayable or deceptive name is refused with its path."""
    answer = await refused(startups.RegisterStartup(register_startup(display_name=name)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"startup.display_name": reason})


async def test_every_missing_field_is_reported(startups: Api) -> None:
    """A startup without any field is refused with all that are required."""
    answer = await refused(startups.RegisterStartup(pb.RegisterStartupRequest()))
    assert answer.code is StatusCode.INVALID_ARGUMENT
    assert answer.fields == {f"startup.{name}": "REQUIRED" for name in ("display_name", "district", "technology_field")}


async def test_one_of_many_gets_a_code(startups: Api) -> None:
    """Of many that register with one code at once one succeeds, and the others learn that it is taken."""
    credit_code = new_code()
    requests = [register_startup(credit_code=credit_code) for _ in range(30)]
    answers = await asyncio.gather(*map(startups.RegisterStartup, requests), return_exceptions=True)
    outcomes = Counter(Refused(answer).reason if isinstance(answer, AioRpcError) else "OK" for answer in answers)
    assert outcomes == {"OK": 1, "CREDIT_CODE_TAKEN": 29}
    codes = {Refused(answer).code for answer in answers if isinstance(answer, AioRpcError)}
    assert codes == {StatusCode.ALREADY_EXISTS}


# --- read -------------------------------------------------------------------------------------


async def test_batch_get_keeps_the_order(startups: Api) -> None:
    """Startups come in the order of the requested names; a name requested twice comes twice."""
    one, two, three = [await new_startup(startups) for _ in range(3)]
    names = [three.name, one.name, two.name, one.name]
    answer = await startups.BatchGetStartups(pb.BatchGetStartupsRequest(names=names))
    assert list(answer.startups) == [three, one, two, one]


async def test_batch_get_is_all_or_none(startups: Api) -> None:
    """When one of several is missing, none is returned, and the missing one is named."""
    there = await new_startup(startups)
    request = pb.BatchGetStartupsRequest(names=[there.name, "startups/nobody"])
    answer = await refused(startups.BatchGetStartups(request))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
    assert answer.metadata["name"] == "startups/nobody"


@pytest.mark.parametrize(("count", "reason"), [(0, "REQUIRED"), (201, "TOO_MANY")])
async def test_batch_get_has_bounds(startups: Api, count: int, reason: str) -> None:
    """1 to 200 startups are read together."""
    answer = await refused(startups.BatchGetStartups(pb.BatchGetStartupsRequest(names=["startups/a"] * count)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"names": reason})


async def test_list_startups(startups: Api) -> None:
    """A list is narrowed by stage, district and field, sorted by registration or display name, and read by pages."""
    rare: dict[str, Any] = {"district": FENGMAN, "technology_field": "aerospace"}
    titles = ("长大航空", "10号机库", "长春航空", "2号机库", "北山航空")
    made = [await new_startup(startups, display_name=title, **rare) for title in titles]
    firm = await new_startup(startups, credit_code=new_code(), **rare)
    await new_startup(startups, district=FENGMAN)
    teams = pb.ListStartupsRequest(stage=pb.Startup.STAGE_TEAM, **rare)
    assert await all_pages(startups, teams) == made
    assert await all_pages(startups, pb.ListStartupsRequest(stage=pb.Startup.STAGE_FIRM, **rare)) == [firm]
    by_name = ["2号机库", "10号机库", "北山航空", "长春航空", "长大航空"]
    for order, expected in (("display_name", by_name), ("  display_name   desc  ", by_name[::-1])):
        teams = pb.ListStartupsRequest(stage=pb.Startup.STAGE_TEAM, order_by=order, **rare)
        assert [team.display_name for team in await all_pages(startups, teams)] == expected


async def test_a_page_token_of_another_query_is_refused(startups: Api) -> None:
    """A page token continues its own query only."""
    await new_startup(startups), await new_startup(startups)
    page = await startups.ListStartups(pb.ListStartupsRequest(page_size=1))
    other = pb.ListStartupsRequest(page_token=page.next_page_token, district=LONGTAN)
    answer = await refused(startups.ListStartups(other))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"page_token": "MALFORMED"})


async def test_a_missing_startup_is_not_found(startups: Api) -> None:
    """A startup that does not exist is NOT_FOUND, whether it is read or updated."""
    for call in (
        startups.GetStartup(get_startup("startups/nobody")),
        startups.UpdateStartup(update_startup("startups/nobody", ["display_name"], display_name="无名")),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
        assert answer.metadata["name"] == "startups/nobody"


async def test_a_startup_shows_its_residency(startups: Api, spaces: Api, tenancies: Api) -> None:
    """A startup shows where it stays and until when, and the startups of a space can be listed."""
    space, startup = await new_space(spaces), await new_startup(startups)
    tenancy = await tenancies.RegisterTenant(register_tenant(space.name, startup.name, -5))

    async def is_listed() -> bool:
        listed = await all_pages(startups, pb.ListStartupsRequest(space=space.name))
        return [found.name for found in listed] == [startup.name]

    await eventually(is_listed)
    found = await startups.GetStartup(get_startup(startup.name))
    assert found.residency == residency_pb2.Residency(
        tenancy=tenancy.name,
        space=space.name,
        space_display_name=space.display_name,
        start_date=date_of(-5),
        state=residency_pb2.Residency.STATE_CURRENT,
    )
    assert found.etag != startup.etag
    await tenancies.EndTenancy(end_tenancy(tenancy.name))

    async def has_left() -> bool:
        return await all_pages(startups, pb.ListStartupsRequest(space=space.name)) == []

    await eventually(has_left)
    found = await startups.GetStartup(get_startup(startup.name))
    assert (found.residency.end_date, found.residency.state) == (date_of(0), residency_pb2.Residency.STATE_ENDED)


# --- update -----------------------------------------------------------------------------------


async def test_a_team_becomes_a_firm(startups: Api) -> None:
    """A team that is given a code becomes a firm and keeps its name; an update cannot change the code again."""
    team, credit_code = await new_startup(startups), new_code()
    firm = await startups.UpdateStartup(update_startup(team.name, ["credit_code"], credit_code=credit_code))
    assert (firm.name, firm.stage, firm.credit_code) == (team.name, pb.Startup.STAGE_FIRM, credit_code)
    assert (firm.display_name, firm.create_time) == (team.display_name, team.create_time)
    assert firm.etag != team.etag
    assert await startups.GetStartup(get_startup(team.name)) == firm
    for other in ("", new_code()):
        answer = await refused(startups.UpdateStartup(update_startup(team.name, ["credit_code"], credit_code=other)))
        assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "CREDIT_CODE_FIXED")


async def test_a_team_cannot_take_the_code_of_a_firm(startups: Api) -> None:
    """An update to a code that another startup has is refused (CREDIT_CODE_TAKEN)."""
    firm, team = await new_startup(startups, credit_code=new_code()), await new_startup(startups)
    update = update_startup(team.name, ["credit_code"], credit_code=firm.credit_code)
    answer = await refused(startups.UpdateStartup(update))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "CREDIT_CODE_TAKEN")
    assert await startups.GetStartup(get_startup(team.name)) == team


async def test_a_star_updates_every_field(startups: Api) -> None:
    """`*` takes every field of the spec, so that those that are not given are emptied."""
    made = await new_startup(startups, industry_chain="aviation", founded_date=date_of(-9))
    new = startup_spec(district=FENGMAN)
    request = pb.UpdateStartupRequest(name=made.name, startup=new)
    request.update_mask.paths.append("*")
    changed = await startups.UpdateStartup(request)
    fields = [field.name for field in new.DESCRIPTOR.fields]
    assert [getattr(changed, name) for name in fields] == [getattr(new, name) for name in fields]
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
    """A mask that is empty, names no field of the spec, or empties a required one is refused and changes nothing."""
    made = await new_startup(startups)
    answer = await refused(startups.UpdateStartup(update_startup(made.name, paths)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, fields)
    assert await startups.GetStartup(get_startup(made.name)) == made


async def test_a_stale_etag_aborts(startups: Api) -> None:
    """Of two updates of the version that both have read, the second is refused with the current etag."""
    made = await new_startup(startups)
    update = update_startup(made.name, ["display_name"], display_name="新名", etag=made.etag)
    first = await startups.UpdateStartup(update)
    assert first.update_time.ToNanoseconds() > made.update_time.ToNanoseconds()
    answer = await refused(startups.UpdateStartup(update))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert answer.metadata["etag"] == first.etag


# --- repeats and scope ------------------------------------------------------------------------


async def test_a_repeat_gets_the_first_answer(startups: Api) -> None:
    """A change requested again under its request id happens once, and is answered as the first time."""
    request = register_startup(credit_code=new_code(), request_id=os.urandom(8).hex())
    made = await asyncio.gather(*(startups.RegisterStartup(request) for _ in range(50)))
    assert made == [made[0]] * 50
    update = update_startup(made[0].name, ["display_name"], display_name="新名", request_id=os.urandom(8).hex())
    first = await startups.UpdateStartup(update)
    assert await startups.UpdateStartup(update) == first
    assert await startups.RegisterStartup(request) == made[0]
    assert await startups.GetStartup(get_startup(first.name)) == first


async def test_a_request_id_stands_for_one_request(startups: Api) -> None:
    """A used id stands for that request alone."""
    used = os.urandom(8).hex()
    await startups.RegisterStartup(register_startup(request_id=used))
    answer = await refused(startups.RegisterStartup(register_startup(request_id=used)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"request_id": "REQUEST_ID_REUSED"})


async def test_a_founder_is_limited_to_the_own_startup(startups: Api, cluster: Cluster) -> None:
    """A founder reads and changes the startup in scope, and learns nothing about any other."""
    mine, other = await new_startup(startups), await new_startup(startups)
    founder = cluster.token("founder", [mine.name], subject="founder")
    assert await startups.GetStartup(get_startup(mine.name), token=founder) == mine
    assert list((await startups.ListStartups(pb.ListStartupsRequest(), token=founder)).startups) == [mine]
    update = update_startup(mine.name, ["display_name"], display_name="我的")
    assert (await startups.UpdateStartup(update, token=founder)).display_name == "我的"
    for name in (other.name, "startups/nobody"):
        for call in (
            startups.GetStartup(get_startup(name), token=founder),
            startups.BatchGetStartups(pb.BatchGetStartupsRequest(names=[mine.name, name]), token=founder),
            startups.UpdateStartup(update_startup(name, ["display_name"], display_name="他的"), token=founder),
        ):
            answer = await refused(call)
            assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
