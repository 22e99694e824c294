"""The mentor: a person whom spaces or a city appoint for a term to advise startups."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Fact, PageQuery, Spec, UpdateMask, Value
from libs.common.domain.errors import Invalid, Precondition, Violation
from libs.common.domain.names import Code, DistrictName, Etag
from libs.common.domain.profile import City
from libs.common.domain.text import Line, Paragraphs, Title
from services.mentors.domain.names import MentorName, SpaceName, StartupName
from services.mentors.domain.startup import Stage


class State(StrEnum):
    """The states of a mentor."""

    NOMINATED = "NOMINATED"
    REJECTED = "REJECTED"
    APPOINTED = "APPOINTED"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


class RetireReason(StrEnum):
    """Why a mentor is retired."""

    TERM_ENDED = "TERM_ENDED"
    RESIGNED = "RESIGNED"
    DISMISSED = "DISMISSED"
    FORGOTTEN = "FORGOTTEN"


class Format(StrEnum):
    """How a mentor meets startups."""

    ON_SITE = "ON_SITE"
    PHONE = "PHONE"
    VIDEO = "VIDEO"


#: A language by its ISO 639 code.
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$", max_length=3)]
#: A unified social credit code as an affiliation names it; the startups service checks the codes of startups.
OrganisationCode = Annotated[str, StringConstraints(pattern=r"^([0-9A-HJ-NPQRTUWXY]{18})?$", max_length=18)]
Codes = Annotated[tuple[Annotated[Code, StringConstraints(min_length=1)], ...], Field(max_length=20)]


#: What panels have quotas of. It is set by the nomination, and then by officials only.
CLASSIFICATION = ("kind", "industry_expert")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The codes that describe a mentor: those of the city, and the kinds and skills of mentors."""

    city: City
    kinds: Collection[str]
    skills: Collection[str]


class Affiliation(Value):
    """An organisation in which the mentor works or has a say. Conflicts of interest are derived from it."""

    organisation: Annotated[Title, StringConstraints(min_length=1)]
    credit_code: OrganisationCode = ""
    role: Line = ""


class Holding(Value):
    """A share that the mentor holds in a startup, in thousandths of its capital."""

    startup: StartupName
    share_per_mille: Annotated[int, Field(ge=0, le=1000)] = 0


class MentorSpec(Spec):
    """The client-settable part of a mentor."""

    required = ("display_name", "kind", "district")

    display_name: Title = ""
    kind: Code = ""
    district: DistrictName = ""
    title: Title = ""
    organisation: Title = ""
    affiliations: Annotated[tuple[Affiliation, ...], Field(max_length=20)] = ()
    holdings: Annotated[tuple[Holding, ...], Field(max_length=50)] = ()
    technology_fields: Codes = ()
    industry_chains: Codes = ()
    skills: Codes = ()
    languages: Annotated[tuple[Language, ...], Field(max_length=20)] = ()
    biography_zh: Paragraphs = ""
    biography_en: Paragraphs = ""
    industry_expert: bool = False
    formats: Annotated[tuple[Format, ...], Field(max_length=10)] = ()
    offered_minutes_per_month: Annotated[int, Field(ge=0, le=31 * 24 * 60)] = 0
    stages: Annotated[tuple[Stage, ...], Field(max_length=10)] = ()

    def ensure_valid(self, vocabulary: Vocabulary) -> None:
        """Refuse missing required fields, codes that the city's profile does not have, and a startup named twice."""
        self.ensure_complete("mentor")
        city = vocabulary.city
        if not city.is_district(self.district):
            raise Invalid.field("mentor.district", "MALFORMED", "not a district of the city")
        if self.kind not in vocabulary.kinds:
            raise Invalid.field("mentor.kind", "MALFORMED", "not a kind of mentor of the city's profile")
        unknown = (
            *_unknown("technology_fields", self.technology_fields, city.technology_fields),
            *_unknown("industry_chains", self.industry_chains, city.industry_chains),
            *_unknown("skills", self.skills, vocabulary.skills),
        )
        if unknown:
            raise Invalid(*unknown)
        startups = [holding.startup for holding in self.holdings]
        for index, startup in enumerate(startups):
            if startup in startups[:index]:
                raise Invalid.field(f"mentor.holdings[{index}].startup", "MALFORMED", "has another holding already")


def _unknown(field: str, codes: Iterable[str], known: Collection[str]) -> Iterable[Violation]:
    for index, code in enumerate(codes):
        if code not in known:
            yield Violation(f"mentor.{field}[{index}]", "MALFORMED", "not a code of the city's profile")


class UpdateMentor(Value):
    """Change the description of a mentor."""

    name: MentorName
    mentor: MentorSpec = MentorSpec()
    update_mask: UpdateMask
    etag: Etag = ""


class ClassifyMentor(Value):
    """Set what panels have quotas of."""

    name: MentorName
    kind: Annotated[Code, StringConstraints(min_length=1)]
    industry_expert: bool = False
    etag: Etag = ""


class GetMentor(Value):
    """Read one mentor."""

    name: MentorName


class BatchGetMentors(Value):
    """Read several mentors."""

    names: Annotated[tuple[MentorName, ...], Field(max_length=200)]


class ListMentors(PageQuery):
    """Read a page of mentors."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    states: Annotated[tuple[State, ...], Field(max_length=10)] = ()
    kind: Code = ""
    technology_field: Code = ""
    skill: Code = ""
    language: Language | None = None
    format: Format | None = None
    space: SpaceName | None = None
    district: DistrictName = ""
    industry_expert: bool | None = None


class Appointment(Value):
    """One appointment: by whom, for which days, under which certificate number.

    `appointer` is a space, or for the city's corps a district.
    """

    appointer: str
    body: str
    certificate_number: str
    start_date: Day
    end_date: Day

    def is_valid(self, day: date) -> bool:
        """Whether the day belongs to the term; the end date does not."""
        return self.start_date <= day < self.end_date


class Mentor(Entity):
    """A mentor. `spaces` and `districts` are those whose appointment has not ended; a mentor counts once in the city.

    `stages` are those of startups in which the mentor has experience. `due_time` is when the next appointment or the
    suspension ends.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "spaces", "districts", "district", "nominator")

    display_name: str
    kind: Code
    district: str = ""
    title: str = ""
    organisation: str = ""
    affiliations: tuple[Affiliation, ...] = ()
    holdings: tuple[Holding, ...] = ()
    technology_fields: tuple[str, ...] = ()
    industry_chains: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    biography_zh: str = ""
    biography_en: str = ""
    industry_expert: bool = False
    formats: tuple[Format, ...] = ()
    offered_minutes_per_month: int = 0
    state: State = State.NOMINATED
    nominator: str = ""
    spaces: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    suspension_end_date: Day | None = None
    retire_reason: RetireReason | None = None
    forget_time: datetime | None = None
    due_time: datetime | None = None

    def appointed_on(self, day: date) -> bool:
        """Whether some appointment is valid on the day."""
        return any(appointment.is_valid(day) for appointment in self.appointments)

    def ensure_state(self, *allowed: State) -> None:
        """Refuse what needs another state (WRONG_MENTOR_STATE), and everything once the person is forgotten."""
        if self.forget_time is not None:
            raise Precondition("PERSON_FORGOTTEN", "the person behind the mentor was forgotten", name=self.name)
        if self.state not in allowed:
            raise Precondition(
                "WRONG_MENTOR_STATE", f"the mentor is {self.state.lower()}", name=self.name, state=self.state
            )


class MentorNominated(Fact):
    """A person was nominated as a mentor."""

    display_name: str
    kind: str
    district: str
    state: State
    spaces: tuple[str, ...]
    districts: tuple[str, ...]
    appointments: tuple[Appointment, ...]
    industry_expert: bool


class MentorUpdated(MentorNominated):
    """The description of a mentor changed, or one of several appointments ended."""


def update(mentor: Mentor, command: UpdateMentor, vocabulary: Vocabulary) -> Change[Mentor]:
    """Change the fields that the mask names.

    Refuses a change of a forgotten person (PERSON_FORGOTTEN), and one of the classification (CLASSIFICATION_FIXED).
    """
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(*State)
    changed = mentor.with_(**command.mentor.masked(command.update_mask))
    MentorSpec.model_validate(changed, from_attributes=True).ensure_valid(vocabulary)
    if fields := [name for name in CLASSIFICATION if getattr(changed, name) != getattr(mentor, name)]:
        raise Precondition(
            "CLASSIFICATION_FIXED", "only ClassifyMentor changes kind and industry_expert", fields=",".join(fields)
        )
    return Change(changed, saves=(changed,), facts=(MentorUpdated.of(changed),))


def classify(mentor: Mentor, command: ClassifyMentor, vocabulary: Vocabulary) -> Change[Mentor]:
    """Set kind and industry expert. Refuses a change of a forgotten person (PERSON_FORGOTTEN)."""
    mentor.ensure_etag(command.etag)
    mentor.ensure_state(*State)
    if command.kind not in vocabulary.kinds:
        raise Invalid.field("kind", "MALFORMED", "not a kind of mentor of the city's profile")
    changed = mentor.with_(kind=command.kind, industry_expert=command.industry_expert)
    return Change(changed, saves=(changed,), facts=(MentorUpdated.of(changed),))
