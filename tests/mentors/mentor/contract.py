"""Mentors, nominations and contacts for the contract tests."""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from libs.api.hatchery.mentors.v1 import appointment_pb2 as terms
from libs.api.hatchery.mentors.v1 import contact_pb2, evidence_pb2, mentor_pb2, nomination_pb2, profession_pb2
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.contracts.calls import Calls
from tests.contracts.requests import Place, RunningContract, Valid, new_request_id
from tests.mentors import requests
from tests.mentors.mentor.entities import BAD_VALUES, ENTITIES, FACT_VALUES, UNANSWERED

_numbers = itertools.count(6200_0000)


async def populate(calls: Calls, place: Place) -> None:
    """Nominate a mentor in the place, with papers and contact, and appoint the mentor by the place's space."""
    space = place.get(space_pb2.Space).name
    request = mentor_pb2.NominateMentorRequest(
        mentor=_spec(place, display_name=f"{place.label}导师"),
        nominator=space,
        nomination=_papers(),
        contact=_contact(),
    )
    nominated: mentor_pb2.Mentor = await calls.call("mentors", "NominateMentor", request)
    place.add(await calls.call("mentors", "AppointMentor", requests.appoint_mentor(nominated.name, space, -365)))
    get = nomination_pb2.GetNominationRequest(name=f"{nominated.name}/nomination")
    place.add(await calls.call("mentors", "GetNomination", get))


def scopes_of_mentor(mentor: mentor_pb2.Mentor, known: Mapping[str, Any]) -> set[str]:
    """A mentor is scoped by itself, its district, its nominator, and the appointers whose terms have not ended."""
    return {mentor.name, mentor.district, mentor.nominator, *mentor.spaces, *mentor.districts}


def scopes_of_nomination(nomination: nomination_pb2.Nomination, known: Mapping[str, Any]) -> set[str]:
    """A nomination is scoped by the mentor, the nominator and the mentor's district when it was made."""
    return {nomination.mentor, nomination.nominator, known[nomination.mentor].district}


def scopes_of_contact(contact: contact_pb2.MentorContact, known: Mapping[str, Any]) -> set[str]:
    """A contact can be read by whoever reaches its mentor."""
    return scopes_of_mentor(known[contact.mentor], known)


def _contact() -> contact_pb2.MentorContactSpec:
    """Return another contact each time."""
    return contact_pb2.MentorContactSpec(phone=f"+86 432 {next(_numbers)}", email="mentor@example.org")


def _papers() -> nomination_pb2.NominationSpec:
    activity = nomination_pb2.Activity(topic="融资路演辅导", organiser="江城孵化器", date=requests.date_of(-90))
    honour = nomination_pb2.Honour(title="优秀企业家", level=nomination_pb2.Honour.LEVEL_CITY, year=2024)
    return nomination_pb2.NominationSpec(
        organisation="松江材料公司",
        activities=[activity],
        honours=[honour],
        birth_year=1975,
        degree=nomination_pb2.DEGREE_MASTER,
        employer_consent=requests.evidence(),
        commitment_letter=requests.evidence(),
        documents=[requests.evidence(kind=evidence_pb2.Evidence.KIND_OTHER)],
    )


def _spec(place: Place, **fields: Any) -> profession_pb2.MentorSpec:
    startup = place.get(startup_pb2.Startup).name
    affiliation = profession_pb2.Affiliation(
        organisation="松江材料公司", credit_code="91220202MA0Y1X2KX3", role="总经理"
    )
    values: dict[str, Any] = {
        "district": place.district,
        "title": "高级工程师",
        "organisation": "松江材料公司",
        "affiliations": [affiliation],
        "holdings": [profession_pb2.Holding(startup=startup, share_per_mille=50)],
        "industry_chains": ["new-materials"],
        "biography_zh": "从事碳纤维复合材料二十年。",
        "biography_en": "二十年 in carbon fibre composites.",
        "industry_expert": True,
        "offered_minutes_per_month": 480,
        "stages": [profession_pb2.STAGE_TEAM],
    }
    return requests.mentor_spec(**{**values, **fields})


async def _new_mentor(contract: RunningContract, *, appointed: bool = True) -> mentor_pb2.Mentor:
    """Nominate a mentor in the home place, and appoint the mentor by its space."""
    space = contract.home.get(space_pb2.Space).name
    request = requests.nominate_mentor(space, district=contract.home.district)
    mentor: mentor_pb2.Mentor = await contract.calls.call("mentors", "NominateMentor", request)
    if appointed:
        appoint = requests.appoint_mentor(mentor.name, space, -365)
        mentor = await contract.calls.call("mentors", "AppointMentor", appoint)
    return mentor


def _mentor(contract: RunningContract, request: Any, mentor: mentor_pb2.Mentor | None = None) -> Valid:
    """Return a request about a mentor in the home place: the one that is always there, unless another is given."""
    home, foreign = mentor or contract.home.get(mentor_pb2.Mentor), contract.foreign.get(mentor_pb2.Mentor)
    space = contract.home.get(space_pb2.Space).name
    return Valid(request, (home.name, home.district, space), home.name, foreign.name)


# --- requests ---------------------------------------------------------------------------------


async def nominate_mentor(contract: RunningContract) -> Valid:
    """Nominate a mentor for the space of the home place."""
    space = contract.home.get(space_pb2.Space)
    request = mentor_pb2.NominateMentorRequest(
        mentor=_spec(contract.home),
        nominator=space.name,
        nomination=_papers(),
        contact=_contact(),
        request_id=new_request_id(),
    )
    return Valid(request, (space.name, space.district), growth={"nominations": 1, "contacts": 1})


async def appoint_mentor(contract: RunningContract) -> Valid:
    """Appoint a new mentor by the space of the home place."""
    mentor, space = await _new_mentor(contract, appointed=False), contract.home.get(space_pb2.Space)
    request = requests.appoint_mentor(mentor.name, space.name, 1, 400, etag=mentor.etag, request_id=new_request_id())
    request.body = "江城孵化器"
    foreign = contract.foreign.get(mentor_pb2.Mentor).name
    scopes = (space.name, space.district)
    return Valid(request, scopes, mentor.name, foreign, growth={"certificate_numbers": 1})


async def end_appointment(contract: RunningContract) -> Valid:
    """End the appointment of a new mentor, whose number has letters of ASCII only."""
    mentor, space = await _new_mentor(contract, appointed=False), contract.home.get(space_pb2.Space).name
    appoint = requests.appoint_mentor(mentor.name, space, number=f"JC-{new_request_id()}")
    mentor = await contract.calls.call("mentors", "AppointMentor", appoint)
    request = terms.EndAppointmentRequest(
        name=mentor.name,
        certificate_number=mentor.appointments[0].certificate_number,
        end_date=requests.date_of(30),
        etag=mentor.etag,
        request_id=new_request_id(),
    )
    return _mentor(contract, request, mentor)


async def suspend_mentor(contract: RunningContract) -> Valid:
    """Suspend a new mentor for a month."""
    mentor = await _new_mentor(contract)
    request = terms.SuspendMentorRequest(
        name=mentor.name, end_date=requests.date_of(30), etag=mentor.etag, request_id=new_request_id()
    )
    return _mentor(contract, request, mentor)


async def resume_mentor(contract: RunningContract) -> Valid:
    """Resume a new mentor that was suspended."""
    mentor = await _new_mentor(contract)
    suspend = terms.SuspendMentorRequest(name=mentor.name)
    suspended: mentor_pb2.Mentor = await contract.calls.call("mentors", "SuspendMentor", suspend)
    request = terms.ResumeMentorRequest(name=mentor.name, etag=suspended.etag, request_id=new_request_id())
    return _mentor(contract, request, mentor)


async def retire_mentor(contract: RunningContract) -> Valid:
    """Retire a new mentor."""
    mentor = await _new_mentor(contract)
    request = terms.RetireMentorRequest(
        name=mentor.name,
        retire_reason=terms.RETIRE_REASON_RESIGNED,
        etag=mentor.etag,
        request_id=new_request_id(),
    )
    return _mentor(contract, request, mentor)


async def forget_person(contract: RunningContract) -> Valid:
    """Forget a new mentor."""
    mentor = await _new_mentor(contract)
    request = terms.ForgetPersonRequest(name=mentor.name, etag=mentor.etag, request_id=new_request_id())
    # The second entry of the journal says that everything is erased.
    return replace(_mentor(contract, request, mentor), growth={"nominations": -1, "journal": 2})


async def get_mentor(contract: RunningContract) -> Valid:
    """Read the mentor."""
    return _mentor(contract, requests.get_mentor(contract.home.get(mentor_pb2.Mentor).name))


async def batch_get_mentors(contract: RunningContract) -> Valid:
    """Read the mentor in a batch."""
    names = [contract.home.get(mentor_pb2.Mentor).name]
    return _mentor(contract, mentor_pb2.BatchGetMentorsRequest(names=names))


async def list_mentors(contract: RunningContract) -> Valid:
    """List mentors by everything that the mentor is."""
    mentor = contract.home.get(mentor_pb2.Mentor)
    request = mentor_pb2.ListMentorsRequest(
        page_size=50,
        order_by="display_name desc",
        states=[mentor_pb2.Mentor.STATE_APPOINTED, mentor_pb2.Mentor.STATE_SUSPENDED],
        kind=mentor.kind,
        technology_field=mentor.technology_fields[0],
        skill=mentor.skills[0],
        language=mentor.languages[0],
        format=mentor.formats[0],
        space=contract.home.get(space_pb2.Space).name,
        district=mentor.district,
        industry_expert=mentor.industry_expert,
    )
    return _mentor(contract, request)


async def update_mentor(contract: RunningContract) -> Valid:
    """Change every field of the mentor that a client sets."""
    name = contract.home.get(mentor_pb2.Mentor).name
    mentor: mentor_pb2.Mentor = await contract.calls.call("mentors", "GetMentor", requests.get_mentor(name))
    spec = _spec(contract.home)
    request = profession_pb2.UpdateMentorRequest(name=name, mentor=spec, etag=mentor.etag, request_id=new_request_id())
    request.update_mask.paths.extend(spec.DESCRIPTOR.fields_by_name)
    return _mentor(contract, request)


async def classify_mentor(contract: RunningContract) -> Valid:
    """Classify a new mentor."""
    mentor = await _new_mentor(contract)
    request = profession_pb2.ClassifyMentorRequest(
        name=mentor.name, kind="technology", industry_expert=True, etag=mentor.etag, request_id=new_request_id()
    )
    return _mentor(contract, request, mentor)


async def get_nomination(contract: RunningContract) -> Valid:
    """Read the papers of the mentor's nomination."""
    name = f"{contract.home.get(mentor_pb2.Mentor).name}/nomination"
    return _mentor(contract, nomination_pb2.GetNominationRequest(name=name))


async def update_nomination(contract: RunningContract) -> Valid:
    """Replace the papers of the mentor's nomination."""
    name = f"{contract.home.get(mentor_pb2.Mentor).name}/nomination"
    get = nomination_pb2.GetNominationRequest(name=name)
    nomination: nomination_pb2.Nomination = await contract.calls.call("mentors", "GetNomination", get)
    request = nomination_pb2.UpdateNominationRequest(
        name=name, nomination=_papers(), etag=nomination.etag, request_id=new_request_id()
    )
    return _mentor(contract, request)


async def reject_nomination(contract: RunningContract) -> Valid:
    """Reject the nomination of a new mentor."""
    mentor = await _new_mentor(contract, appointed=False)
    request = nomination_pb2.RejectNominationRequest(
        name=f"{mentor.name}/nomination", rejection_reason="材料不齐", etag="v1", request_id=new_request_id()
    )
    return _mentor(contract, request, mentor)


async def get_mentor_contact(contract: RunningContract) -> Valid:
    """Read the mentor's contact."""
    name = f"{contract.home.get(mentor_pb2.Mentor).name}/contact"
    return _mentor(contract, contact_pb2.GetMentorContactRequest(name=name))


async def update_mentor_contact(contract: RunningContract) -> Valid:
    """Replace the mentor's contact."""
    mentor, foreign = contract.home.get(mentor_pb2.Mentor), contract.foreign.get(mentor_pb2.Mentor)
    get = contact_pb2.GetMentorContactRequest(name=f"{mentor.name}/contact")
    contact: contact_pb2.MentorContact = await contract.calls.call("mentors", "GetMentorContact", get)
    request = contact_pb2.UpdateMentorContactRequest(
        name=contact.name, contact=_contact(), etag=contact.etag, request_id=new_request_id()
    )
    return Valid(request, (mentor.name,), mentor.name, foreign.name)


__all__ = ["BAD_VALUES", "ENTITIES", "FACT_VALUES", "REQUESTS", "SCOPES", "UNANSWERED", "populate"]
REQUESTS: Mapping[str, Callable[[RunningContract], Awaitable[Valid]]] = {
    "MentorService.NominateMentor": nominate_mentor,
    "MentorService.AppointMentor": appoint_mentor,
    "MentorService.EndAppointment": end_appointment,
    "MentorService.SuspendMentor": suspend_mentor,
    "MentorService.ResumeMentor": resume_mentor,
    "MentorService.RetireMentor": retire_mentor,
    "MentorService.GetMentor": get_mentor,
    "MentorService.BatchGetMentors": batch_get_mentors,
    "MentorService.ListMentors": list_mentors,
    "MentorService.UpdateMentor": update_mentor,
    "MentorService.ClassifyMentor": classify_mentor,
    "MentorService.ForgetPerson": forget_person,
    "NominationService.GetNomination": get_nomination,
    "NominationService.UpdateNomination": update_nomination,
    "NominationService.RejectNomination": reject_nomination,
    "MentorContactService.GetMentorContact": get_mentor_contact,
    "MentorContactService.UpdateMentorContact": update_mentor_contact,
}
SCOPES: Mapping[type[Message], Callable[[Any, Mapping[str, Any]], set[str]]] = {
    mentor_pb2.Mentor: scopes_of_mentor,
    nomination_pb2.Nomination: scopes_of_nomination,
    contact_pb2.MentorContact: scopes_of_contact,
}
