"""The mentor: a person whom spaces or a city appoint for a term to advise startups."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value
from libs.common.domain.names import Code
from libs.common.domain.text import Line, Title
from services.mentors.domain.names import StartupName


class State(StrEnum):
    """The states of a mentor."""

    NOMINATED = "NOMINATED"
    REJECTED = "REJECTED"
    APPOINTED = "APPOINTED"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


class Format(StrEnum):
    """How a mentor meets startups."""

    ON_SITE = "ON_SITE"
    PHONE = "PHONE"
    VIDEO = "VIDEO"


#: A language by its ISO 639 code.
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$", max_length=3)]
#: A unified social credit code as an affiliation names it; the startups service checks the codes of startups.
OrganisationCode = Annotated[str, StringConstraints(pattern=r"^([0-9A-HJ-NPQRTUWXY]{18})?$", max_length=18)]
Texts = Annotated[tuple[Title, ...], Field(max_length=20)]


class Affiliation(Value):
    """An organisation in which the mentor works or has a say. Conflicts of interest are derived from it."""

    organisation: Annotated[Title, StringConstraints(min_length=1)]
    credit_code: OrganisationCode = ""
    role: Line = ""


class Holding(Value):
    """A share that the mentor holds in a startup, in thousandths of its capital."""

    startup: StartupName
    share_per_mille: Annotated[int, Field(ge=0, le=1000)] = 0


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
    """A mentor. `spaces` are those whose appointment has not ended; a mentor counts once in the city.

    `due_time` is when the last term ends.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "spaces", "district")

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
    biography_zh: str = ""
    biography_en: str = ""
    industry_expert: bool = False
    formats: tuple[Format, ...] = ()
    offered_minutes_per_month: int = 0
    state: State = State.NOMINATED
    spaces: tuple[str, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    suspension_end_date: Day | None = None
    due_time: datetime | None = None

    def appointed_on(self, day: date) -> bool:
        """Whether some appointment is valid on the day."""
        return any(appointment.is_valid(day) for appointment in self.appointments)
