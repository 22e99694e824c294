"""Forgetting: what is deleted of a person, and what stays because it was counted."""

from datetime import timedelta

import pytest

from libs.common.domain.errors import Precondition, Stale
from services.mentors.domain import forgetting
from services.mentors.domain.consultation import Consultation, Kind, Participant
from services.mentors.domain.consultation import State as ConsultationState
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.forgetting import Erasure, ForgetPerson
from services.mentors.domain.mentee import Mentee, Relation
from services.mentors.domain.mentor import Affiliation, Format, Holding, Mentor, RetireReason, State
from services.mentors.domain.nomination import Nomination
from tests.mentors.samples import LONGTAN, NOW, TODAY, day, mentor, term

CONTACT = MentorContact(name="mentors/m1/contact", mentor="mentors/m1", version=1, phone="13804320001")
PAPERS = Nomination(
    name="mentors/m1/nomination", mentor="mentors/m1", version=1, nominator="spaces/s1", district=LONGTAN
)


def forgotten(known: Mentor) -> Mentor:
    """Forget the person and return the mentor after it."""
    command = ForgetPerson(name=known.name)
    return forgetting.forget(known, None, None, command, today=TODAY, now=NOW).reply


def test_contact_and_papers_are_deleted() -> None:
    """Both are removed in the same commit, and the erasure of the rest is due; the fact does not name the person."""
    change = forgetting.forget(mentor(), CONTACT, PAPERS, ForgetPerson(name="mentors/m1"), today=TODAY, now=NOW)
    assert change.removes == (CONTACT, PAPERS)
    assert change.saves[1:] == (Erasure(name="mentors/m1/erasure", mentor="mentors/m1", due_time=NOW),)
    assert [dict(fact) for fact in change.facts] == [{"name": "mentors/m1", "state": State.RETIRED}]


def test_name_and_description_are_deleted() -> None:
    """What stays says nothing about the person: kind, district, terms."""
    known = mentor(
        title="教授",
        organisation="大学",
        affiliations=(Affiliation(organisation="松江材料公司"),),
        holdings=(Holding(startup="startups/a1", share_per_mille=50),),
        biography_zh="林江",
        biography_en="Lin Jiang",
        industry_expert=True,
    )
    after = forgotten(known)
    described = {field: getattr(after, field) for field in ("display_name", "title", "organisation", "biography_zh")}
    assert described == dict.fromkeys(described, "")
    assert (after.biography_en, after.affiliations, after.holdings, after.skills) == ("", (), (), ())
    assert (after.kind, after.district, after.industry_expert) == (known.kind, known.district, True)
    assert "林江" not in repr(after)


def test_a_forgotten_mentor_is_retired() -> None:
    """Terms that have not ended end today, and nothing of the mentor changes by itself any more."""
    after = forgotten(mentor([term(-30, -10), term(-5, 300, number="B-2"), term(10, 20, "spaces/s2", "C-3")]))
    assert (after.state, after.retire_reason) == (State.RETIRED, RetireReason.FORGOTTEN)
    assert [each.end_date for each in after.appointments] == [day(-10), TODAY, day(10)]
    assert (after.spaces, after.due_time, after.forget_time) == ((), None, NOW)


@pytest.mark.parametrize("state", [State.NOMINATED, State.REJECTED])
def test_who_was_never_appointed_is_rejected(state: State) -> None:
    """A nominee who is forgotten was never a mentor."""
    after = forgotten(mentor((), state=state))
    assert (after.state, after.retire_reason) == (State.REJECTED, None)


def test_a_person_is_forgotten_once() -> None:
    """A second time is refused, and so is an older version."""
    with pytest.raises(Precondition, match="forgotten"):
        forgotten(forgotten(mentor()))
    with pytest.raises(Stale):
        forgetting.forget(mentor(), None, None, ForgetPerson(name="mentors/m1", etag="v9"), today=TODAY, now=NOW)


def test_consultations_lose_the_name() -> None:
    """The record stays with its minutes; the mentor is no longer named, also not among those who took part."""
    held = Consultation(
        name="consultations/c1",
        version=1,
        mentor="mentors/m1",
        mentor_display_name="林江",
        startups=("startups/a1",),
        kind=Kind.COACHING,
        format=Format.ON_SITE,
        topic="融资",
        start_time=NOW,
        end_time=NOW + timedelta(minutes=45),
        state=ConsultationState.CONFIRMED,
        participants=(
            Participant(display_name="林江"),
            Participant(display_name="林江", startup="startups/a1"),
            Participant(display_name="周松", startup="startups/a1"),
        ),
    )
    (after,) = forgetting.forget_in_consultation(held).saves
    assert isinstance(after, Consultation)
    assert (after.mentor, after.mentor_display_name, after.minutes) == ("mentors/m1", "", 45)
    assert after.participants == held.participants[1:]


def test_what_counts_loses_the_name() -> None:
    """Sessions and minutes of the relation stay; other mentors keep their names."""
    relation = Relation(
        mentor="mentors/m1", mentor_display_name="林江", sessions=3, minutes=135, last_date=TODAY, sequence=3
    )
    other = relation.model_copy(update={"mentor": "mentors/m2"})
    known = Mentee(name="startups/a1", version=1, relations=(relation, other))
    (after,) = forgetting.forget_in_mentee(known, mentor="mentors/m1").saves
    assert isinstance(after, Mentee)
    assert after.relations == (relation.model_copy(update={"mentor_display_name": ""}), other)
