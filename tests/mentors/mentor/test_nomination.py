"""The nomination: its papers, what they lack, and how it is decided."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.errors import Invalid, Precondition
from services.mentors.domain import nomination
from services.mentors.domain.contact import MentorContact, MentorContactSpec
from services.mentors.domain.mentor import Mentor, State
from services.mentors.domain.nomination import (
    Activity,
    Degree,
    Honour,
    Level,
    NominateMentor,
    Nomination,
    NominationSpec,
    RejectNomination,
    Requirement,
    UpdateNomination,
)
from tests.mentors.mentor.entities import PAPER
from tests.mentors.samples import LONGTAN, MENTORS_PROFILE, TODAY, VOCABULARY, day, mentor, spec

RULES = MENTORS_PROFILE.nomination


def papers(**fields: Any) -> NominationSpec:
    """Return papers that lack nothing; `fields` replace."""
    values: dict[str, Any] = {
        "activities": tuple(Activity(topic="辅导", date=day(-30 * each)) for each in range(1, 7)),
        "honours": (Honour(title="优秀企业家", level=Level.DISTRICT),),
        "birth_year": TODAY.year - 60,
        "degree": Degree.ASSOCIATE,
        "employer_consent": PAPER,
        "commitment_letter": PAPER,
    }
    return NominationSpec(**{**values, **fields})


def nomination_of(given: NominationSpec) -> Nomination:
    """Return the nomination with these papers, with what it lacks today."""
    made = Nomination(name="mentors/m1/nomination", mentor="mentors/m1", nominator=LONGTAN, district=LONGTAN)
    return made.with_(**dict(given)).on(TODAY, RULES)


def nominate(**fields: Any) -> Any:
    """Nominate a person for a district."""
    command = NominateMentor(mentor=spec(), **{"nominator": LONGTAN, **fields})
    return nomination.nominate(command, VOCABULARY, name="mentors/m1", today=TODAY)


def test_a_person_is_nominated() -> None:
    """The mentor holds nothing of the papers and the contact, which are documents of their own."""
    change = nominate(nomination=papers(), contact=MentorContactSpec(phone="0432 6200 0000"))
    nominated, made, contact = change.saves
    assert change.reply is nominated
    assert (nominated.state, nominated.nominator, nominated.spaces, nominated.due_time) == (
        State.NOMINATED,
        LONGTAN,
        (),
        None,
    )
    assert (made.name, made.mentor, made.district) == ("mentors/m1/nomination", "mentors/m1", LONGTAN)
    assert contact == MentorContact(name="mentors/m1/contact", mentor="mentors/m1", phone="0432 6200 0000")
    assert [type(fact).__name__ for fact in change.facts] == ["MentorNominated"]


def test_without_a_contact_none_is_kept() -> None:
    """An empty contact is no document."""
    assert [type(entity).__name__ for entity in nominate().saves] == ["Mentor", "Nomination"]


def test_a_nominator_is_a_space_or_a_district_of_the_city() -> None:
    """A district of another city does not nominate."""
    with pytest.raises(Invalid, match="nominator"):
        nominate(nominator="districts/110101")


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"activities": (Activity(topic="辅导", date=day(1)),)}, "nomination.activities[0].date", "DATE_OUT_OF_RANGE"),
        (
            {"honours": (Honour(title="奖", level=Level.CITY, year=TODAY.year + 1),)},
            "nomination.honours[0].year",
            "OUT_OF_RANGE",
        ),
        ({"birth_year": TODAY.year + 1}, "nomination.birth_year", "OUT_OF_RANGE"),
    ],
)
def test_papers_speak_of_the_past(given: dict[str, object], field: str, reason: str) -> None:
    """Activities, honours and the birth lie before today."""
    with pytest.raises(Invalid) as refused:
        nominate(nomination=papers(**given))
    assert [(each.field, each.reason) for each in refused.value.violations] == [(field, reason)]


def test_complete_papers_lack_nothing() -> None:
    """Exactly six activities within two years, one honour, sixty years and an associate degree are enough."""
    assert nomination_of(papers()).missing == ()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"activities": papers().activities[:5]}, Requirement.ACTIVITIES),
        ({"honours": (Honour(title="奖", level=Level.OTHER),)}, Requirement.HONOURS),
        ({"birth_year": TODAY.year - 61}, Requirement.AGE),
        ({"birth_year": None}, Requirement.AGE),
        ({"degree": Degree.BELOW_ASSOCIATE}, Requirement.DEGREE),
        ({"degree": None}, Requirement.DEGREE),
        ({"employer_consent": None}, Requirement.EMPLOYER_CONSENT),
        ({"commitment_letter": None}, Requirement.COMMITMENT_LETTER),
    ],
)
def test_papers_say_what_they_lack(given: dict[str, object], missing: Requirement) -> None:
    """Each requirement that is not met is named, and a nomination is accepted nonetheless."""
    assert nomination_of(papers(**given)).missing == (missing,)
    assert nominate(nomination=papers(**given)).reply.state is State.NOMINATED


@given(st.dates(date(2023, 1, 1), TODAY))
def test_activities_count_for_two_years(held: date) -> None:
    """An activity of the same day two years ago no longer counts, one of the day after does."""
    activities = (*papers().activities[:5], Activity(topic="辅导", date=held))
    missing = nomination_of(papers(activities=activities)).missing
    assert missing == (() if held > date(2024, 11, 24) else (Requirement.ACTIVITIES,))


def test_papers_are_replaced() -> None:
    """An update replaces all papers and neither who nominated nor the decision."""
    known = nomination_of(papers()).with_(version=1)
    command = UpdateNomination(name=known.name, nomination=NominationSpec(organisation="松江材料公司"))
    change = nomination.update(known, mentor(()), command, today=TODAY)
    assert (change.reply.organisation, change.reply.activities, change.reply.nominator) == ("松江材料公司", (), LONGTAN)
    assert change.facts == ()


def test_a_nomination_is_rejected_once() -> None:
    """The reason stays with the papers; the mentor and the fact have only the state."""
    known = nomination_of(papers())
    command = RejectNomination(name=known.name, rejection_reason="材料不齐")
    change = nomination.reject(known, mentor(()), command)
    _, rejected = change.saves
    assert isinstance(rejected, Mentor)
    assert (change.reply.rejection_reason, rejected.state) == ("材料不齐", State.REJECTED)
    assert [type(fact).__name__ for fact in change.facts] == ["MentorRejected"]
    for decided in (rejected, mentor()):
        with pytest.raises(Precondition, match="the mentor is"):
            nomination.reject(known, decided, command)
