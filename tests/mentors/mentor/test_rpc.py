"""MentorService, NominationService and MentorContactService through a real channel."""

import asyncio
import os
import re
from typing import Any

import pytest
from grpc import StatusCode

from libs.api.hatchery.mentors.v1 import appointment_pb2 as terms
from libs.api.hatchery.mentors.v1 import contact_pb2, mentor_pb2, nomination_pb2, profession_pb2
from libs.api.hatchery.mentors.v1.mentor_pb2 import Mentor
from tests.mentors.requests import (
    FENGMAN,
    HIGH_TECH,
    LONGTAN,
    appoint_mentor,
    date_of,
    get_mentor,
    mentor_spec,
    new_certificate_number,
    new_mentor,
    nominate_mentor,
    update_mentor,
)
from tests.spaces.requests import new_space
from tests.startups.requests import new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster

CONTACT = contact_pb2.MentorContactSpec(phone="+86 138 0432 0001", email="lin.jiang@example.org")


def get_contact(name: str) -> contact_pb2.GetMentorContactRequest:
    """Read the contact of a mentor."""
    return contact_pb2.GetMentorContactRequest(name=f"{name}/contact")


def get_papers(name: str) -> nomination_pb2.GetNominationRequest:
    """Read the papers of a mentor's nomination."""
    return nomination_pb2.GetNominationRequest(name=f"{name}/nomination")


# --- nominate and appoint ---------------------------------------------------------------------


async def test_nominate_then_get(mentors: Api) -> None:
    """A nominee is as specified, with a name, times and an etag, without a term, and is read back so."""
    request = nominate_mentor(industry_expert=True, title="高级工程师", stages=[profession_pb2.STAGE_TEAM])
    made = await mentors.NominateMentor(request)
    assert re.fullmatch(r"mentors/[0-9a-f]{26}", made.name)
    assert {field.name: getattr(made, field.name) for field in request.mentor.DESCRIPTOR.fields} == {
        field.name: getattr(request.mentor, field.name) for field in request.mentor.DESCRIPTOR.fields
    }
    assert (made.state, made.nominator, list(made.appointments)) == (Mentor.STATE_NOMINATED, LONGTAN, [])
    assert made.etag
    assert made.create_time == made.update_time
    assert await mentors.GetMentor(get_mentor(made.name)) == made


async def test_several_spaces_appoint_a_mentor_who_counts_once(mentors: Api, spaces: Api) -> None:
    """Appointed by three spaces, a mentor is in the list of each of them, and once in that of the city."""
    skill = "export"
    names = [(await new_space(spaces)).name for _ in range(3)]
    made = await mentors.NominateMentor(nominate_mentor(names[0], skills=[skill]))
    for name in names:
        made = await mentors.AppointMentor(appoint_mentor(made.name, name))
    assert list(made.spaces) == sorted(names)
    for name in names:
        page = await mentors.ListMentors(mentor_pb2.ListMentorsRequest(space=name))
        assert [each.name for each in page.mentors] == [made.name]
    city = await mentors.ListMentors(mentor_pb2.ListMentorsRequest(skill=skill, states=[Mentor.STATE_APPOINTED]))
    assert [each.name for each in city.mentors] == [made.name]


async def test_a_space_that_does_not_exist_does_not_appoint(mentors: Api) -> None:
    """Spaces, and the startups of holdings, are known from their facts; others are not found."""
    answer = await refused(mentors.NominateMentor(nominate_mentor("spaces/nowhere")))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "SPACE_NOT_FOUND")
    holding = profession_pb2.Holding(startup="startups/nobody", share_per_mille=10)
    answer = await refused(mentors.NominateMentor(nominate_mentor(holdings=[holding])))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")


async def test_a_startup_may_be_named_at_once(mentors: Api, startups: Api) -> None:
    """A holding in a startup that was registered a moment ago waits for its fact."""
    startup = await new_startup(startups)
    holding = profession_pb2.Holding(startup=startup.name, share_per_mille=10)
    made = await mentors.NominateMentor(nominate_mentor(holdings=[holding]))
    assert list(made.holdings) == [holding]


async def test_of_fifty_mentors_one_gets_the_certificate_number(mentors: Api) -> None:
    """One number given to many mentors at the same time is the certificate of one; the others are told whose."""
    number = new_certificate_number()
    made = await asyncio.gather(*(mentors.NominateMentor(nominate_mentor()) for _ in range(20)))
    calls = [mentors.AppointMentor(appoint_mentor(each.name, number=number)) for each in made]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    appointed = [each for each in answers if isinstance(each, Mentor)]
    assert len(appointed) == 1
    other = next(each for each in made if each.name != appointed[0].name)
    answer = await refused(mentors.AppointMentor(appoint_mentor(other.name, number=f" {number.upper()}")))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "CERTIFICATE_NUMBER_TAKEN")
    assert answer.metadata["mentor"] == appointed[0].name


async def test_a_repeat_appoints_once(mentors: Api) -> None:
    """The same request sent often appoints once, although its certificate number is taken after the first."""
    made = await mentors.NominateMentor(nominate_mentor())
    request = appoint_mentor(made.name, request_id=os.urandom(8).hex())
    answers = await asyncio.gather(*(mentors.AppointMentor(request) for _ in range(20)))
    assert {len(each.appointments) for each in answers} == {1}


async def test_an_operator_appoints_for_the_own_space_only(mentors: Api, spaces: Api, cluster: Cluster) -> None:
    """An operator appoints a mentor whom another space nominated, for the own space and for no other."""
    own, other = await new_space(spaces), await new_space(spaces, district=FENGMAN)
    made = await mentors.NominateMentor(nominate_mentor(other.name))
    operator = cluster.token("operator", [own.name])
    answer = await refused(mentors.AppointMentor(appoint_mentor(made.name, other.name), token=operator))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    answer = await refused(mentors.AppointMentor(appoint_mentor(made.name, LONGTAN), token=operator))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    appointed = await mentors.AppointMentor(appoint_mentor(made.name, own.name), token=operator)
    assert list(appointed.spaces) == [own.name]


async def test_an_official_appoints_for_the_zone(mentors: Api, cluster: Cluster) -> None:
    """A zone nominates and appoints as a district does, also a mentor who works elsewhere."""
    official = cluster.token("official", [HIGH_TECH])
    made = await mentors.NominateMentor(nominate_mentor(HIGH_TECH, district=FENGMAN), token=official)
    appointed = await mentors.AppointMentor(appoint_mentor(made.name, HIGH_TECH), token=official)
    assert (list(appointed.districts), list(appointed.spaces)) == ([HIGH_TECH], [])


# --- suspend, resume, retire, update ----------------------------------------------------------


async def test_suspend_resume_retire_and_appoint_again(mentors: Api) -> None:
    """A mentor goes through all states and keeps name and history."""
    made = await new_mentor(mentors)
    suspended = await mentors.SuspendMentor(terms.SuspendMentorRequest(name=made.name, end_date=date_of(9)))
    assert (suspended.state, suspended.suspension_end_date) == (Mentor.STATE_SUSPENDED, date_of(9))
    answer = await refused(mentors.AppointMentor(appoint_mentor(made.name, FENGMAN)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "WRONG_MENTOR_STATE")
    assert answer.metadata == {"name": made.name, "state": "SUSPENDED"}
    resumed = await mentors.ResumeMentor(terms.ResumeMentorRequest(name=made.name))
    assert (resumed.state, resumed.HasField("suspension_end_date")) == (Mentor.STATE_APPOINTED, False)
    retire = terms.RetireMentorRequest(name=made.name, retire_reason=terms.RETIRE_REASON_RESIGNED)
    retired = await mentors.RetireMentor(retire)
    assert (retired.state, retired.appointments[0].end_date) == (Mentor.STATE_RETIRED, date_of(0))
    again = await mentors.AppointMentor(appoint_mentor(made.name))
    assert (again.state, len(again.appointments)) == (Mentor.STATE_APPOINTED, 2)


async def test_a_mentor_describes_and_retires_nobody_else(mentors: Api, cluster: Cluster) -> None:
    """A mentor's token reaches the mentor whom it names."""
    made, other = await new_mentor(mentors), await new_mentor(mentors)
    token = cluster.token("mentor", [made.name])
    changed = await mentors.UpdateMentor(
        update_mentor(made.name, ["biography_zh"], biography_zh="甲\n\n乙"), token=token
    )
    assert changed.biography_zh == "甲\n\n乙"
    answer = await refused(mentors.UpdateMentor(update_mentor(other.name, ["title"], title="教授"), token=token))
    assert answer.reason == "OUT_OF_SCOPE"
    retire = terms.RetireMentorRequest(name=other.name, retire_reason=terms.RETIRE_REASON_RESIGNED)
    assert (await refused(mentors.RetireMentor(retire, token=token))).reason == "OUT_OF_SCOPE"


async def test_nobody_becomes_an_expert_by_own_account(mentors: Api, cluster: Cluster) -> None:
    """A mentor does not change what panels have quotas of, with any method; an official of the district does."""
    made = await new_mentor(mentors)
    token = cluster.token("mentor", [made.name])
    update = update_mentor(made.name, ["industry_expert"], industry_expert=True)
    answer = await refused(mentors.UpdateMentor(update, token=token))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "CLASSIFICATION_FIXED")
    classify = profession_pb2.ClassifyMentorRequest(name=made.name, kind="technology", industry_expert=True)
    assert (await refused(mentors.ClassifyMentor(classify, token=token))).reason == "PERMISSION_DENIED"
    elsewhere = cluster.token("official", [FENGMAN])
    assert (await refused(mentors.ClassifyMentor(classify, token=elsewhere))).reason == "OUT_OF_SCOPE"
    classified = await mentors.ClassifyMentor(classify, token=cluster.token("official", [LONGTAN]))
    assert (classified.kind, classified.industry_expert) == ("technology", True)
    assert await mentors.GetMentor(get_mentor(made.name)) == classified


async def test_a_stale_etag_aborts(mentors: Api) -> None:
    """Of two updates of the version that both have read, the second is refused."""
    made = await new_mentor(mentors)
    await mentors.UpdateMentor(update_mentor(made.name, ["title"], title="教授", etag=made.etag))
    answer = await refused(mentors.UpdateMentor(update_mentor(made.name, ["title"], title="院长", etag=made.etag)))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetMentor", get_mentor("mentors/nobody")),
        ("UpdateMentor", update_mentor("mentors/nobody", ["title"], title="教授")),
        ("AppointMentor", appoint_mentor("mentors/nobody")),
        ("SuspendMentor", terms.SuspendMentorRequest(name="mentors/nobody")),
        ("ForgetPerson", terms.ForgetPersonRequest(name="mentors/nobody")),
    ],
)
async def test_a_missing_mentor_is_not_found(mentors: Api, method: str, request_: Any) -> None:
    """What does not exist is NOT_FOUND with the kind's own reason and the name."""
    answer = await refused(getattr(mentors, method)(request_))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "MENTOR_NOT_FOUND")
    assert answer.metadata["name"] == request_.name


async def test_every_missing_field_is_reported(mentors: Api) -> None:
    """A nomination without any field is refused with what is required of its shape, then of the mentor."""
    answer = await refused(mentors.NominateMentor(mentor_pb2.NominateMentorRequest()))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"nominator": "REQUIRED"})
    empty = mentor_pb2.NominateMentorRequest(nominator=LONGTAN, mentor=mentor_spec(display_name="", kind=""))
    answer = await refused(mentors.NominateMentor(empty))
    assert answer.fields == {"mentor.display_name": "REQUIRED", "mentor.kind": "REQUIRED"}


# --- papers and contact -----------------------------------------------------------------------


async def test_papers_are_for_those_who_decide(mentors: Api, nominations: Api, cluster: Cluster) -> None:
    """The nominator, the mentor's district and the mentor read the papers; a founder and others do not."""
    paper = nomination_pb2.NominationSpec(organisation="松江材料公司", birth_year=1975)
    request = mentor_pb2.NominateMentorRequest(mentor=mentor_spec(), nominator=LONGTAN, nomination=paper)
    made = await mentors.NominateMentor(request)
    readers = (("official", LONGTAN), ("mentor", made.name))
    for role, scope in readers:
        found = await nominations.GetNomination(get_papers(made.name), token=cluster.token(role, [scope]))
        assert (found.organisation, found.birth_year) == ("松江材料公司", 1975)
        assert nomination_pb2.Nomination.REQUIREMENT_COMMITMENT_LETTER in found.missing
    strangers = (("founder", "*"), ("judge", "*"), ("official", FENGMAN), ("operator", "spaces/s1"))
    for role, scope in strangers:
        answer = await refused(nominations.GetNomination(get_papers(made.name), token=cluster.token(role, [scope])))
        assert answer.code is StatusCode.PERMISSION_DENIED


async def test_a_rejected_nominee_is_not_appointed(mentors: Api, nominations: Api) -> None:
    """A rejection closes the nomination; its reason is read with the papers and not with the mentor."""
    made = await mentors.NominateMentor(nominate_mentor())
    reject = nomination_pb2.RejectNominationRequest(name=f"{made.name}/nomination", rejection_reason="材料不齐")
    assert (await nominations.RejectNomination(reject)).rejection_reason == "材料不齐"
    rejected = await mentors.GetMentor(get_mentor(made.name))
    assert rejected.state == Mentor.STATE_REJECTED
    assert "材料不齐" not in str(rejected)
    assert (await refused(mentors.AppointMentor(appoint_mentor(made.name)))).reason == "WRONG_MENTOR_STATE"
    assert (await refused(nominations.RejectNomination(reject))).reason == "WRONG_MENTOR_STATE"


async def test_a_contact_is_masked_for_those_who_only_reach_the_mentor(
    mentors: Api, mentor_contacts: Api, cluster: Cluster
) -> None:
    """The mentor and an admin read phone and e-mail, an official of the district their ends, others nothing."""
    request = mentor_pb2.NominateMentorRequest(mentor=mentor_spec(), nominator=LONGTAN, contact=CONTACT)
    made = await mentors.NominateMentor(request)
    for token in (cluster.token(), cluster.token("mentor", [made.name])):
        full = await mentor_contacts.GetMentorContact(get_contact(made.name), token=token)
        assert (full.phone, full.email, full.masked) == (CONTACT.phone, CONTACT.email, False)
    official = cluster.token("official", [LONGTAN])
    masked = await mentor_contacts.GetMentorContact(get_contact(made.name), token=official)
    assert (masked.phone, masked.email, masked.masked) == ("+** *** **** 0001", "l***@example.org", True)
    for role, scope in (("founder", "*"), ("official", FENGMAN), ("mentor", "mentors/other")):
        answer = await refused(
            mentor_contacts.GetMentorContact(get_contact(made.name), token=cluster.token(role, [scope]))
        )
        assert answer.code is StatusCode.PERMISSION_DENIED


async def test_a_contact_may_be_given_later(mentors: Api, mentor_contacts: Api, cluster: Cluster) -> None:
    """A mentor without a contact has none to read; the mentor gives it, and an official may not."""
    made = await new_mentor(mentors)
    answer = await refused(mentor_contacts.GetMentorContact(get_contact(made.name)))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "MENTOR_CONTACT_NOT_FOUND")
    request = contact_pb2.UpdateMentorContactRequest(name=f"{made.name}/contact", contact=CONTACT)
    official, mentor = cluster.token("official", [LONGTAN]), cluster.token("mentor", [made.name])
    answer = await refused(mentor_contacts.UpdateMentorContact(request, token=official))
    assert answer.reason == "PERMISSION_DENIED"
    given = await mentor_contacts.UpdateMentorContact(request, token=mentor)
    assert await mentor_contacts.GetMentorContact(get_contact(made.name)) == given
