"""The panel: mentors drawn to review startups, with its substitutes, its draw, and the conflicts that were declared."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from libs.calendar.interval import Interval
from libs.calendar.local_time import local_day
from libs.common.domain.entity import Entity, PageQuery, Value
from libs.common.domain.errors import Precondition
from libs.common.domain.names import DistrictName
from libs.common.domain.profile import Section, Words
from services.mentors.domain.draw import Candidate as Ticket
from services.mentors.domain.draw import KindQuota, Need, Quotas
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.names import DeclarationName, MentorName, PanelDrawName, PanelName, StartupName
from services.mentors.domain.panel_duty import LoadSection


class State(StrEnum):
    """The states of a panel. Who sits on it is confidential before it is CLOSED."""

    DRAWN = "DRAWN"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class ConflictGround(StrEnum):
    """What a conflict of interest that nobody can derive from the records is based on."""

    EMPLOYMENT = "EMPLOYMENT"
    SHAREHOLDING = "SHAREHOLDING"
    KINSHIP = "KINSHIP"
    ADVICE = "ADVICE"
    COMPETITION = "COMPETITION"
    OTHER = "OTHER"


class ExclusionReason(StrEnum):
    """Why a candidate was not drawn: conflicts on record or declared, and what the panel needs of its members."""

    HOLDS_SHARES = "HOLDS_SHARES"
    OFFICER = "OFFICER"
    SAME_ORGANISATION = "SAME_ORGANISATION"
    MENTOR_OF = "MENTOR_OF"
    SAME_SPACE = "SAME_SPACE"
    DECLARED = "DECLARED"
    NOT_APPOINTED = "NOT_APPOINTED"
    BUSY = "BUSY"
    LOAD_LIMIT = "LOAD_LIMIT"


class LeaveReason(StrEnum):
    """Why a member left."""

    CONFLICT = "CONFLICT"
    UNAVAILABLE = "UNAVAILABLE"
    WITHDREW = "WITHDREW"
    OTHER = "OTHER"


class IndustrySection(Section):
    """The table `panels.industry_experts` of the profile: their least share of a panel's seats, in per cent."""

    source: Words
    min_percent: int = Field(ge=0, le=100)


class PanelsSection(Section):
    """The table `panels` of the profile: what holds for panels that do not say otherwise."""

    industry_experts: IndustrySection
    load: LoadSection


class GetPanel(Value):
    """Read one panel."""

    name: PanelName


class GetPanelDraw(Value):
    """Read how a panel was drawn."""

    name: PanelDrawName


class GetConflictDeclaration(Value):
    """Read the declaration of a conflict."""

    name: DeclarationName


class ListPanels(PageQuery):
    """Read a page of panels."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    states: Annotated[tuple[State, ...], Field(max_length=10)] = ()
    district: DistrictName = ""
    mentor: MentorName | None = None
    subject: StartupName | None = None


class Subject(Value):
    """A startup under review, as it was when the panel was drawn."""

    startup: str
    startup_display_name: str
    credit_code: str | None = None


class Member(Value):
    """A member or substitute. `join_time` is unset for a substitute."""

    mentor: str
    mentor_display_name: str
    kind: str
    industry_expert: bool
    join_time: datetime | None = None

    @classmethod
    def of(cls, mentor: Mentor) -> Self:
        """Build from a mentor."""
        return cls(
            mentor=mentor.name,
            mentor_display_name=mentor.display_name,
            kind=mentor.kind,
            industry_expert=mentor.industry_expert,
        )

    def with_join_time(self, now: datetime) -> Self:
        """Copy as a member who joined now."""
        return self.model_copy(update={"join_time": now})

    @property
    def ticket(self) -> Ticket:
        """The member as the draw counts it."""
        return Ticket(mentor=self.mentor, kind=self.kind, industry_expert=self.industry_expert)


class Departure(Value):
    """A member who left, and the substitute who joined then; empty if none fitted."""

    mentor: str
    mentor_display_name: str
    reason: LeaveReason
    leave_time: datetime
    replaced_by: str = ""


class Panel(Entity):
    """A panel. `mentors` are the names of the members, who see it; a substitute sees nothing before joining."""

    scoped_by: ClassVar[tuple[str, ...]] = ("district", "mentors")

    district: str
    title: str
    subjects: tuple[Subject, ...] = ()
    technology_fields: tuple[str, ...] = ()
    size: int
    substitute_count: int = 0
    min_industry_expert_percent: int = 0
    kinds: tuple[KindQuota, ...] = ()
    max_panels: int
    within_days: int
    start_time: datetime | None = None
    end_time: datetime | None = None
    state: State = State.DRAWN
    mentors: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    substitutes: tuple[Member, ...] = ()
    departures: tuple[Departure, ...] = ()
    cancel_reason: str = ""
    close_time: datetime | None = None

    @property
    def interval(self) -> Interval | None:
        """The period of the review; None if none was set."""
        if self.start_time is None or self.end_time is None:
            return None
        return Interval(start=self.start_time, end=self.end_time)

    @property
    def vacant_seats(self) -> int:
        """The seats that nobody holds."""
        return self.size - len(self.members)

    @property
    def startups(self) -> tuple[str, ...]:
        """The names of the startups under review."""
        return tuple(subject.startup for subject in self.subjects)

    @property
    def quotas(self) -> Quotas:
        """What the panel must be made of."""
        return Quotas(min_industry_expert_percent=self.min_industry_expert_percent, kinds=self.kinds)

    @property
    def missing(self) -> Need:
        """What the members lack of the seats and quotas."""
        return self.quotas.of(self.size).after(member.ticket for member in self.members)

    def day(self, zone: ZoneInfo) -> date:
        """Return the day of the city on which the review begins, or on which the panel was drawn."""
        return local_day(self.start_time or self.create_time, zone)

    def with_members(self, members: tuple[Member, ...], substitutes: tuple[Member, ...]) -> Self:
        """Copy the panel with other members and substitutes."""
        return self.with_(mentors=tuple(member.mentor for member in members), members=members, substitutes=substitutes)

    def member(self, mentor: str) -> Member | None:
        """Return the member of this name."""
        return next((member for member in self.members if member.mentor == mentor), None)

    def ensure_drawn(self) -> None:
        """Refuse a change of a panel that is closed or cancelled (WRONG_PANEL_STATE)."""
        if self.state is not State.DRAWN:
            raise Precondition("WRONG_PANEL_STATE", f"the panel is {self.state.lower()}", state=self.state)


class Exclusion(Value):
    """Why a candidate was not drawn: `startup` for a conflict on record, `ground` for a declared one."""

    reason: ExclusionReason
    startup: str = ""
    ground: ConflictGround | None = None


class Candidate(Value):
    """A mentor who was considered, as the draw knew it."""

    mentor: str
    mentor_display_name: str
    kind: str
    industry_expert: bool
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def ticket(self) -> Ticket:
        """The candidate as the draw counts it."""
        return Ticket(mentor=self.mentor, kind=self.kind, industry_expert=self.industry_expert)


class PanelDraw(Entity):
    """How a panel was drawn, named `panels/{panel}/draw`, with all that is needed to draw it again. It never changes.

    `candidates` are in the order of the draw, the excluded ones among them.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("district",)

    panel: str
    district: str
    seed: str
    size: int
    substitute_count: int
    min_industry_expert_percent: int
    kinds: tuple[KindQuota, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    members: tuple[str, ...] = ()
    substitutes: tuple[str, ...] = ()

    @property
    def quotas(self) -> Quotas:
        """What the panel had to be made of."""
        return Quotas(min_industry_expert_percent=self.min_industry_expert_percent, kinds=self.kinds)


class ConflictDeclaration(Entity):
    """A conflict that a member or an official declared, named `panels/{panel}/declarations/{mentor's id}`."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "district")

    panel: str
    district: str
    mentor: str
    mentor_display_name: str
    startup: str = ""
    ground: ConflictGround
    explanation: str = ""
