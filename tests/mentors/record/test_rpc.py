"""Records through a real channel: what each method answers, and how it refuses."""

import asyncio
import itertools
from typing import Any

import pytest
from grpc import StatusCode

from libs.api.hatchery.mentors.v1 import consultation_note_pb2 as note_pb
from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1 import evidence_pb2
from libs.api.hatchery.mentors.v1.consultation_pb2 import Consultation
from tests.mentors.record.requests import correct, full_record, log_consultation, logged, record, stamp
from tests.mentors.requests import date_of, evidence, new_mentor
from tests.spaces.requests import new_space, register_tenant
from tests.startups.requests import new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster
from tests.support.waiting import eventually

PENDING, CONFIRMED = Consultation.SERVICE_STATE_PENDING, Consultation.SERVICE_STATE_CONFIRMED
UPHELD = pb.ResolveDisputeRequest.RESOLUTION_UPHELD


async def get(consultations: Api, name: str, **options: Any) -> Consultation:
    """Read a consultation."""
    found: Consultation = await consultations.GetConsultation(pb.GetConsultationRequest(name=name), **options)
    return found


# --- log --------------------------------------------------------------------------------------


async def test_log_then_get(mentors: Api, consultations: Api, startups: Api) -> None:
    """A session is on record as it was entered, in one call, and is read back so."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    wanted = full_record(-1, 600, startup.name)
    request = pb.LogConsultationRequest(
        mentor=mentor.name, startups=[startup.name], record=wanted, evidence=[evidence()]
    )
    made = await consultations.LogConsultation(request)
    assert {field.name: getattr(made, field.name) for field in wanted.DESCRIPTOR.fields} == {
        field.name: getattr(wanted, field.name) for field in wanted.DESCRIPTOR.fields
    }
    assert (made.state, made.walk_in, made.appointed, made.minutes) == (Consultation.STATE_LOGGED, True, True, 60)
    assert [(each.startup, each.startup_display_name, each.state) for each in made.services] == [
        (startup.name, startup.display_name, PENDING)
    ]
    assert list(made.evidence) == list(request.evidence)
    missing = {Consultation.MissingEvidence.Name(each) for each in made.missing_evidence}
    assert missing == {f"MISSING_EVIDENCE_{kind}" for kind in ("SIGN_IN_SHEET", "PHOTO", "NOTICE", "CONFIRMATION")}
    assert (made.due_time.seconds - made.log_time.seconds) == 14 * 86_400
    assert await get(consultations, made.name) == made


async def test_the_space_is_that_of_the_tenancy_on_the_day(
    mentors: Api, consultations: Api, startups: Api, spaces: Api, tenancies: Api
) -> None:
    """A tenant's service belongs to the space in which it is a tenant on the day, and before it moved in to none."""
    mentor, startup, space = await new_mentor(mentors), await new_startup(startups), await new_space(spaces)
    await tenancies.RegisterTenant(register_tenant(space.name, startup.name, -5))
    minutes = itertools.count(0, 5)  # the fact of the tenancy may take a while

    async def belongs_to_the_space() -> bool:
        request = log_consultation(mentor.name, [startup.name], -4, next(minutes), minutes=5)
        made = await consultations.LogConsultation(request)
        return list(made.spaces) == [space.name]

    await eventually(belongs_to_the_space)
    assert list((await logged(consultations, mentor.name, [startup.name], -6)).spaces) == []


async def test_the_same_hour_is_logged_once(mentors: Api, consultations: Api, startups: Api) -> None:
    """Twenty devices that log the same hour: one is answered, the others get the name and times of its record.

    Repeats of the first request get its reply.
    """
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    requests = [log_consultation(mentor.name, [startup.name], request_id=f"{mentor.name[8:]}.{n}") for n in range(20)]
    answers = await asyncio.gather(*map(attempt(consultations.LogConsultation), requests))
    [first] = [answer for answer in answers if isinstance(answer, Consultation)]
    others = [answer for answer in answers if not isinstance(answer, Consultation)]
    assert {(answer.code, answer.reason) for answer in others} == {(StatusCode.ALREADY_EXISTS, "ALREADY_LOGGED")}
    assert {answer.metadata["consultation"] for answer in others} == {first.name}
    assert {"taken_start", "taken_end"} <= others[0].metadata.keys()
    request = requests[answers.index(first)]
    assert await asyncio.gather(*(consultations.LogConsultation(request) for _ in range(20))) == [first] * 20


def attempt(call: Any) -> Any:
    """Return a call that returns its refusal."""

    async def attempted(request: Any) -> Any:
        answers = await asyncio.gather(call(request), return_exceptions=True)
        return answers[0] if isinstance(answers[0], Consultation) else await refused(call(request))

    return attempted


async def test_what_is_not_over_is_refused(mentors: Api, consultations: Api, startups: Api) -> None:
    """A session of tomorrow is not logged, and the refusal names the end that was given."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    answer = await refused(consultations.LogConsultation(log_consultation(mentor.name, [startup.name], 1)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "IN_THE_FUTURE")
    assert answer.metadata["end_time"].endswith("Z")


async def test_what_is_missing_of_a_walk_in_is_named(mentors: Api, consultations: Api) -> None:
    """Without a booking, at least one startup, the times, kind, format and topic must be given."""
    mentor = await new_mentor(mentors)
    request = pb.LogConsultationRequest(mentor=mentor.name, record=record(-1, 600))
    answer = await refused(consultations.LogConsultation(request))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, {"startups": "REQUIRED"})
    request = pb.LogConsultationRequest(mentor=mentor.name, startups=["startups/none"])
    answer = await refused(consultations.LogConsultation(request))
    assert answer.reason in {"STARTUP_NOT_FOUND", "INVALID_FIELD"}
    doubled = pb.LogConsultationRequest(mentor=mentor.name, startups=["startups/a", "startups/a"])
    answer = await refused(consultations.LogConsultation(doubled))
    assert answer.fields == {"startups": "MALFORMED"}


# --- correct, prove, complete -----------------------------------------------------------------


async def test_a_correction_keeps_its_history(mentors: Api, consultations: Api, startups: Api) -> None:
    """A correction changes what the mask names, and the record shows what it said before."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    made = await logged(consultations, mentor.name, [startup.name])
    changed = await consultations.CorrectConsultation(
        correct(made.name, topic="期权池", end_time=stamp(-1, 630), etag=made.etag)
    )
    assert (changed.topic, changed.minutes, changed.kind) == ("期权池", 30, made.kind)
    assert [(each.topic, each.end_time) for each in changed.corrections] == [("股权结构", made.end_time)]
    for request, field in (
        (correct(made.name, "topic"), "record.topic"),
        (correct(made.name, "mentor"), "update_mask.paths[0]"),
    ):
        answer = await refused(consultations.CorrectConsultation(request))
        assert (answer.code, list(answer.fields)) == (StatusCode.INVALID_ARGUMENT, [field])
    answer = await refused(consultations.CorrectConsultation(correct(made.name, topic="别的", etag=made.etag)))
    assert (answer.code, answer.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_a_correction_into_another_record_names_it(mentors: Api, consultations: Api, startups: Api) -> None:
    """A record that is moved into the time of another is refused like a second log of that time."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    first = await logged(consultations, mentor.name, [startup.name], -1)
    second = await logged(consultations, mentor.name, [startup.name], -2)
    request = correct(second.name, start_time=stamp(-1, 590), end_time=stamp(-1, 620))
    answer = await refused(consultations.CorrectConsultation(request))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "ALREADY_LOGGED")
    assert answer.metadata["consultation"] == first.name


async def test_evidence_and_next_steps_are_added(mentors: Api, consultations: Api, startups: Api) -> None:
    """Documents that are added are no longer missing, and a step that is done stays so."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    request = pb.LogConsultationRequest(
        mentor=mentor.name, startups=[startup.name], record=full_record(-1, 600, startup.name)
    )
    made = await consultations.LogConsultation(request)
    kinds = (evidence_pb2.Evidence.KIND_SIGN_IN_SHEET, evidence_pb2.Evidence.KIND_PHOTO)
    documents = [evidence(kind=kind) for kind in kinds]
    proved = await consultations.AddEvidence(pb.AddEvidenceRequest(name=made.name, evidence=documents))
    assert list(proved.missing_evidence) == [
        Consultation.MISSING_EVIDENCE_NOTICE,
        Consultation.MISSING_EVIDENCE_CONFIRMATION,
    ]
    step = pb.CompleteNextStepRequest(name=made.name, index=1, done_date=date_of(-1))
    done = await consultations.CompleteNextStep(step)
    assert [each.done_date for each in done.next_steps] == [date_of(0), date_of(-1)]
    answer = await refused(consultations.CompleteNextStep(step))
    assert (answer.reason, answer.metadata) == ("NEXT_STEP_DONE", {"done_date": str(day_text(-1))})


def day_text(offset: int) -> str:
    """Return a day as a refusal names it."""
    then = date_of(offset)
    assert then is not None
    return f"{then.year:04}-{then.month:02}-{then.day:02}"


# --- answers ----------------------------------------------------------------------------------


async def test_two_startups_answer_one_session(
    mentors: Api, consultations: Api, startups: Api, cluster: Cluster
) -> None:
    """Each founder answers for the own startup and does not see the other's answer; an official resolves a dispute."""
    mentor, one, two = await new_mentor(mentors), await new_startup(startups), await new_startup(startups)
    made = await logged(consultations, mentor.name, [one.name, two.name])
    tokens = {each.name: cluster.token("founder", [each.name]) for each in (one, two)}
    request = pb.ConfirmConsultationRequest(name=made.name, startup=one.name, rating=5, comment="很有帮助")
    answer = await refused(consultations.ConfirmConsultation(request, token=tokens[two.name]))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    confirmed = await consultations.ConfirmConsultation(request, token=tokens[one.name])
    assert confirmed.state == Consultation.STATE_CONFIRMED
    dispute = pb.DisputeConsultationRequest(name=made.name, startup=two.name, dispute_reason="没有参加")
    disputed = await consultations.DisputeConsultation(dispute, token=tokens[two.name])
    assert (disputed.state, disputed.services[0].comment) == (Consultation.STATE_DISPUTED, "")
    seen = await get(consultations, made.name, token=tokens[one.name])
    assert [(each.rating, each.dispute_reason) for each in seen.services] == [(5, ""), (0, "")]
    resolve = pb.ResolveDisputeRequest(name=made.name, startup=two.name, resolution=UPHELD)
    official = cluster.token("official", [two.district])
    resolved = await consultations.ResolveDispute(resolve, token=official)
    assert [each.state for each in resolved.services] == [CONFIRMED, Consultation.SERVICE_STATE_REJECTED]
    answer = await refused(consultations.ResolveDispute(resolve))
    assert (answer.reason, answer.metadata) == ("NOT_DISPUTED", {"state": "REJECTED"})
    answer = await refused(consultations.CorrectConsultation(correct(made.name, topic="期权池")))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "CORRECTION_CLOSED")


# --- who sees what ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["founder", "operator", "official", "evaluator", "integrator"])
async def test_private_notes_are_the_mentors(
    mentors: Api, consultations: Api, startups: Api, cluster: Cluster, role: str
) -> None:
    """The mentor reads and writes the note of a consultation; no other role does, whatever its scopes."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    made = await logged(consultations, mentor.name, [startup.name])
    mine, name = cluster.token("mentor", [mentor.name]), f"{made.name}/note"
    read, write = note_pb.GetConsultationNoteRequest(name=name), note_pb.UpdateConsultationNoteRequest(name=name)
    assert (await consultations.GetConsultationNote(read, token=mine)).text == ""
    write.text = "再观察\n三个月后回访"
    written = await consultations.UpdateConsultationNote(write, token=mine)
    assert (written.text, written.mentor) == (write.text, mentor.name)
    assert await consultations.GetConsultationNote(read, token=mine) == written
    other = cluster.token(role, [startup.name, startup.district, mentor.name])
    for method, request in ((consultations.GetConsultationNote, read), (consultations.UpdateConsultationNote, write)):
        answer = await refused(method(request, token=other))
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    stranger = cluster.token("mentor", ["mentors/none", startup.name])
    answer = await refused(consultations.GetConsultationNote(read, token=stranger))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")


async def test_a_founder_reads_the_own_consultations_alone(
    mentors: Api, consultations: Api, startups: Api, cluster: Cluster
) -> None:
    """A founder neither reads nor lists what other startups were advised, and learns nothing of it."""
    mentor, one, two = await new_mentor(mentors), await new_startup(startups), await new_startup(startups)
    mine = await logged(consultations, mentor.name, [one.name], -1)
    other = await logged(consultations, mentor.name, [two.name], -2)
    founder = cluster.token("founder", [one.name])
    page = await consultations.ListConsultations(pb.ListConsultationsRequest(mentor=mentor.name), token=founder)
    assert [each.name for each in page.consultations] == [mine.name]
    for name in (other.name, f"{other.name}0"):
        answer = await refused(get(consultations, name, token=founder))
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("CorrectConsultation", "consultation"),
        ("ConfirmConsultation", "consultation"),
        ("DisputeConsultation", "consultation"),
        ("ResolveDispute", "consultation"),
        ("AddEvidence", "consultation"),
        ("CompleteNextStep", "consultation"),
        ("GetConsultationNote", "note"),
        ("UpdateConsultationNote", "note"),
    ],
)
async def test_a_missing_consultation_is_not_found(consultations: Api, method: str, kind: str) -> None:
    """What does not exist is NOT_FOUND with the reason and name of the consultation."""
    name = "consultations/none" if kind == "consultation" else "consultations/none/note"
    requests = {
        "CorrectConsultation": correct(name, topic="别的"),
        "ConfirmConsultation": pb.ConfirmConsultationRequest(name=name, startup="startups/a"),
        "DisputeConsultation": pb.DisputeConsultationRequest(name=name, startup="startups/a", dispute_reason="没有来"),
        "ResolveDispute": pb.ResolveDisputeRequest(name=name, startup="startups/a", resolution=UPHELD),
        "AddEvidence": pb.AddEvidenceRequest(name=name, evidence=[evidence()]),
        "CompleteNextStep": pb.CompleteNextStepRequest(name=name),
        "GetConsultationNote": note_pb.GetConsultationNoteRequest(name=name),
        "UpdateConsultationNote": note_pb.UpdateConsultationNoteRequest(name=name),
    }
    answer = await refused(getattr(consultations, method)(requests[method]))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "CONSULTATION_NOT_FOUND")
    assert answer.metadata["name"] == "consultations/none"
