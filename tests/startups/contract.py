"""What the contract tests need to know about startups: valid requests, scopes, examples and bad values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.type.date_pb2 import Date

from libs.api.hatchery.spaces.v1 import space_pb2
from libs.api.hatchery.startups.v1 import startup_pb2 as pb
from services.startups.domain.credit_code import CreditCodeCheck
from services.startups.domain.mentoring import ForgottenMentor
from services.startups.domain.startup import Startup
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, ServiceContract, Valid, new_request_id
from tests.startups import requests
from tests.startups.samples import CODES, ISSUED_DIFFERENTLY, relation, stay

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
STAY = stay("0tenancy", 3, 0, 30)


async def populate(calls: Calls, place: Place) -> None:
    """Register a firm in the place."""
    request = pb.RegisterStartupRequest(startup=_spec(place, display_name=f"{place.label}团队"))
    place.add(await calls.call("startups", "RegisterStartup", request))


def scopes_of(resource: Any, known: Mapping[str, Any]) -> set[str]:
    """A startup is scoped by itself and its district."""
    return {resource.name, resource.district}


def _spec(place: Place, **fields: Any) -> pb.StartupSpec:
    values = {
        "district": place.district,
        "credit_code": requests.new_code(),
        "industry_chain": "new-materials",
        "founded_date": Date(year=2020, month=5, day=4),
    }
    return requests.startup_spec(**values | fields)


def _startup(contract: RunningContract, request: Any, startup: pb.Startup | None = None) -> Valid:
    """Return a request about a startup in the home place: the one that is always there, unless another is given."""
    home, foreign = startup or contract.home.get(pb.Startup), contract.foreign.get(pb.Startup)
    return Valid(request, (home.name, home.district), home.name, foreign.name)


async def register_startup(contract: RunningContract) -> Valid:
    """Register a firm in the district of the home place."""
    spec = _spec(contract.home)
    return Valid(pb.RegisterStartupRequest(startup=spec, request_id=new_request_id()), (spec.district,))


async def get_startup(contract: RunningContract) -> Valid:
    """Read the startup."""
    return _startup(contract, requests.get_startup(contract.home.get(pb.Startup).name))


async def batch_get_startups(contract: RunningContract) -> Valid:
    """Read the startup in a batch."""
    return _startup(contract, pb.BatchGetStartupsRequest(names=[contract.home.get(pb.Startup).name]))


async def list_startups(contract: RunningContract) -> Valid:
    """List startups by everything that the startup is."""
    startup = contract.home.get(pb.Startup)
    request = pb.ListStartupsRequest(
        page_size=50,
        order_by="display_name desc",
        stage=startup.stage,
        district=startup.district,
        technology_field=startup.technology_field,
        credit_code=startup.credit_code,
        space=contract.home.get(space_pb2.Space).name,
    )
    return _startup(contract, request)


async def update_startup(contract: RunningContract) -> Valid:
    """Change every field of the startup that a client sets, except for its credit code."""
    name = contract.home.get(pb.Startup).name
    startup: pb.Startup = await contract.calls.call("startups", "GetStartup", requests.get_startup(name))
    spec = _spec(contract.home, credit_code=startup.credit_code)
    request = pb.UpdateStartupRequest(name=name, startup=spec, etag=startup.etag, request_id=new_request_id())
    request.update_mask.paths.extend(spec.DESCRIPTOR.fields_by_name)
    return _startup(contract, request)


async def confirm_credit_code(contract: RunningContract) -> Valid:
    """Confirm the code of a new team."""
    team = await _new_startup(contract, credit_code="")
    request = requests.confirm_credit_code(team.name, requests.new_code(), etag=team.etag, request_id=new_request_id())
    return _startup(contract, request, team)


async def correct_credit_code(contract: RunningContract) -> Valid:
    """Replace the code of a new firm."""
    firm = await _new_startup(contract)
    request = requests.correct_credit_code(firm.name, requests.new_code(), etag=firm.etag, request_id=new_request_id())
    return _startup(contract, request, firm)


async def _new_startup(contract: RunningContract, **fields: Any) -> pb.Startup:
    request = pb.RegisterStartupRequest(startup=_spec(contract.home, **fields))
    startup: pb.Startup = await contract.calls.call("startups", "RegisterStartup", request)
    return startup


ENTITIES = (
    Startup(
        name="startups/0startup",
        version=7,
        create_time=THEN,
        update_time=THEN,
        display_name="松江碳材",
        credit_code=CODES[0],
        credit_code_check=CreditCodeCheck.ORGANISATION_DIGIT_DIFFERS,
        district="districts/220203",
        technology_field="new-materials",
        industry_chain="new-materials",
        founded_date=STAY.start_date,
        stays=(STAY,),
        residency=STAY,
        relations=(relation("0mentor", 3),),
    ),
    ForgottenMentor(name="mentors/0mentor", version=7, create_time=THEN, update_time=THEN),
)

SHAPE, FIXED = frozenset({"CREDIT_CODE_SHAPE"}), "CREDIT_CODE_FIXED"
#: Texts that are no credit codes, however many of the characters between are dropped.
MISSHAPEN: tuple[BadValue, ...] = (
    ("220203199003071234", SHAPE),
    (CODES[0][:-1], SHAPE),
    (CODES[0] + "0", SHAPE),
    ("X" + CODES[0][1:], SHAPE),
    (CODES[0][0] + "8" + CODES[0][2:], SHAPE),
    (CODES[0][:2] + "99" + CODES[0][4:], SHAPE),
    (CODES[0][:9] + "I" + CODES[0][10:], SHAPE),
    (CODES[0][:9] + "名" + CODES[0][10:], SHAPE),
    (CODES[0][:9] + "а" + CODES[0][10:], SHAPE),
    (CODES[0][:9] + "\ue000" + CODES[0][10:], SHAPE),
    ("\u200b\u200d", SHAPE),
    ("   ", SHAPE),
    ("{$ne: 1}", SHAPE),
    ("22020319900307123X", frozenset({"LOOKS_LIKE_RESIDENT_ID", "CREDIT_CODE_SHAPE"})),
    ("11010519491231002X", frozenset({"LOOKS_LIKE_RESIDENT_ID"})),
)
CHECK_DIGIT = ISSUED_DIFFERENTLY[0]

CONTRACT = ServiceContract(
    populate=populate,
    scopes_of=scopes_of,
    requests={
        "StartupService.RegisterStartup": register_startup,
        "StartupService.GetStartup": get_startup,
        "StartupService.BatchGetStartups": batch_get_startups,
        "StartupService.ListStartups": list_startups,
        "StartupService.UpdateStartup": update_startup,
        "StartupService.ConfirmCreditCode": confirm_credit_code,
        "StartupService.CorrectCreditCode": correct_credit_code,
    },
    entities=ENTITIES,
    fact_values={
        "credit_code": CODES[0],
        "previous_credit_code": CODES[1],
        "technology_field": "new-materials",
        "industry_chain": "new-materials",
    },
    bad_values={
        "StartupSpec.credit_code": (*MISSHAPEN, (CHECK_DIGIT, frozenset({"CREDIT_CODE_CHECK_DIGIT", FIXED}))),
        "CorrectCreditCodeRequest.credit_code": (
            *MISSHAPEN,
            (CHECK_DIGIT, frozenset({"CREDIT_CODE_CHECK_DIGIT"})),
        ),
        "ConfirmCreditCodeRequest.credit_code": MISSHAPEN,
        "ListStartupsRequest.credit_code": MISSHAPEN,
    },
)
