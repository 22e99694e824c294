"""ConfirmCreditCode and CorrectCreditCode through a real channel, and ID numbers of persons, which are never stored."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import bson
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import AioRpcError

from libs.api.hatchery.startups.v1 import facts_pb2 as facts
from libs.api.hatchery.startups.v1 import startup_pb2 as pb
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from tests.startups.requests import (
    confirm_credit_code,
    correct_credit_code,
    get_startup,
    new_code,
    new_startup,
    register_startup,
    update_startup,
)
from tests.startups.samples import FENGMAN, ISSUED_DIFFERENTLY, LONGTAN
from tests.support.calls import Api, refused
from tests.support.processes import Cluster
from tests.support.store_fixtures import DRIVER
from tests.support.waiting import eventually

S = pb.Startup
DIFFERS = S.CREDIT_CODE_CHECK_CHECK_DIGIT_DIFFERS
#: Made up in the form of GB 11643, with a check character that fits.
RESIDENT_ID = "220203198506151285"

_issued = iter(ISSUED_DIFFERENTLY)


def issued_code() -> str:
    """Return a published code whose 18th character does not fit, another one each time."""
    return next(_issued)


@pytest.fixture(scope="module")
async def stored(cluster: Cluster, startups: Api) -> AsyncIterator[Database]:
    """The database of the running startups."""
    database = Database(cluster.mongo.admin_uri, cluster.database("startups"), DRIVER)
    yield database
    await database.close()


async def journal_of(stored: Database, name: str) -> list[Document]:
    """Return the journal entries that changed a startup, in the order of its versions."""
    found = await stored.collection("journal").find({"entities.name": name}).to_list(None)
    return sorted(found, key=lambda entry: next(e["version"] for e in entry["entities"] if e["name"] == name))


async def found_by(startups: Api, credit_code: str) -> list[str]:
    """Return the names of the startups that a list finds by a credit code."""
    page = await startups.ListStartups(pb.ListStartupsRequest(credit_code=credit_code))
    return [found.name for found in page.startups]


# --- confirm ----------------------------------------------------------------------------------


async def test_an_official_confirms_a_code(startups: Api, cluster: Cluster) -> None:
    """A code that registration refuses is recorded by an official of the district, and the team becomes a firm."""
    code, team = issued_code(), await new_startup(startups)
    answer = await refused(startups.RegisterStartup(register_startup(credit_code=code)))
    assert answer.fields == {"startup.credit_code": "CREDIT_CODE_CHECK_DIGIT"}
    answer = await refused(startups.UpdateStartup(update_startup(team.name, ["credit_code"], credit_code=code)))
    assert answer.fields == {"startup.credit_code": "CREDIT_CODE_CHECK_DIGIT"}
    official = cluster.token("official", [LONGTAN], subject="official")
    spelled = f" {code[:8].lower()}-{code[8:]}"
    firm = await startups.ConfirmCreditCode(confirm_credit_code(team.name, spelled, etag=team.etag), token=official)
    assert (firm.name, firm.stage, firm.credit_code) == (team.name, S.STAGE_FIRM, code)
    assert firm.credit_code_check == DIFFERS
    assert await startups.GetStartup(get_startup(team.name)) == firm
    assert await found_by(startups, spelled) == [team.name]


async def test_a_firm_with_a_confirmed_code_is_updated_like_others(startups: Api) -> None:
    """An unrelated field can be changed, and what was read can be written back with the mask `*`."""
    team, code = await new_startup(startups), issued_code()
    firm = await startups.ConfirmCreditCode(confirm_credit_code(team.name, code))
    renamed = await startups.UpdateStartup(update_startup(team.name, ["display_name"], display_name="新名"))
    assert (renamed.display_name, renamed.credit_code, renamed.credit_code_check) == ("新名", code, DIFFERS)
    fields = {field.name: getattr(renamed, field.name) for field in pb.StartupSpec.DESCRIPTOR.fields}
    if not renamed.HasField("founded_date"):
        del fields["founded_date"]
    written_back = await startups.UpdateStartup(update_startup(team.name, ["*"], **fields))
    for changing in ("etag", "update_time"):
        written_back.ClearField(changing)
        renamed.ClearField(changing)
    assert written_back == renamed
    assert firm.credit_code == code


async def test_a_set_code_cannot_be_confirmed_away(startups: Api) -> None:
    """Another code is refused (CREDIT_CODE_FIXED); the same one is accepted and publishes nothing."""
    firm = await new_startup(startups, credit_code=new_code())
    answer = await refused(startups.ConfirmCreditCode(confirm_credit_code(firm.name, new_code())))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "CREDIT_CODE_FIXED")
    assert answer.metadata["name"] == firm.name
    assert await startups.ConfirmCreditCode(confirm_credit_code(firm.name, firm.credit_code)) == firm


async def test_a_taken_code_cannot_be_confirmed(startups: Api) -> None:
    """A code belongs to one startup, however it was recorded (CREDIT_CODE_TAKEN)."""
    code = issued_code()
    first, second = await new_startup(startups), await new_startup(startups)
    await startups.ConfirmCreditCode(confirm_credit_code(first.name, code))
    answer = await refused(startups.ConfirmCreditCode(confirm_credit_code(second.name, code)))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "CREDIT_CODE_TAKEN")
    assert await startups.GetStartup(get_startup(second.name)) == second


async def test_one_of_many_gets_a_confirmed_code(startups: Api) -> None:
    """Of many startups for which one code is confirmed at once, one gets it."""
    code, teams = issued_code(), [await new_startup(startups) for _ in range(10)]
    calls = (startups.ConfirmCreditCode(confirm_credit_code(team.name, code)) for team in teams)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    [firm] = [answer for answer in answers if isinstance(answer, pb.Startup)]
    assert await found_by(startups, code) == [firm.name]


# --- correct ----------------------------------------------------------------------------------


async def test_a_correction_frees_the_code_for_the_right_startup(
    startups: Api, cluster: Cluster, stored: Database
) -> None:
    """A code of the wrong startup is removed, then given to the right one; the journal names who did both, and what."""
    code = new_code()
    wrong, right = await new_startup(startups, credit_code=code), await new_startup(startups)
    admin = cluster.token("admin", ["*"], subject="registrar")
    answer = await refused(startups.CorrectCreditCode(correct_credit_code(right.name, code), token=admin))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "CREDIT_CODE_TAKEN")
    team = await startups.CorrectCreditCode(correct_credit_code(wrong.name, etag=wrong.etag), token=admin)
    assert (team.stage, team.credit_code, team.credit_code_check) == (S.STAGE_TEAM, "", 0)
    firm = await startups.ConfirmCreditCode(confirm_credit_code(right.name, code), token=admin)
    assert (firm.stage, firm.credit_code) == (S.STAGE_FIRM, code)
    assert await found_by(startups, code) == [right.name]

    removed, given = (await journal_of(stored, wrong.name))[-1], (await journal_of(stored, right.name))[-1]
    service = "hatchery.startups.v1.StartupService"
    assert (removed["actor"], removed["command"]) == ("registrar", f"{service}.CorrectCreditCode")
    assert (given["actor"], given["command"]) == ("registrar", f"{service}.ConfirmCreditCode")
    [fact] = removed["facts"]
    assert (fact["type"], fact["subject"], fact["sequence"]) == (
        facts.StartupCreditCodeCorrected.DESCRIPTOR.full_name,
        wrong.name,
        2,
    )
    assert facts.StartupCreditCodeCorrected.FromString(fact["body"]) == facts.StartupCreditCodeCorrected(
        name=wrong.name,
        display_name=wrong.display_name,
        stage=S.STAGE_TEAM,
        district=wrong.district,
        technology_field=wrong.technology_field,
        previous_credit_code=code,
        correction_reason=S.CREDIT_CODE_CORRECTION_WRONG_STARTUP,
    )
    [fact] = given["facts"]
    assert fact["type"] == facts.StartupUpdated.DESCRIPTOR.full_name
    assert facts.StartupUpdated.FromString(fact["body"]).credit_code == code


async def test_a_mistyped_code_is_replaced(startups: Api, stored: Database) -> None:
    """A correction records the right code, its check and the previous code, and the wrong one is free again."""
    mistyped, code = new_code(), new_code()
    firm = await new_startup(startups, credit_code=mistyped)
    request = correct_credit_code(firm.name, code, reason=S.CREDIT_CODE_CORRECTION_MISTYPED)
    corrected = await startups.CorrectCreditCode(request)
    assert (corrected.credit_code, corrected.credit_code_check) == (code, S.CREDIT_CODE_CHECK_VALID)
    [stored_fact] = (await journal_of(stored, firm.name))[-1]["facts"]
    fact = facts.StartupCreditCodeCorrected.FromString(stored_fact["body"])
    assert (fact.credit_code, fact.previous_credit_code) == (code, mistyped)
    assert fact.correction_reason == S.CREDIT_CODE_CORRECTION_MISTYPED
    assert await found_by(startups, mistyped) == []
    assert (await new_startup(startups, credit_code=mistyped)).credit_code == mistyped


async def test_a_correction_without_a_difference_publishes_nothing(startups: Api, stored: Database) -> None:
    """A startup that already has the given code, or none, keeps its version, and no fact is recorded."""
    for startup in (await new_startup(startups), await new_startup(startups, credit_code=new_code())):
        request_id = os.urandom(8).hex()
        request = correct_credit_code(startup.name, startup.credit_code, request_id=request_id)
        assert await startups.CorrectCreditCode(request) == startup
        assert await startups.CorrectCreditCode(request) == startup
        assert len(await journal_of(stored, startup.name)) == 1  # the registration
        entries = await stored.collection("journal").find({"reply.document._id": startup.name}).to_list(None)
        assert [("facts" in entry, len(entry["entities"])) for entry in entries] == [(True, 1), (False, 0)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(ISSUED_DIFFERENTLY[-1], "CREDIT_CODE_CHECK_DIGIT"), ("9122", "CREDIT_CODE_SHAPE")],
)
async def test_a_correction_is_checked_like_a_registration(startups: Api, code: str, reason: str) -> None:
    """A code that does not fit or is none is refused with its path; one that does not fit has to be confirmed."""
    firm = await new_startup(startups, credit_code=new_code())
    answer = await refused(startups.CorrectCreditCode(correct_credit_code(firm.name, code)))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"credit_code": reason})
    assert await startups.GetStartup(get_startup(firm.name)) == firm


async def test_a_correction_states_its_reason(startups: Api) -> None:
    """A correction without a reason is refused (REQUIRED)."""
    firm = await new_startup(startups, credit_code=new_code())
    request = correct_credit_code(firm.name, reason=S.CREDIT_CODE_CORRECTION_UNSPECIFIED)
    answer = await refused(startups.CorrectCreditCode(request))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"correction_reason": "REQUIRED"})


# --- both -------------------------------------------------------------------------------------

Build = Callable[..., Message]
METHODS: list[tuple[str, Build]] = [
    ("ConfirmCreditCode", confirm_credit_code),
    ("CorrectCreditCode", correct_credit_code),
]


@pytest.mark.parametrize(("method", "build"), METHODS)
async def test_a_stale_etag_aborts(startups: Api, method: str, build: Build) -> None:
    """A change of another version than the current one is refused with the current etag."""
    team = await new_startup(startups)
    await startups.UpdateStartup(update_startup(team.name, ["display_name"], display_name="新名"))
    answer = await refused(getattr(startups, method)(build(team.name, new_code(), etag=team.etag)))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    assert answer.metadata["etag"] == "v2"


@pytest.mark.parametrize(("method", "build"), METHODS)
async def test_a_repeat_gets_the_first_answer(startups: Api, method: str, build: Build) -> None:
    """The same request sent twenty times happens once, and late repeats get its first answer."""
    team = await new_startup(startups)
    request = build(team.name, new_code(), request_id=os.urandom(8).hex())
    answers = await asyncio.gather(*(getattr(startups, method)(request) for _ in range(20)))
    assert answers == [answers[0]] * 20
    assert answers[0].etag == "v2"
    await startups.UpdateStartup(update_startup(team.name, ["display_name"], display_name="新名"))
    assert await getattr(startups, method)(request) == answers[0]


@pytest.mark.parametrize("name", ["startups/nobody", "startups/"])
@pytest.mark.parametrize(("method", "build"), METHODS)
async def test_an_unknown_startup_is_refused(startups: Api, method: str, build: Build, name: str) -> None:
    """A name that no startup has is NOT_FOUND; what is no name is refused by its field."""
    answer = await refused(getattr(startups, method)(build(name, new_code())))
    if name == "startups/nobody":
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")
    else:
        assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"name": "MALFORMED"})


ROLES = ("operator", "mentor", "founder", "judge", "official", "evaluator", "integrator")
MAY_NOT = [
    *((role, "ConfirmCreditCode", confirm_credit_code) for role in ROLES if role != "official"),
    *((role, "CorrectCreditCode", correct_credit_code) for role in ROLES),
]


@pytest.mark.parametrize(("role", "method", "build"), MAY_NOT)
async def test_other_roles_may_not(startups: Api, cluster: Cluster, role: str, method: str, build: Build) -> None:
    """Only officials and administrators confirm codes, only administrators correct them, whatever is in scope."""
    team = await new_startup(startups)
    token = cluster.token(role, [team.name, LONGTAN], subject=role)
    answer = await refused(getattr(startups, method)(build(team.name, new_code()), token=token))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert await startups.GetStartup(get_startup(team.name)) == team


async def test_an_official_is_limited_to_the_own_district(startups: Api, cluster: Cluster) -> None:
    """A startup of another district is out of scope, just as one that does not exist."""
    official = cluster.token("official", [LONGTAN], subject="official")
    away = await new_startup(startups, district=FENGMAN)
    for name in (away.name, "startups/nobody"):
        answer = await refused(startups.ConfirmCreditCode(confirm_credit_code(name, new_code()), token=official))
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    assert await startups.GetStartup(get_startup(away.name)) == away


# --- ID numbers of persons --------------------------------------------------------------------


def requests_with(code: str, startup: str) -> dict[str, Any]:
    """Return a request of each method that takes a credit code."""
    return {
        "RegisterStartup": register_startup(credit_code=code),
        "UpdateStartup": update_startup(startup, ["credit_code"], credit_code=code),
        "ConfirmCreditCode": confirm_credit_code(startup, code),
        "CorrectCreditCode": correct_credit_code(startup, code),
        "ListStartups": pb.ListStartupsRequest(credit_code=code),
    }


SPELLINGS = {
    "plain": RESIDENT_ID,
    "spaced": f"{RESIDENT_ID[:6]} {RESIDENT_ID[6:14]} {RESIDENT_ID[14:]}",
    "full-width": "".join(chr(ord(sign) + 0xFEE0) for sign in RESIDENT_ID),
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("method", requests_with("", "startups/a"))
async def test_nothing_is_kept_of_an_id_number(
    startups: Api, cluster: Cluster, stored: Database, method: str, spelled: str
) -> None:
    """It is refused with LOOKS_LIKE_RESIDENT_ID; status, log and database hold neither it nor its birthday."""
    startup = await new_startup(startups)
    request = requests_with(spelled, startup.name)[method]
    with pytest.raises(AioRpcError) as error:
        await getattr(startups, method)(request)
    answer = await refused(getattr(startups, method)(request))
    assert answer.code is StatusCode.INVALID_ARGUMENT
    assert set(answer.fields.values()) == {"LOOKS_LIKE_RESIDENT_ID"}
    log = cluster.replicas["startups"].child.log
    line = f'"method":"hatchery.startups.v1.StartupService.{method}","code":"INVALID_ARGUMENT"'

    async def is_logged() -> bool:
        return log.read_text("utf-8").count(line) >= 2

    await eventually(is_logged)
    written = [log.read_bytes(), *sent_back(error.value), *map(bson.encode, await every_document(stored))]
    for secret in (RESIDENT_ID, RESIDENT_ID[6:14], spelled):
        assert [data for data in written if secret.encode() in data] == []


def sent_back(error: AioRpcError) -> list[bytes]:
    """Return all that a refused caller receives."""
    values = [value for _, value in error.trailing_metadata() or ()]
    return [(error.details() or "").encode(), *(v.encode() if isinstance(v, str) else v for v in values)]


async def every_document(stored: Database) -> list[Document]:
    """Return all that a service has stored."""
    names = await stored.handle.list_collection_names()
    assert {"journal", "startups", "parked"} <= set(names)
    return [document for name in names for document in await stored.collection(name).find().to_list(None)]
