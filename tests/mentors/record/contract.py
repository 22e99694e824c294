"""Records and private notes for the contract tests, on the calendar of the mentor of the place's bookings.

They are held on the same Monday some weeks ago, a minute each, so that none of them makes a new calendar page.
"""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.type.date_pb2 import Date

from libs.api.hatchery.mentors.v1 import consultation_note_pb2 as note_pb
from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.common.domain.entity import Entity
from services.mentors.domain.note import ConsultationNote, consultation_of
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, Valid, new_request_id
from tests.mentors.booking.contract import next_slot
from tests.mentors.booking.requests import request_consultation
from tests.mentors.record.requests import full_record
from tests.mentors.requests import day, evidence

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
MONDAY = -21 - day(0).weekday()
_minutes = itertools.count(1)


async def populate(calls: Calls, place: Place) -> None:
    """Log a walk-in, of which one startup confirms and whose mentor notes something."""
    booked = place.get(pb.Consultation)
    logged = await _logged(calls, booked)
    confirm = pb.ConfirmConsultationRequest(name=logged.name, startup=booked.startups[0], rating=4)
    await calls.call("mentors", "ConfirmConsultation", confirm)
    write = note_pb.UpdateConsultationNoteRequest(name=f"{logged.name}/note", text=f"{place.label}的私下记录")
    place.add(await calls.call("mentors", "UpdateConsultationNote", write))


def scopes_of_note(note: note_pb.ConsultationNote, known: Mapping[str, Any]) -> set[str]:
    """A note is scoped by its mentor alone."""
    return {note.mentor}


async def _logged(calls: Calls, booked: pb.Consultation) -> pb.Consultation:
    """Log a walk-in with the mentor and the startup of a booking."""
    record = full_record(MONDAY, next(_minutes), booked.startups[0], 1)
    request = pb.LogConsultationRequest(mentor=booked.mentor, startups=booked.startups, record=record)
    logged: pb.Consultation = await calls.call("mentors", "LogConsultation", request)
    return logged


async def _new(contract: RunningContract) -> pb.Consultation:
    return await _logged(contract.calls, contract.home.get(pb.Consultation))


async def _disputed(contract: RunningContract) -> pb.Consultation:
    logged = await _new(contract)
    request = pb.DisputeConsultationRequest(name=logged.name, startup=logged.startups[0], dispute_reason="时长不符")
    disputed: pb.Consultation = await contract.calls.call("mentors", "DisputeConsultation", request)
    return disputed


def _command(known: pb.Consultation, *, startup: bool = False) -> dict[str, str]:
    values = {"name": known.name, "etag": known.etag, "request_id": new_request_id()}
    return {**values, "startup": known.startups[0]} if startup else values


def _valid(contract: RunningContract, request: Any, known: pb.Consultation, *scopes: str) -> Valid:
    """Return a request about a record that each of the scopes alone covers."""
    return Valid(request, scopes, known.name, contract.foreign.get(pb.Consultation).name)


# --- requests ---------------------------------------------------------------------------------


async def log(contract: RunningContract) -> Valid:
    """Log a consultation that was scheduled for later and held before, with every field."""
    home = contract.home.get(pb.Consultation)
    wish = request_consultation(home.mentor, home.startups[0], next_slot())
    booked: pb.Consultation = await contract.calls.call("mentors", "RequestConsultation", wish)
    await contract.calls.call("mentors", "AcceptConsultation", pb.AcceptConsultationRequest(name=booked.name))
    request = pb.LogConsultationRequest(
        name=booked.name,
        mentor=booked.mentor,
        startups=booked.startups,
        record=full_record(MONDAY, next(_minutes), booked.startups[0], 1),
        evidence=[evidence()],
        request_id=new_request_id(),
    )
    return _valid(contract, request, booked, booked.mentor, contract.home.district)


async def correct(contract: RunningContract) -> Valid:
    """Correct every field of a new record."""
    known = await _new(contract)
    record = full_record(MONDAY, next(_minutes), known.startups[0], 1)
    request = pb.CorrectConsultationRequest(
        name=known.name, record=record, etag=known.etag, request_id=new_request_id()
    )
    request.update_mask.paths.extend(record.DESCRIPTOR.fields_by_name)
    return _valid(contract, request, known, known.mentor, *known.startups, contract.home.district)


async def confirm(contract: RunningContract) -> Valid:
    """Confirm a new record."""
    known = await _new(contract)
    request = pb.ConfirmConsultationRequest(**_command(known, startup=True), rating=5, comment="很有帮助")
    return _valid(contract, request, known, *known.startups)


async def dispute(contract: RunningContract) -> Valid:
    """Dispute a new record."""
    known = await _new(contract)
    request = pb.DisputeConsultationRequest(**_command(known, startup=True), dispute_reason="时长不符")
    return _valid(contract, request, known, *known.startups)


async def resolve(contract: RunningContract) -> Valid:
    """Resolve a new dispute."""
    known, how = await _disputed(contract), pb.ResolveDisputeRequest.RESOLUTION_DISMISSED
    request = pb.ResolveDisputeRequest(**_command(known, startup=True), resolution=how)
    return _valid(contract, request, known, contract.home.district)


async def add_evidence(contract: RunningContract) -> Valid:
    """Prove a new record."""
    known = await _new(contract)
    request = pb.AddEvidenceRequest(name=known.name, evidence=[evidence()], request_id=new_request_id())
    return _valid(contract, request, known, known.mentor, *known.startups, contract.home.district)


async def complete_next_step(contract: RunningContract) -> Valid:
    """Complete the second step of a new record."""
    known = await _new(contract)
    request = pb.CompleteNextStepRequest(
        name=known.name, index=1, done_date=known.next_steps[0].done_date, request_id=new_request_id()
    )
    return _valid(contract, request, known, known.mentor, *known.startups, contract.home.district)


async def get_note(contract: RunningContract) -> Valid:
    """Read the note."""
    home = contract.home.get(note_pb.ConsultationNote)
    return _of_note(contract, note_pb.GetConsultationNoteRequest(name=home.name), home)


async def update_note(contract: RunningContract) -> Valid:
    """Replace the note of a new record, which has been written before."""
    name = f"{(await _new(contract)).name}/note"
    write = note_pb.UpdateConsultationNoteRequest(name=name, text="再观察")
    written: note_pb.ConsultationNote = await contract.calls.call("mentors", "UpdateConsultationNote", write)
    request = note_pb.UpdateConsultationNoteRequest(
        name=name, text="三个月后回访", etag=written.etag, request_id=new_request_id()
    )
    return _of_note(contract, request, written)


def _of_note(contract: RunningContract, request: Any, note: note_pb.ConsultationNote) -> Valid:
    """Return a request about a note, which is called after its consultation."""
    foreign = contract.foreign.get(note_pb.ConsultationNote)
    return Valid(request, (note.mentor,), consultation_of(note.name), consultation_of(foreign.name))


REQUESTS = {
    "ConsultationService.LogConsultation": log,
    "ConsultationService.CorrectConsultation": correct,
    "ConsultationService.ConfirmConsultation": confirm,
    "ConsultationService.DisputeConsultation": dispute,
    "ConsultationService.ResolveDispute": resolve,
    "ConsultationService.AddEvidence": add_evidence,
    "ConsultationService.CompleteNextStep": complete_next_step,
    "ConsultationService.GetConsultationNote": get_note,
    "ConsultationService.UpdateConsultationNote": update_note,
}
SCOPES = {note_pb.ConsultationNote: scopes_of_note}
FACT_VALUES: Mapping[str, object] = {
    "walk_in": True,
    "appointed": True,
    "relation_last_date": Date(year=2026, month=11, day=24),
}
BAD_VALUES: Mapping[str, tuple[BadValue, ...]] = {}

# --- entities ---------------------------------------------------------------------------------

ENTITIES: tuple[Entity, ...] = (
    ConsultationNote(
        name="consultations/0consultation/note",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        text="两位创始人不和\n再观察",
    ),
)
