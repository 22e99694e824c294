"""Where a startup stays, from the facts of the spaces service."""

from datetime import date
from typing import ClassVar, Self

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Value


class Stay(Value):
    """A tenancy of the startup, in a space of a district and perhaps of a zone.

    `sequence` is the version of the tenancy that was last reported.

    A tenancy that was ended before it began has no days; it is kept, so that an older fact does not bring it back.
    """

    tenancy: str
    sequence: int
    space: str
    district: str = ""
    zone: str = ""
    start_date: Day
    end_date: Day | None = None

    def covers(self, day: date) -> bool:
        """Whether the startup is a tenant on the day."""
        return self.start_date <= day and (self.end_date is None or day < self.end_date)


class Residence(Entity):
    """The stays of one startup, latest first, under the startup's name. A stay may be known before the startup is."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "spaces")

    stays: tuple[Stay, ...] = ()

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces in which the startup is, was or will be a tenant."""
        return tuple(dict.fromkeys(stay.space for stay in self.stays))

    def stay_on(self, day: date) -> Stay | None:
        """Return the tenancy on the day; None if there is none.

        While a fact of moving out has not arrived, two stays may cover the day; the later one counts.
        """
        return next((stay for stay in self.stays if stay.covers(day)), None)

    def space_on(self, day: date) -> str:
        """Return the space in which the startup is a tenant on the day; empty if in none."""
        stay = self.stay_on(day)
        return stay.space if stay else ""

    def with_stay(self, reported: Stay) -> Self:
        """Copy the residence with a reported stay, unless a newer report of the same tenancy is known.

        The result does not depend on the order of the reports.
        """
        known = {stay.tenancy: stay for stay in self.stays}
        before = known.get(reported.tenancy)
        if before is not None and reported.sequence <= before.sequence:
            return self
        known[reported.tenancy] = reported
        return self.with_(stays=tuple(sorted(known.values(), key=_start, reverse=True)))


def _start(stay: Stay) -> tuple[date, str]:
    return stay.start_date, stay.tenancy


def note_stay(known: Residence | None, *, startup: str, reported: Stay) -> Change[None]:
    """Record a stay of the startup. Repeated and older reports change nothing."""
    residence = known or Residence(name=startup)
    changed = residence.with_stay(reported)
    return Change(None, saves=(changed,) if changed is not residence else ())
