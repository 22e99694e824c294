"""The nomination: who proposes a person as a mentor, and with which papers."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Spec, Value
from libs.common.domain.errors import Invalid
from libs.common.domain.names import Etag
from libs.common.domain.profile import Section, Words
from libs.common.domain.text import Line, Title
from services.mentors.domain.appointment import ensure_district
from services.mentors.domain.contact import MentorContact, MentorContactSpec
from services.mentors.domain.evidence import Evidence
from services.mentors.domain.mentor import Mentor, MentorNominated, MentorSpec, State, Vocabulary
from services.mentors.domain.names import AppointerName, NominationName


class Level(StrEnum):
    """By whom an honour is awarded."""

    DISTRICT = "DISTRICT"
    CITY = "CITY"
    PROVINCE = "PROVINCE"
    NATION = "NATION"
    OTHER = "OTHER"


class Degree(StrEnum):
    """Academic degrees, from the lowest to the highest."""

    BELOW_ASSOCIATE = "BELOW_ASSOCIATE"
    ASSOCIATE = "ASSOCIATE"
    BACHELOR = "BACHELOR"
    MASTER = "MASTER"
    DOCTOR = "DOCTOR"


class Requirement(StrEnum):
    """What a nomination may have to show by the rules of a city."""

    ACTIVITIES = "ACTIVITIES"
    HONOURS = "HONOURS"
    AGE = "AGE"
    DEGREE = "DEGREE"
    EMPLOYER_CONSENT = "EMPLOYER_CONSENT"
    COMMITMENT_LETTER = "COMMITMENT_LETTER"


class NominationSection(Section):
    """The table `nomination` of the profile: what the papers must show, and where that is from. 0 asks for nothing."""

    source: Words
    min_activities: int = Field(0, ge=0)
    activity_years: int = Field(1, ge=1)
    min_honours: int = Field(0, ge=0)
    max_age: int = Field(0, ge=0)
    min_degree: Degree = Field(Degree.BELOW_ASSOCIATE, strict=False)
    employer_consent: bool = False
    commitment_letter: bool = False


class Activity(Value):
    """A consulting or training activity of the nominee."""

    topic: Annotated[Title, StringConstraints(min_length=1)]
    organiser: Title = ""
    date: Day


Year = Annotated[int, Field(ge=1900, le=2200)]


class Honour(Value):
    """An honour of the nominee."""

    title: Annotated[Title, StringConstraints(min_length=1)]
    level: Level
    year: Year | None = None


class NominationSpec(Spec):
    """The client-settable part of a nomination."""

    organisation: Title = ""
    activities: Annotated[tuple[Activity, ...], Field(max_length=50)] = ()
    honours: Annotated[tuple[Honour, ...], Field(max_length=20)] = ()
    birth_year: Year | None = None
    degree: Degree | None = None
    employer_consent: Evidence | None = None
    commitment_letter: Evidence | None = None
    documents: Annotated[tuple[Evidence, ...], Field(max_length=20)] = ()

    def ensure_past(self, today: date) -> None:
        """Refuse activities, honours and a birth after today."""
        for index, activity in enumerate(self.activities):
            if activity.date > today:
                raise Invalid.field(f"nomination.activities[{index}].date", "DATE_OUT_OF_RANGE", "after today")
        years = {f"honours[{index}].year": honour.year for index, honour in enumerate(self.honours)}
        for field, year in {**years, "birth_year": self.birth_year}.items():
            if year is not None and year > today.year:
                raise Invalid.field(f"nomination.{field}", "OUT_OF_RANGE", "after this year")


class NominateMentor(Value):
    """Nominate a person as a mentor."""

    mentor: MentorSpec = MentorSpec()
    nominator: AppointerName
    nomination: NominationSpec = NominationSpec()
    contact: MentorContactSpec = MentorContactSpec()


class GetNomination(Value):
    """Read the papers of a nomination."""

    name: NominationName


class UpdateNomination(Value):
    """Replace the papers of a nomination."""

    name: NominationName
    nomination: NominationSpec
    etag: Etag = ""


class RejectNomination(Value):
    """Reject a nomination."""

    name: NominationName
    rejection_reason: Annotated[Line, StringConstraints(min_length=1)]
    etag: Etag = ""


class Nomination(Entity):
    """The papers of a nomination, named `mentors/{mentor}/nomination`. They are deleted when the person is forgotten.

    `district` is the mentor's when the nomination was made. `missing` is filled for readers.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "nominator", "district")

    mentor: str
    nominator: str
    district: str
    organisation: str = ""
    activities: tuple[Activity, ...] = ()
    honours: tuple[Honour, ...] = ()
    birth_year: int | None = None
    degree: Degree | None = None
    employer_consent: Evidence | None = None
    commitment_letter: Evidence | None = None
    documents: tuple[Evidence, ...] = ()
    rejection_reason: str = ""
    missing: tuple[Requirement, ...] = Field((), exclude=True)

    def on(self, today: date, rules: NominationSection) -> Self:
        """Return the nomination with what it lacks on a day by the city's rules."""
        return self.with_(missing=tuple(_missing(self, rules, today)))


def _missing(nomination: Nomination, rules: NominationSection, today: date) -> Iterable[Requirement]:
    recent = [activity for activity in nomination.activities if _years(activity.date, today) < rules.activity_years]
    if len(recent) < rules.min_activities:
        yield Requirement.ACTIVITIES
    if sum(honour.level is not Level.OTHER for honour in nomination.honours) < rules.min_honours:
        yield Requirement.HONOURS
    if rules.max_age and (nomination.birth_year is None or today.year - nomination.birth_year > rules.max_age):
        yield Requirement.AGE
    degrees = tuple(Degree)
    if nomination.degree is None or degrees.index(nomination.degree) < degrees.index(rules.min_degree):
        yield Requirement.DEGREE
    if rules.employer_consent and nomination.employer_consent is None:
        yield Requirement.EMPLOYER_CONSENT
    if rules.commitment_letter and nomination.commitment_letter is None:
        yield Requirement.COMMITMENT_LETTER


def _years(since: date, today: date) -> int:
    """Return the full years that have passed since a day."""
    return today.year - since.year - ((today.month, today.day) < (since.month, since.day))


def nominate(command: NominateMentor, vocabulary: Vocabulary, *, name: str, today: date) -> Change[Mentor]:
    """Nominate a person. The papers, and the contact if one is given, become documents of their own."""
    ensure_district("nominator", command.nominator, vocabulary.city)
    command.mentor.ensure_valid(vocabulary)
    command.nomination.ensure_past(today)
    mentor = Mentor(name=name, nominator=command.nominator, **dict(command.mentor))
    nomination = Nomination(
        name=f"{name}/nomination",
        mentor=name,
        nominator=command.nominator,
        district=mentor.district,
        **dict(command.nomination),
    )
    contact = MentorContact(name=f"{name}/contact", mentor=name, **dict(command.contact))
    contacts = (contact,) if contact.phone or contact.email else ()
    return Change(mentor, saves=(mentor, nomination, *contacts), facts=(MentorNominated.of(mentor),))


def update(nomination: Nomination, mentor: Mentor, command: UpdateNomination, *, today: date) -> Change[Nomination]:
    """Replace the papers. Refuses papers of a forgotten person (PERSON_FORGOTTEN)."""
    nomination.ensure_etag(command.etag)
    mentor.ensure_state(*State)
    command.nomination.ensure_past(today)
    changed = nomination.with_(**dict(command.nomination))
    return Change(changed, saves=(changed,))


class MentorRejected(MentorNominated):
    """A nomination was rejected."""


def reject(nomination: Nomination, mentor: Mentor, command: RejectNomination) -> Change[Nomination]:
    """Reject a nomination that is not decided yet (WRONG_MENTOR_STATE otherwise)."""
    nomination.ensure_etag(command.etag)
    mentor.ensure_state(State.NOMINATED)
    rejected = mentor.with_(state=State.REJECTED)
    changed = nomination.with_(rejection_reason=command.rejection_reason)
    return Change(changed, saves=(changed, rejected), facts=(MentorRejected.of(rejected),))
