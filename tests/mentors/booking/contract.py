"""Bookings for the contract tests, on the calendar of a mentor of their own in each place."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1 import mentor_pb2
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from libs.calendar.page import CalendarPage, Entry
from libs.common.domain.entity import Entity
from services.mentors.domain.consultation import (
    Consultation,
    Correction,
    EndReason,
    Kind,
    Move,
    NextStep,
    Participant,
    Service,
    ServiceState,
    State,
)
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.mentor import Format
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, Valid, new_request_id
from tests.mentors import requests
from tests.mentors.booking.requests import at, open_all_day, request_consultation
from tests.mentors.samples import day
from tests.support.waiting import eventually

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
MALFORMED = frozenset({"MALFORMED"})
_slots = itertools.count(1)


def next_slot() -> int:
    """Return a quarter of an hour that no booking of these tests has had, counted from some hours after now."""
    return next(_slots)


async def populate(calls: Calls, place: Place) -> None:
    """Request a consultation of a new mentor, who is free at all times, for the place's startup as a tenant."""
    space, startup = place.get(space_pb2.Space).name, place.get(startup_pb2.Startup).name
    nominate = requests.nominate_mentor(space, district=place.district, display_name=f"{place.label}答疑导师")
    mentor: mentor_pb2.Mentor = await calls.call("mentors", "NominateMentor", nominate)
    await calls.call("mentors", "AppointMentor", requests.appoint_mentor(mentor.name, space, -365))
    await calls.call("mentors", "UpdateAvailability", open_all_day(mentor.name))

    async def is_tenant() -> bool:
        request = request_consultation(mentor.name, startup, next_slot(), topic=f"{place.label}股权结构")
        requested: pb.Consultation = await calls.call("mentors", "RequestConsultation", request)
        place.add(requested)
        return list(requested.spaces) == [space]

    await eventually(is_tenant)


def scopes_of_consultation(consultation: pb.Consultation, known: Mapping[str, Any]) -> set[str]:
    """A consultation can be read by its mentor, its startups, and their spaces and districts."""
    return {consultation.mentor, *consultation.startups, *consultation.spaces, *consultation.districts}


def _home(contract: RunningContract) -> pb.Consultation:
    return contract.home.get(pb.Consultation)


def _of_startup(contract: RunningContract, request: Any, consultation: pb.Consultation) -> Valid:
    """Return a request about a consultation that everybody may make who reaches it."""
    scopes = (*consultation.startups, *consultation.spaces, consultation.mentor, *consultation.districts)
    return Valid(request, scopes, consultation.name, contract.foreign.get(pb.Consultation).name)


def _of_mentor(contract: RunningContract, request: Any, consultation: pb.Consultation) -> Valid:
    """Return a request about a consultation that only who reaches its mentor as well may make."""
    mentor = contract.home.get(mentor_pb2.Mentor)
    of_mentor = {mentor.name, mentor.district, mentor.nominator, *mentor.spaces, *mentor.districts}
    scopes = tuple(sorted(of_mentor & {consultation.mentor, *consultation.spaces, *consultation.districts}))
    return Valid(request, scopes, consultation.name, contract.foreign.get(pb.Consultation).name)


async def _requested(contract: RunningContract) -> pb.Consultation:
    """Request a consultation at a new time."""
    known = _home(contract)
    request = request_consultation(known.mentor, known.startups[0], next_slot())
    made: pb.Consultation = await contract.calls.call("mentors", "RequestConsultation", request)
    return made


async def _proposed(contract: RunningContract) -> pb.Consultation:
    """Request a consultation and propose another time."""
    known = await _requested(contract)
    slot = next_slot()
    request = pb.ProposeTimeRequest(name=known.name, start_time=at(slot), end_time=at(slot + 1))
    proposed: pb.Consultation = await contract.calls.call("mentors", "ProposeTime", request)
    return proposed


async def _scheduled(contract: RunningContract) -> pb.Consultation:
    """Request a consultation and accept it."""
    known = await _requested(contract)
    request = pb.AcceptConsultationRequest(name=known.name)
    scheduled: pb.Consultation = await contract.calls.call("mentors", "AcceptConsultation", request)
    return scheduled


# --- requests ---------------------------------------------------------------------------------


async def request(contract: RunningContract) -> Valid:
    """Request a consultation with every field."""
    known = _home(contract)
    wish = request_consultation(
        known.mentor,
        known.startups[0],
        next_slot(),
        question="两个合伙人如何分配股权？",
        place="江湾路1号",
        request_id=new_request_id(),
    )
    return Valid(wish, (*known.startups, *known.spaces))


async def get(contract: RunningContract) -> Valid:
    """Read the consultation."""
    return _of_startup(contract, pb.GetConsultationRequest(name=_home(contract).name), _home(contract))


async def list_(contract: RunningContract) -> Valid:
    """List consultations by everything that the consultation is."""
    known = _home(contract)
    begins = known.start_time.ToDatetime(UTC)
    query = pb.ListConsultationsRequest(
        page_size=50,
        order_by="start_time desc",
        mentor=known.mentor,
        startup=known.startups[0],
        space=known.spaces[0],
        states=[pb.Consultation.STATE_REQUESTED, pb.Consultation.STATE_SCHEDULED],
        kind=known.kind,
        from_time=_stamp(begins),
        to_time=_stamp(begins + timedelta(hours=1)),
    )
    return _of_startup(contract, query, known)


async def accept(contract: RunningContract) -> Valid:
    """Accept a new request."""
    known = await _requested(contract)
    return _of_mentor(contract, pb.AcceptConsultationRequest(**_command(known)), known)


async def decline(contract: RunningContract) -> Valid:
    """Decline a new request."""
    known, reason = await _requested(contract), pb.Consultation.END_REASON_OUTSIDE_EXPERTISE
    return _of_mentor(contract, pb.DeclineConsultationRequest(**_command(known), end_reason=reason), known)


async def propose_time(contract: RunningContract) -> Valid:
    """Propose another time for a new request."""
    known, slot = await _requested(contract), next_slot()
    wish = pb.ProposeTimeRequest(**_command(known), start_time=at(slot), end_time=at(slot + 1))
    return _of_mentor(contract, wish, known)


async def accept_proposed_time(contract: RunningContract) -> Valid:
    """Accept a proposed time."""
    known = await _proposed(contract)
    return _of_startup(contract, pb.AcceptProposedTimeRequest(**_command(known)), known)


async def withdraw(contract: RunningContract) -> Valid:
    """Withdraw a new request."""
    known = await _requested(contract)
    return _of_startup(contract, pb.WithdrawConsultationRequest(**_command(known)), known)


async def move(contract: RunningContract) -> Valid:
    """Move a new request."""
    known, slot = await _requested(contract), next_slot()
    wish = pb.MoveConsultationRequest(**_command(known), start_time=at(slot), end_time=at(slot + 1))
    return _of_startup(contract, wish, known)


async def cancel(contract: RunningContract) -> Valid:
    """Cancel a consultation that was just scheduled."""
    known, reason = await _scheduled(contract), pb.Consultation.END_REASON_NO_LONGER_NEEDED
    return _of_startup(contract, pb.CancelConsultationRequest(**_command(known), end_reason=reason), known)


def _command(known: pb.Consultation) -> dict[str, str]:
    return {"name": known.name, "etag": known.etag, "request_id": new_request_id()}


def _stamp(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


REQUESTS = {
    "ConsultationService.RequestConsultation": request,
    "ConsultationService.GetConsultation": get,
    "ConsultationService.ListConsultations": list_,
    "ConsultationService.AcceptConsultation": accept,
    "ConsultationService.DeclineConsultation": decline,
    "ConsultationService.ProposeTime": propose_time,
    "ConsultationService.AcceptProposedTime": accept_proposed_time,
    "ConsultationService.WithdrawConsultation": withdraw,
    "ConsultationService.MoveConsultation": move,
    "ConsultationService.CancelConsultation": cancel,
}
SCOPES = {pb.Consultation: scopes_of_consultation}
FACT_VALUES: Mapping[str, object] = {
    "start_time": _stamp(THEN),
    "end_time": _stamp(THEN + timedelta(hours=1)),
    "mentor_display_name": "林江",
    "startup_display_name": "松江碳材",
}
BAD_VALUES: Mapping[str, tuple[BadValue, ...]] = {
    "DeclineConsultationRequest.end_reason": ((pb.Consultation.END_REASON_STARTUP_ABSENT, MALFORMED),),
    "CancelConsultationRequest.end_reason": ((pb.Consultation.END_REASON_MENTOR_ABSENT, MALFORMED),),
}

# --- entities ---------------------------------------------------------------------------------

ENTITIES: tuple[Entity, ...] = (
    Consultation(
        name="consultations/0consultation",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        mentor_display_name="林江",
        startups=("startups/0startup",),
        spaces=("spaces/0space",),
        districts=("districts/220203", "districts/220271"),
        services=(
            Service(
                startup="startups/0startup",
                startup_display_name="松江碳材",
                space="spaces/0space",
                district="districts/220203",
                zone="districts/220271",
                state=ServiceState.CONFIRMED,
                rating=5,
                comment="很有帮助",
                dispute_reason="时长不符",
                answer_time=THEN,
            ),
        ),
        kind=Kind.COACHING,
        format=Format.ON_SITE,
        topic="股权结构",
        question="两个合伙人如何分配股权？",
        place="江湾路1号",
        start_time=THEN,
        end_time=THEN + timedelta(hours=1),
        state=State.CONFIRMED,
        walk_in=True,
        appointed=True,
        moves=(
            Move(
                start_time=THEN,
                end_time=THEN + timedelta(hours=1),
                moved_by="startups/0startup",
                move_time=THEN - timedelta(days=1),
            ),
        ),
        end_reason=EndReason.OTHER,
        participants=(Participant(display_name="张松", startup="startups/0startup"),),
        problem="股权分散",
        advice="设立持股平台",
        result="已签协议",
        next_steps=(NextStep(text="修改章程", due_date=day(30), done_date=day(20)),),
        evidence=(
            Evidence(
                kind=EvidenceKind.SIGN_IN_SHEET,
                title="签到表",
                link="https://files.example.org/1.pdf",
                sha256="0a" * 32,
            ),
        ),
        corrections=(
            Correction(
                correct_time=THEN,
                start_time=THEN,
                end_time=THEN + timedelta(hours=2),
                kind=Kind.CONSULTING,
                topic="股权",
                result="待定",
                advice="协商",
                format=Format.VIDEO,
                place="江湾路2号",
                problem="分歧",
                participants=(Participant(display_name="张松", startup="startups/0startup"),),
                next_steps=(NextStep(text="协商", due_date=day(30), done_date=day(20)),),
            ),
        ),
        log_time=THEN,
        due_time=THEN,
    ),
    CalendarPage(
        name="mentors/0mentor/calendars/2026-w48",
        version=7,
        create_time=THEN,
        update_time=THEN,
        resource="mentors/0mentor",
        entries=(
            Entry(
                holder="consultations/0consultation",
                person="startups/0startup",
                start=THEN,
                end=THEN + timedelta(hours=1),
            ),
        ),
    ),
)
