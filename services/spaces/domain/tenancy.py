"""The tenancy: who sits where, from when until when, and the decisions that begin and end it."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from libs.common.errors import Invalid, Precondition, Taken
from libs.common.values import Change, Day, Entity, Fact, Value
from services.spaces.domain.asks import EndTenancy, RegisterTenant, must_not_last
from services.spaces.domain.space import Space
from services.spaces.domain.words import EndReason, Period, TenancyState


class Stay(Value):
    """A startup sits in a space for a period, by a tenancy."""

    tenancy: str
    start: Day
    end: Day | None = None


class Occupant(Entity):
    """A startup as spaces knows it: the card that its facts fill in, and where it sits, which is ours to decide."""

    display_name: str = ""
    sequence: int = 0
    stays: tuple[Stay, ...] = ()

    def stay(self, tenancy: str, period: Period) -> Self:
        """The occupant with one more stay; a startup sits in one place at a time (ALREADY_TENANT).

        From when until when it sits elsewhere is no matter of who asks for this space.
        """
        for held in self.stays:
            if Period(start=held.start, end=held.end).overlaps(period):
                here = _space_of(held.tenancy) == _space_of(tenancy)
                days: dict[str, Any] = {"start_date": held.start, "end_date": held.end or ""} if here else {}
                raise Taken("ALREADY_TENANT", "the startup has a tenancy on one of these days", **days)
        return self.with_(stays=(*self.stays, Stay(tenancy=tenancy, start=period.start, end=period.end)))

    def leave(self, tenancy: str, end: date) -> Self:
        """The occupant whose stay by this tenancy ends on the day; a stay of no day is none."""
        return self.with_(stays=tuple(_shortened(self.stays, tenancy, end)))


def _space_of(tenancy: str) -> str:
    return tenancy.partition("/tenancies/")[0]


def _shortened(stays: Iterable[Stay], tenancy: str, end: date) -> Iterable[Stay]:
    for stay in stays:
        if stay.tenancy != tenancy:
            yield stay
        elif stay.start < end:
            yield Stay(tenancy=tenancy, start=stay.start, end=end)


class Tenancy(Entity):
    """A startup's right to desks and area of a space in a period; `due_time` is when it changes by itself."""

    reached_by: ClassVar[tuple[str, ...]] = ("space", "startup", "district", "zone")

    space: str
    space_display_name: str
    district: str
    zone: str
    startup: str
    startup_display_name: str
    desks: int
    area_m2: int
    start_date: Day
    end_date: Day | None = None
    state: TenancyState = TenancyState.SIGNED
    end_reason: EndReason | None = None
    due_time: datetime | None = None

    def at(self, today: date, zone: ZoneInfo) -> Self:
        """The tenancy in the state that it has on the day, and with the moment at which that changes."""
        if self.end_date is not None and self.end_date <= max(today, self.start_date):
            ended = self.end_reason or EndReason.EXPIRED
            return self.with_(state=TenancyState.ENDED, end_reason=ended, due_time=None)
        if today < self.start_date:
            return self.with_(state=TenancyState.SIGNED, due_time=_midnight(self.start_date, zone))
        due = _midnight(self.end_date, zone) if self.end_date else None
        return self.with_(state=TenancyState.ACTIVE, due_time=due)

    def told(self) -> "TenancySigned":
        """The fact that tells the state it is in."""
        return _TOLD[self.state].of(self)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


class TenancySigned(Fact):
    """A tenancy was agreed whose first day is yet to come."""

    space: str
    space_display_name: str
    startup: str
    desks: int
    area_m2: int
    start_date: date
    end_date: date | None


class TenancyActivated(TenancySigned):
    """A startup moved in, or its day of moving out was set."""


class TenancyEnded(TenancySigned):
    """A tenancy is over; one whose two days are the same never began."""

    end_reason: EndReason


_TOLD: dict[TenancyState, type[TenancySigned]] = {
    TenancyState.SIGNED: TenancySigned,
    TenancyState.ACTIVE: TenancyActivated,
    TenancyState.ENDED: TenancyEnded,
}


def register_tenant(
    space: Space, occupant: Occupant, ask: RegisterTenant, *, name: str, today: date, zone: ZoneInfo
) -> Change[Tenancy]:
    """Let desks and area of a space to a startup (clause 34)."""
    if not ask.desks and not ask.area_m2:
        raise Invalid.field("desks", "REQUIRED", "desks or area must be let")
    period = ask.period(today)
    tenancy = Tenancy(
        name=name,
        space=space.name,
        space_display_name=space.display_name,
        district=space.district,
        zone=space.zone,
        startup=occupant.name,
        startup_display_name=occupant.display_name,
        desks=ask.desks,
        area_m2=ask.area_m2,
        start_date=period.start,
        end_date=period.end,
    ).at(today, zone)
    return Change(
        tenancy,
        saves=(space.let_out(ask.desks, ask.area_m2, period, today), occupant.stay(name, period), tenancy),
        facts=(tenancy.told(),),
    )


def end_tenancy(
    tenancy: Tenancy, space: Space, occupant: Occupant, ask: EndTenancy, *, today: date, zone: ZoneInfo
) -> Change[Tenancy]:
    """End a tenancy on a day; from that day on, or from today if it has gone by, the room is free again."""
    tenancy.must_match(ask.etag)
    tenancy = tenancy.at(today, zone)  # its day may have come since anybody looked
    if ask.end_reason is EndReason.EXPIRED:
        raise Invalid.field("end_reason", "MALFORMED", "EXPIRED is for tenancies whose day has come")
    if tenancy.state is TenancyState.ENDED:
        raise Precondition("TENANCY_ENDED", "the tenancy has ended already", end_date=tenancy.end_date)
    end = ask.end_date or max(today, tenancy.start_date)
    if end < tenancy.start_date or (tenancy.end_date is not None and end > tenancy.end_date):
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not between the first day and the day agreed so far")
    must_not_last(tenancy.start_date, end)
    freed = Period(start=end, end=tenancy.end_date)
    ended = tenancy.with_(end_date=end, end_reason=ask.end_reason).at(today, zone)
    return Change(
        ended,
        saves=(ended, space.let_out(-tenancy.desks, -tenancy.area_m2, freed, today), occupant.leave(ended.name, end)),
        facts=(ended.told(),),
    )


def advance(tenancy: Tenancy, *, today: date, zone: ZoneInfo) -> Change[Tenancy]:
    """Let a tenancy become what its days say it is: moved in on the first, over on the day of moving out.

    Refuses when it is that already (NOT_DUE): a refusal is not remembered, so that it can be asked for again
    under the same id, on the day that was thought to have come.
    """
    advanced = tenancy.at(today, zone)
    if advanced == tenancy:
        raise Precondition("NOT_DUE", "the tenancy is what its days say", name=tenancy.name)
    return Change(advanced, saves=(advanced,), facts=(advanced.told(),))


def note_startup(occupant: Occupant | None, *, name: str, display_name: str, sequence: int) -> Change[None]:
    """Take over what a startup says of itself, unless we know of something newer."""
    known = occupant or Occupant(name=name)
    if sequence <= known.sequence:
        return Change(None)
    return Change(None, saves=(known.with_(display_name=display_name, sequence=sequence),))
