"""The occupant: a startup as spaces knows it, and its stays."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Self

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Value
from libs.common.domain.errors import Taken
from services.spaces.domain.period import Period


class Stay(Value):
    """A startup occupies room in a space for a period, under a tenancy."""

    tenancy: str
    start: Day
    end: Day | None = None


class Occupant(Entity):
    """A projection of the startup, filled from its facts, and its stays, which spaces itself decides."""

    display_name: str = ""
    sequence: int = 0
    stays: tuple[Stay, ...] = ()

    def stay(self, tenancy: str, period: Period) -> Self:
        """Add a stay. Refuses a second stay on any of its days (ALREADY_TENANT).

        The days of a stay in another space are not revealed.
        """
        for stay in self.stays:
            if Period(start=stay.start, end=stay.end).overlaps(period):
                is_here = _space_of(stay.tenancy) == _space_of(tenancy)
                days: dict[str, Any] = {"start_date": stay.start, "end_date": stay.end or ""} if is_here else {}
                raise Taken("ALREADY_TENANT", "the startup already has a tenancy on one of these days", **days)
        return self.with_(stays=(*self.stays, Stay(tenancy=tenancy, start=period.start, end=period.end)))

    def leave(self, tenancy: str, end: date) -> Self:
        """End the stay under a tenancy on a day. A stay without days is dropped."""
        return self.with_(stays=tuple(_shortened(self.stays, tenancy, end)))


def _space_of(tenancy: str) -> str:
    return tenancy.partition("/tenancies/")[0]


def _shortened(stays: Iterable[Stay], tenancy: str, end: date) -> Iterable[Stay]:
    for stay in stays:
        if stay.tenancy != tenancy:
            yield stay
        elif stay.start < end:
            yield Stay(tenancy=tenancy, start=stay.start, end=end)


def note_startup(occupant: Occupant | None, *, name: str, display_name: str, sequence: int) -> Change[None]:
    """Update the projection from a fact of the startup. Repeated and older facts change nothing."""
    known = occupant or Occupant(name=name)
    if sequence <= known.sequence:
        return Change(None)
    return Change(None, saves=(known.with_(display_name=display_name, sequence=sequence),))
