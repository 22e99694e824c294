"""Where a startup stays, from the facts of the spaces service."""

from datetime import date

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value


class Stay(Value):
    """A tenancy of the startup. `sequence` is the version of the tenancy that was last reported."""

    tenancy: str
    sequence: int
    space: str
    start_date: Day
    end_date: Day | None = None

    def covers(self, day: date) -> bool:
        """Whether the startup is a tenant on the day."""
        return self.start_date <= day and (self.end_date is None or day < self.end_date)


class Residence(Entity):
    """The stays of one startup, under the startup's name. A stay may be known before the startup is."""

    stays: tuple[Stay, ...] = ()

    def space_on(self, day: date) -> str:
        """Return the space in which the startup is a tenant on the day; empty if in none."""
        return next((stay.space for stay in self.stays if stay.covers(day)), "")
