"""Mentoring: the mentors of a startup, as mentors reports them."""

from collections.abc import Iterable
from datetime import date

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Value


class MentorRelation(Value):
    """The confirmed consultations of one mentor. `sequence` counts the changes of the relation that mentors reported.

    A relation that has lost all of its sessions is kept, so that an older fact does not bring them back.
    """

    mentor: str
    mentor_display_name: str
    sessions: int
    minutes: int
    last_date: Day | None = None
    sequence: int


class ForgottenMentor(Entity):
    """A mentor whose person was forgotten: a fact that arrives late must not bring the name back."""


def latest_first(relations: Iterable[MentorRelation]) -> tuple[MentorRelation, ...]:
    """Return the relations with confirmed sessions, the one of the last session first."""
    return tuple(sorted((each for each in relations if each.sessions), key=_last, reverse=True))


def _last(relation: MentorRelation) -> tuple[date, str]:
    return relation.last_date or date.min, relation.mentor


def note_forgotten(known: ForgottenMentor | None, *, mentor: str) -> Change[None]:
    """Remember that a mentor's person was forgotten."""
    return Change(None, saves=() if known else (ForgottenMentor(name=mentor),))
