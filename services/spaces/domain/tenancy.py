"""The tenancy: a startup leases desks and area of a space for a period."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day, midnight
from libs.common.domain.entity import Change, Entity, Fact, PageQuery, Value
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import Etag
from services.spaces.domain.names import SpaceName, StartupName, TenancyName
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.period import Period
from services.spaces.domain.quantities import Area, Desks, SquareMetres
from services.spaces.domain.space import NO_AREA, Space

#: How far ahead a tenancy may begin, and how long it may last.
MAX_LEAD, MAX_TERM = timedelta(days=3653), timedelta(days=18263)


class State(StrEnum):
    """The states of a tenancy."""

    SIGNED = "SIGNED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class EndReason(StrEnum):
    """Why a tenancy ended."""

    GRADUATED = "GRADUATED"
    LEFT = "LEFT"
    EVICTED = "EVICTED"
    EXPIRED = "EXPIRED"


def ensure_max_term(start: date, end: date | None) -> None:
    """Refuse a tenancy of more than fifty years (DATE_OUT_OF_RANGE)."""
    if end is not None and end > start + MAX_TERM:
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "more than fifty years after the first day")


class RegisterTenant(Value):
    """Lease room to a startup."""

    space: SpaceName
    startup: StartupName
    desks: Desks = 0
    area_m2: Area = NO_AREA
    start_date: date | None = None
    end_date: date | None = None

    def period(self, today: date) -> Period:
        """Return the period, from today if no day is given. Refuses one that is empty or too long."""
        start = self.start_date or today
        if start > today + MAX_LEAD:
            raise Invalid.field("start_date", "DATE_OUT_OF_RANGE", "more than ten years ahead")
        if self.end_date is not None and self.end_date <= start:
            raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not after the first day")
        ensure_max_term(start, self.end_date)
        return Period(start=start, end=self.end_date)


class EndTenancy(Value):
    """End a tenancy."""

    name: TenancyName
    end_date: date | None = None
    end_reason: EndReason
    etag: Etag = ""


class GetTenancy(Value):
    """Read one tenancy."""

    name: TenancyName


class ListTenancies(PageQuery):
    """Read a page of tenancies, of one space or of all (`spaces/-`)."""

    parent: Annotated[str, StringConstraints(pattern=r"^spaces/([0-9a-z]{1,40}|-)$", max_length=80)]
    states: Annotated[tuple[State, ...], Field(max_length=10)] = ()
    startup: StartupName | None = None


class Tenancy(Entity):
    """A startup's right to desks and area of a space in a period. `due_time` is when its state changes by itself."""

    scoped_by: ClassVar[tuple[str, ...]] = ("space", "startup", "district", "zone")

    space: str
    space_display_name: str
    district: str
    zone: str
    startup: str
    startup_display_name: str
    desks: int
    area_m2: SquareMetres
    start_date: Day
    end_date: Day | None = None
    state: State = State.SIGNED
    end_reason: EndReason | None = None
    due_time: datetime | None = None

    def at(self, today: date, zone: ZoneInfo) -> Self:
        """Return the tenancy in its state of that day, with the moment at which the state changes next."""
        if self.end_date is not None and self.end_date <= max(today, self.start_date):
            reason = self.end_reason or EndReason.EXPIRED
            return self.with_(state=State.ENDED, end_reason=reason, due_time=None)
        if today < self.start_date:
            return self.with_(state=State.SIGNED, due_time=midnight(self.start_date, zone))
        due = midnight(self.end_date, zone) if self.end_date else None
        return self.with_(state=State.ACTIVE, due_time=due)

    def fact(self) -> "TenancySigned":
        """Return the fact that describes the current state."""
        return _FACTS[self.state].of(self)


class TenancySigned(Fact):
    """A tenancy was agreed whose first day is in the future."""

    space: str
    space_display_name: str
    district: str
    zone: str
    startup: str
    desks: int
    area_m2: SquareMetres
    start_date: date
    end_date: date | None


class TenancyActivated(TenancySigned):
    """A startup moved in, or its end date was set."""


class TenancyEnded(TenancySigned):
    """A tenancy is over. If both days are the same, it never began."""

    end_reason: EndReason


_FACTS: dict[State, type[TenancySigned]] = {
    State.SIGNED: TenancySigned,
    State.ACTIVE: TenancyActivated,
    State.ENDED: TenancyEnded,
}


def register(
    space: Space, occupant: Occupant, command: RegisterTenant, *, name: str, today: date, zone: ZoneInfo
) -> Change[Tenancy]:
    """Lease desks and area of a space to a startup (clause 34 of the policy)."""
    if not command.desks and not command.area_m2:
        raise Invalid.field("desks", "REQUIRED", "lease desks, area or both")
    period = command.period(today)
    tenancy = Tenancy(
        name=name,
        space=space.name,
        space_display_name=space.display_name,
        district=space.district,
        zone=space.zone,
        startup=occupant.name,
        startup_display_name=occupant.display_name,
        desks=command.desks,
        area_m2=command.area_m2,
        start_date=period.start,
        end_date=period.end,
    ).at(today, zone)
    occupied = space.occupy(command.desks, command.area_m2, period, today)
    return Change(tenancy, saves=(occupied, occupant.stay(name, period), tenancy), facts=(tenancy.fact(),))


def end(
    tenancy: Tenancy, space: Space, occupant: Occupant, command: EndTenancy, *, today: date, zone: ZoneInfo
) -> Change[Tenancy]:
    """End a tenancy on a day. Its room is free from that day on, or from today if the day has passed."""
    tenancy.ensure_etag(command.etag)
    tenancy = tenancy.at(today, zone)  # the sweeper may not have run yet
    if command.end_reason is EndReason.EXPIRED:
        raise Invalid.field("end_reason", "MALFORMED", "EXPIRED is set by the service when the last day has passed")
    if tenancy.state is State.ENDED:
        raise Precondition("TENANCY_ENDED", "the tenancy has already ended", end_date=tenancy.end_date)
    last = command.end_date or max(today, tenancy.start_date)
    if last < tenancy.start_date or (tenancy.end_date is not None and last > tenancy.end_date):
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not between the first day and the agreed end date")
    ensure_max_term(tenancy.start_date, last)
    freed = Period(start=last, end=tenancy.end_date)
    ended = tenancy.with_(end_date=last, end_reason=command.end_reason).at(today, zone)
    vacated = space.occupy(-tenancy.desks, -tenancy.area_m2, freed, today)
    return Change(ended, saves=(ended, vacated, occupant.leave(ended.name, last)), facts=(ended.fact(),))


def advance(tenancy: Tenancy, *, today: date, zone: ZoneInfo) -> Change[Tenancy]:
    """Activate a tenancy on its first day, end it on its end date.

    Refuses when nothing is due (NOT_DUE). A refusal is not recorded, so the same command can succeed on the
    right day.
    """
    advanced = tenancy.at(today, zone)
    if advanced == tenancy:
        raise Precondition("NOT_DUE", "the state of the tenancy is already that of today", name=tenancy.name)
    return Change(advanced, saves=(advanced,), facts=(advanced.fact(),))
