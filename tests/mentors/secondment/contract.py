"""Secondments for the contract tests, of a mentor of their own in each place."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from libs.api.hatchery.mentors.v1 import mentor_pb2
from libs.api.hatchery.mentors.v1 import secondment_pb2 as pb
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.common.domain.entity import Entity
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.secondment import Consent, EndReason, Organisation, Secondment, State
from services.mentors.domain.working_time import Engagement, WorkingTime
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, Valid, new_request_id
from tests.mentors import requests
from tests.mentors.samples import TODAY, day
from tests.mentors.secondment.requests import consent, end, propose

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
HOME, HOST = pb.Secondment.PARTY_HOME, pb.Secondment.PARTY_HOST
_numbers = itertools.count(1)


async def populate(calls: Calls, place: Place) -> None:
    """Propose a secondment of a new mentor of the place."""
    place.add(await calls.call("mentors", "ProposeSecondment", propose(await _new_mentor(calls, place))))


async def _new_mentor(calls: Calls, place: Place) -> str:
    """Appoint a mentor by the space of the place."""
    space = place.get(space_pb2.Space).name
    nominate = requests.nominate_mentor(
        space, district=place.district, display_name=f"{place.label}兼职导师{next(_numbers)}"
    )
    mentor: mentor_pb2.Mentor = await calls.call("mentors", "NominateMentor", nominate)
    await calls.call("mentors", "AppointMentor", requests.appoint_mentor(mentor.name, space, -365))
    return mentor.name


def scopes_of_secondment(secondment: pb.Secondment, known: Mapping[str, Any]) -> set[str]:
    """A secondment is scoped by its mentor, and the mentor's district and spaces."""
    return {secondment.mentor, secondment.district, *secondment.spaces}


def _valid(contract: RunningContract, request: Any, secondment: pb.Secondment | None = None) -> Valid:
    """Return a request about a secondment of the home place."""
    known, foreign = secondment or contract.home.get(pb.Secondment), contract.foreign.get(pb.Secondment)
    return Valid(request, (known.mentor, known.district, *known.spaces), known.name, foreign.name)


async def _proposed(contract: RunningContract) -> pb.Secondment:
    """Propose a secondment of a new mentor of the home place."""
    mentor = await _new_mentor(contract.calls, contract.home)
    secondment: pb.Secondment = await contract.calls.call("mentors", "ProposeSecondment", propose(mentor))
    return secondment


# --- requests ---------------------------------------------------------------------------------


async def propose_secondment(contract: RunningContract) -> Valid:
    """Propose a secondment of a new mentor."""
    known = await _proposed(contract)
    return _valid(contract, propose(known.mentor, request_id=new_request_id()), known)


async def record_consent(contract: RunningContract) -> Valid:
    """Record the consent of the home organisation to a new secondment."""
    known = await _proposed(contract)
    request = consent(known.name, HOME, consent_date=requests.date_of(-1), etag=known.etag, request_id=new_request_id())
    return _valid(contract, request, known)


async def end_secondment(contract: RunningContract) -> Valid:
    """End a new secondment to which both organisations consent."""
    known = await _proposed(contract)
    for party in (HOME, HOST):
        known = await contract.calls.call("mentors", "RecordConsent", consent(known.name, party))
    return _valid(contract, end(known.name, 50, etag=known.etag, request_id=new_request_id()), known)


async def get(contract: RunningContract) -> Valid:
    """Read the secondment."""
    return _valid(contract, pb.GetSecondmentRequest(name=contract.home.get(pb.Secondment).name))


async def list_(contract: RunningContract) -> Valid:
    """List secondments by everything that the secondment is."""
    known = contract.home.get(pb.Secondment)
    request = pb.ListSecondmentsRequest(
        page_size=50,
        order_by="start_date desc",
        states=[pb.Secondment.STATE_PROPOSED, pb.Secondment.STATE_ENDED],
        mentor=known.mentor,
        district=known.district,
    )
    return _valid(contract, request)


REQUESTS = {
    "SecondmentService.ProposeSecondment": propose_secondment,
    "SecondmentService.RecordConsent": record_consent,
    "SecondmentService.EndSecondment": end_secondment,
    "SecondmentService.GetSecondment": get,
    "SecondmentService.ListSecondments": list_,
}
SCOPES = {pb.Secondment: scopes_of_secondment}
FACT_VALUES: Mapping[str, object] = {}
MALFORMED = frozenset({"MALFORMED"})
BAD_VALUES: Mapping[str, tuple[BadValue, ...]] = {
    "EndSecondmentRequest.end_reason": (
        (pb.Secondment.END_REASON_EXPIRED, MALFORMED),
        (pb.Secondment.END_REASON_LAPSED, MALFORMED),
    ),
}

# --- entities ---------------------------------------------------------------------------------

CONSENT = Consent(
    evidence=Evidence(
        kind=EvidenceKind.AGREEMENT, title="协议", link="https://files.example.org/1.pdf", sha256="0a" * 32
    ),
    consent_date=TODAY,
    record_time=THEN,
)
ENTITIES: tuple[Entity, ...] = (
    Secondment(
        name="secondments/0secondment",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        mentor_display_name="林江",
        spaces=("spaces/0space",),
        district="districts/220203",
        home=Organisation(display_name="东北电力大学", credit_code="91220201MA0Y3TAM6K"),
        host=Organisation(display_name="松江碳材", credit_code="91220202MA0Y1X2KX3"),
        role="技术总监",
        start_date=TODAY,
        end_date=day(100),
        share_percent=40,
        state=State.ACTIVE,
        home_consent=CONSENT,
        host_consent=CONSENT,
        end_reason=EndReason.RECALLED,
        due_time=THEN,
    ),
    WorkingTime(
        name="mentors/0mentor/workingtime",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        engagements=(
            Engagement(secondment="secondments/0secondment", start_date=TODAY, end_date=day(100), share_percent=40),
        ),
    ),
)
