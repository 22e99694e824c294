"""ConsultationService's bookings through a real channel: what each method answers, and how it refuses."""

import asyncio
import re
from collections import Counter
from datetime import timedelta
from typing import Any

from grpc import StatusCode, aio

from libs.api.hatchery.mentors.v1 import appointment_pb2, mentor_pb2, profession_pb2
from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.mentors.booking.requests import FIRST, QUARTER, at, open_all_day, request_consultation
from tests.mentors.requests import LONGTAN, new_mentor
from tests.spaces.requests import new_space, register_tenant
from tests.startups.requests import new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster
from tests.support.waiting import eventually

C = pb.Consultation
EXISTS, PRECONDITION = StatusCode.ALREADY_EXISTS, StatusCode.FAILED_PRECONDITION


def text(quarter: int) -> str:
    """Return the instant of a quarter as refusals name it."""
    return (FIRST + quarter * QUARTER).strftime("%Y-%m-%dT%H:%M:%SZ")


async def free_mentor(mentors: Api, availabilities: Api, **rules: int) -> mentor_pb2.Mentor:
    """Return a new mentor who is free at all times."""
    made = await new_mentor(mentors)
    await availabilities.UpdateAvailability(open_all_day(made.name, **rules))
    return made


async def requested(
    consultations: Api, mentor: mentor_pb2.Mentor, startup: startup_pb2.Startup, quarter: int = 0, **fields: Any
) -> pb.Consultation:
    """Request an hour of a mentor."""
    made: pb.Consultation = await consultations.RequestConsultation(
        request_consultation(mentor.name, startup.name, quarter, 4, **fields)
    )
    return made


def times(quarter: int) -> dict[str, Any]:
    """Return an hour from a quarter on, as fields of a request."""
    return {"start_time": at(quarter), "end_time": at(quarter + 4)}


# --- requests ---------------------------------------------------------------------------------


async def test_request_then_get(mentors: Api, availabilities: Api, consultations: Api, startups: Api) -> None:
    """A request is as sent, waits for the mentor until it begins, and is read back so."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    made = await requested(consultations, mentor, startup, question="两个合伙人？\n如何分配", place="江湾路1号")
    assert re.fullmatch(r"consultations/[0-9a-f]{26}", made.name)
    assert (made.mentor, made.mentor_display_name) == (mentor.name, mentor.display_name)
    assert (list(made.startups), list(made.spaces), list(made.districts)) == ([startup.name], [], [LONGTAN])
    assert (made.state, made.minutes, made.due_time, made.appointed) == (C.STATE_REQUESTED, 60, at(0), True)
    assert (made.kind, made.format, made.topic) == (C.KIND_CONSULTING, profession_pb2.FORMAT_VIDEO, "股权结构")
    assert (made.question, made.place, made.walk_in) == ("两个合伙人？\n如何分配", "江湾路1号", False)
    assert [(each.startup, each.startup_display_name) for each in made.services] == [
        (startup.name, startup.display_name)
    ]
    assert await consultations.GetConsultation(pb.GetConsultationRequest(name=made.name)) == made


async def test_a_new_startup_is_waited_for(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A startup can ask for a mentor right after its registration; one that nobody registered is NOT_FOUND."""
    mentor = await free_mentor(mentors, availabilities)
    for number in range(5):
        startup = await new_startup(startups)
        made = await requested(consultations, mentor, startup, 4 * number)
        assert made.services[0].startup_display_name == startup.display_name
    answer = await refused(consultations.RequestConsultation(request_consultation(mentor.name, "startups/nobody", 40)))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "STARTUP_NOT_FOUND")


async def test_a_taken_time_names_what_is_in_the_way(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A pending request is in the way; the refusal names its interval and the next free starts, after the gap."""
    mentor = await free_mentor(mentors, availabilities, gap_minutes=15)
    one, two = await new_startup(startups), await new_startup(startups)
    await requested(consultations, mentor, one, 8)
    answer = await refused(requested(consultations, mentor, two, 10))
    assert (answer.code, answer.reason) == (EXISTS, "TIME_TAKEN")
    assert answer.metadata == {
        "taken_start": text(8),
        "taken_end": text(12),
        "next_free": ",".join(text(quarter) for quarter in (13, 14, 15)),
    }


async def test_many_requests_for_one_slot(mentors: Api, availabilities: Api, consultations: Api, startups: Api) -> None:
    """Of thirty requests for one slot at once, one is made and all others are refused in the same words."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    calls = [requested(consultations, mentor, startup) for _ in range(30)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer).__name__ for answer in answers) == {"Consultation": 1, "AioRpcError": 29}
    assert {answer.code() for answer in answers if isinstance(answer, aio.AioRpcError)} == {EXISTS}


async def test_rules_are_refused_with_the_field_or_the_reason(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """What is wrong with the form names the field; what is not possible now has a reason with its limits."""
    rules = {"min_minutes": 30, "max_minutes": 120, "notice_minutes": 240, "horizon_days": 3}
    mentor = await free_mentor(mentors, availabilities, **rules, max_minutes_per_person_day=90)
    startup = await new_startup(startups)
    forms = [((12, 1), "DURATION_TOO_SHORT"), ((12, 9), "DURATION_TOO_LONG"), ((12, 0), "DATE_OUT_OF_RANGE")]
    for (quarter, quarters), reason in forms:
        wish = request_consultation(mentor.name, startup.name, quarter, quarters)
        answer = await refused(consultations.RequestConsultation(wish))
        assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"end_time": reason})
    crooked = request_consultation(mentor.name, startup.name, 12, 4)
    crooked.start_time.FromDatetime(FIRST + timedelta(hours=3, minutes=5))
    answer = await refused(consultations.RequestConsultation(crooked))
    assert answer.fields == {"start_time": "NOT_ON_A_BLOCK"}
    states = [(-4, "TOO_SHORT_NOTICE", "240"), (5 * 96, "BEYOND_HORIZON", "3")]
    for quarter, reason, limit in states:
        answer = await refused(requested(consultations, mentor, startup, quarter))
        assert (answer.code, answer.reason) == (PRECONDITION, reason)
        assert limit in answer.metadata.values()


async def test_a_mentor_who_is_suspended_is_not_booked(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A suspended mentor gets no requests, and cannot accept those that are pending; a format must be offered."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    known = await requested(consultations, mentor, startup)
    answer = await refused(requested(consultations, mentor, startup, 8, format=profession_pb2.FORMAT_PHONE))
    assert (answer.reason, answer.metadata) == ("FORMAT_NOT_OFFERED", {"formats": "ON_SITE,VIDEO"})
    await mentors.SuspendMentor(appointment_pb2.SuspendMentorRequest(name=mentor.name))
    for call in (
        requested(consultations, mentor, startup, 8),
        consultations.AcceptConsultation(pb.AcceptConsultationRequest(name=known.name)),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (PRECONDITION, "MENTOR_NOT_APPOINTED")
        assert answer.metadata.keys() == {"date"}


# --- answers and moves ------------------------------------------------------------------------


async def test_from_request_to_cancellation(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A request, a proposal, its acceptance, a move, its acceptance and the end: every time is kept on record."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    name = (await requested(consultations, mentor, startup)).name
    steps = [
        consultations.ProposeTime(pb.ProposeTimeRequest(name=name, **times(8))),
        consultations.AcceptProposedTime(pb.AcceptProposedTimeRequest(name=name)),
        consultations.MoveConsultation(pb.MoveConsultationRequest(name=name, **times(9 * 96))),
        consultations.AcceptConsultation(pb.AcceptConsultationRequest(name=name)),
        consultations.CancelConsultation(
            pb.CancelConsultationRequest(name=name, end_reason=C.END_REASON_NO_LONGER_NEEDED)
        ),
    ]
    states = [(await step).state for step in steps]
    assert states == [
        C.STATE_PROPOSED,
        C.STATE_SCHEDULED,
        C.STATE_REQUESTED,
        C.STATE_SCHEDULED,
        C.STATE_CANCELLED,
    ]
    last = await consultations.GetConsultation(pb.GetConsultationRequest(name=name))
    assert [(each.start_time, each.moved_by) for each in last.moves] == [(at(0), mentor.name), (at(8), startup.name)]
    assert (last.end_reason, last.HasField("due_time")) == (C.END_REASON_NO_LONGER_NEEDED, False)
    for quarter in (0, 8, 9 * 96):
        assert (await requested(consultations, mentor, startup, quarter)).state == C.STATE_REQUESTED


async def test_a_move_that_is_refused_changes_nothing(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """When the new time is taken, the consultation is as it was, and its old time is still taken."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    known = await requested(consultations, mentor, startup)
    await requested(consultations, mentor, startup, 8)
    for call in (
        consultations.MoveConsultation(pb.MoveConsultationRequest(name=known.name, **times(6))),
        consultations.ProposeTime(pb.ProposeTimeRequest(name=known.name, **times(10))),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (EXISTS, "TIME_TAKEN")
        assert (answer.metadata["taken_start"], answer.metadata["taken_end"]) == (text(8), text(12))
    assert await consultations.GetConsultation(pb.GetConsultationRequest(name=known.name)) == known
    assert (await refused(requested(consultations, mentor, startup, 2))).reason == "TIME_TAKEN"


async def test_what_the_state_does_not_allow_is_refused(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """An answer to what has ended, and to another version, is refused with the state or the etag."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    known = await requested(consultations, mentor, startup)
    reason = C.END_REASON_OUTSIDE_EXPERTISE
    await consultations.DeclineConsultation(pb.DeclineConsultationRequest(name=known.name, end_reason=reason))
    answer = await refused(consultations.AcceptConsultation(pb.AcceptConsultationRequest(name=known.name)))
    assert (answer.code, answer.reason) == (PRECONDITION, "WRONG_CONSULTATION_STATE")
    assert answer.metadata == {"state": "DECLINED"}
    stale = pb.WithdrawConsultationRequest(name=known.name, etag=known.etag)
    answer = await refused(consultations.WithdrawConsultation(stale))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_a_repeat_has_no_further_effect(
    mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A request that is sent again under its id is answered with the same consultation, not with TIME_TAKEN."""
    mentor, startup = await free_mentor(mentors, availabilities), await new_startup(startups)
    wish = request_consultation(mentor.name, startup.name, 0, 4, request_id=f"once-{startup.name[9:]}")
    answers = [await consultations.RequestConsultation(wish) for _ in range(3)]
    assert answers == [answers[0]] * 3


# --- who may, and lists -----------------------------------------------------------------------


async def test_each_side_acts_by_methods_of_its_own(
    cluster: Cluster, mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A mentor answers requests to the mentor; a founder moves and withdraws the startup's own; others may neither."""
    mentor, other = await free_mentor(mentors, availabilities), await new_mentor(mentors)
    startup, stranger = await new_startup(startups), await new_startup(startups)
    name = (await requested(consultations, mentor, startup)).name
    accept, withdraw = pb.AcceptConsultationRequest(name=name), pb.WithdrawConsultationRequest(name=name)
    for role, scope, call, request, reason in (
        ("founder", startup.name, consultations.AcceptConsultation, accept, "PERMISSION_DENIED"),
        ("mentor", mentor.name, consultations.WithdrawConsultation, withdraw, "PERMISSION_DENIED"),
        ("mentor", other.name, consultations.AcceptConsultation, accept, "OUT_OF_SCOPE"),
        ("mentor", startup.name, consultations.AcceptConsultation, accept, "OUT_OF_SCOPE"),
        ("founder", stranger.name, consultations.WithdrawConsultation, withdraw, "OUT_OF_SCOPE"),
    ):
        answer = await refused(call(request, token=cluster.token(role, (scope,))))
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, reason), (role, scope)
    token = cluster.token("mentor", (mentor.name,))
    assert (await consultations.AcceptConsultation(accept, token=token)).state == C.STATE_SCHEDULED


async def test_a_founder_sees_the_own_consultations(
    cluster: Cluster, mentors: Api, availabilities: Api, consultations: Api, startups: Api
) -> None:
    """A founder reads and lists the startup's consultations, by start, and learns nothing of any other."""
    mentor = await free_mentor(mentors, availabilities)
    startup, stranger = await new_startup(startups), await new_startup(startups)
    made = [await requested(consultations, mentor, startup, quarter) for quarter in (8, 0, 4)]
    foreign = await requested(consultations, mentor, stranger, 12)
    token = cluster.token("founder", (startup.name,))
    names: list[str] = []
    query = pb.ListConsultationsRequest(page_size=2, mentor=mentor.name, order_by="start_time desc")
    while True:
        page = await consultations.ListConsultations(query, token=token)
        names += [each.name for each in page.consultations]
        if not page.next_page_token:
            break
        query.page_token = page.next_page_token
    assert names == [made[0].name, made[2].name, made[1].name]
    answer = await refused(consultations.GetConsultation(pb.GetConsultationRequest(name=foreign.name), token=token))
    assert answer.reason == "OUT_OF_SCOPE"


async def test_a_space_books_for_its_tenant(
    cluster: Cluster, mentors: Api, availabilities: Api, consultations: Api, startups: Api, spaces: Api, tenancies: Api
) -> None:
    """An operator requests for a startup as soon as it is a tenant, and for no other; the space can read it."""
    mentor, space = await free_mentor(mentors, availabilities), await new_space(spaces)
    startup, stranger = await new_startup(startups), await new_startup(startups)
    token = cluster.token("operator", (space.name,))
    wish = request_consultation(mentor.name, stranger.name, 40, 4)
    assert (await refused(consultations.RequestConsultation(wish, token=token))).reason == "OUT_OF_SCOPE"
    await tenancies.RegisterTenant(register_tenant(space.name, startup.name))
    quarters = iter(range(0, 4000, 4))

    async def is_tenant() -> bool:
        made = await requested(consultations, mentor, startup, next(quarters))
        return list(made.spaces) == [space.name]

    await eventually(is_tenant)
    wish = request_consultation(mentor.name, startup.name, 4000, 4)
    made = await consultations.RequestConsultation(wish, token=token)
    assert (list(made.spaces), made.services[0].space) == ([space.name], space.name)
    assert await consultations.GetConsultation(pb.GetConsultationRequest(name=made.name), token=token) == made
