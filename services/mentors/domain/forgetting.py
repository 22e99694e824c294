"""Forgetting: delete what is known of the person behind a mentor, and keep what was counted."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import ClassVar

from libs.common.domain.entity import Change, Entity, Fact, Value
from libs.common.domain.names import Etag
from services.mentors.domain.appointment import end_all
from services.mentors.domain.consultation import Consultation, Participant
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor, MentorSpec, RetireReason, State
from services.mentors.domain.names import MentorName
from services.mentors.domain.nomination import Nomination

#: What is kept of a mentor's description: it counts, and says nothing about the person.
KEPT = ("kind", "district", "industry_expert")


class ForgetPerson(Value):
    """Forget the person behind a mentor."""

    name: MentorName
    etag: Etag = ""


class Erasure(Entity):
    """What is still to be done to forget a person, named `mentors/{mentor}/erasure`. It is removed when all is done."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    due_time: datetime


class MentorForgotten(Fact):
    """The person behind a mentor was forgotten."""

    state: State


def forget(
    mentor: Mentor,
    contact: MentorContact | None,
    nomination: Nomination | None,
    command: ForgetPerson,
    *,
    today: date,
    now: datetime,
) -> Change[Mentor]:
    """Delete the person's name, description, contact and papers, and end all appointments.

    The erasure is due at once, because other records name the person. Refuses a second time (PERSON_FORGOTTEN).
    """
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(*State)
    never_appointed = mentor.state in {State.NOMINATED, State.REJECTED}
    state = State.REJECTED if never_appointed else State.RETIRED
    blank = {name: field.default for name, field in MentorSpec.model_fields.items() if name not in KEPT}
    forgotten = mentor.with_(
        **blank,
        state=state,
        retire_reason=None if never_appointed else RetireReason.FORGOTTEN,
        appointments=end_all(mentor.appointments, today),
        spaces=(),
        districts=(),
        suspension_end_date=None,
        forget_time=now,
        due_time=None,
    )
    erasure = Erasure(name=f"{mentor.name}/erasure", mentor=mentor.name, due_time=now)
    removes = tuple(entity for entity in (contact, nomination) if entity is not None)
    return Change(forgotten, saves=(forgotten, erasure), removes=removes, facts=(MentorForgotten.of(forgotten),))


def forget_in_consultation(consultation: Consultation) -> Change[None]:
    """Delete the mentor's name from a consultation, and the mentor from those who took part."""
    name = consultation.mentor_display_name
    corrections = tuple(
        each.model_copy(update={"participants": _without(each.participants, name)}) for each in consultation.corrections
    )
    participants = _without(consultation.participants, name)
    forgotten = consultation.with_(mentor_display_name="", participants=participants, corrections=corrections)
    return Change(None, saves=(forgotten,))


def _without(participants: Iterable[Participant], name: str) -> tuple[Participant, ...]:
    """Return those who took part except the mentor, who belongs to no startup."""
    return tuple(each for each in participants if each.startup or each.display_name != name)


def forget_in_mentee(mentee: Mentee, *, mentor: str) -> Change[None]:
    """Delete the mentor's name from what counts for a startup."""
    relations = tuple(
        each.model_copy(update={"mentor_display_name": ""}) if each.mentor == mentor else each
        for each in mentee.relations
    )
    return Change(None, saves=(mentee.with_(relations=relations),))


def forget_entirely(entity: Entity) -> Change[None]:
    """Delete an entity that says nothing but what the mentor noted."""
    return Change(None, removes=(entity,))
