"""The duties of a mentor: the panels that the mentor sits on, of which only so many may fall into so many days."""

from datetime import date, timedelta
from typing import ClassVar, Self

from pydantic import Field

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value
from libs.common.domain.profile import Section, Words

#: The longest span of days that a limit may count.
MAX_DAYS = 366


class LoadSection(Section):
    """The table `panels.load` of the profile: how many panels a mentor may sit on within so many days."""

    source: Words
    max_panels: int = Field(ge=1, le=100)
    within_days: int = Field(ge=1, le=MAX_DAYS)


class Duty(Value):
    """A panel, and the day on which its review begins, or on which it was drawn if the review has no period."""

    panel: str
    date: Day


class Duties(Entity):
    """The panels of one mentor that still count, named `mentors/{mentor}/duties`."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    duties: tuple[Duty, ...] = ()

    @classmethod
    def of(cls, mentor: str) -> Self:
        """Build the duties of a mentor who has none."""
        return cls(name=duties_name(mentor), mentor=mentor)

    def busiest(self, day: date, within_days: int) -> int:
        """Return the largest number of panels in any span of so many days that contains the day."""
        near = sorted(duty.date for duty in self.duties if abs((duty.date - day).days) < within_days)
        spans = (max(start, day - timedelta(days=within_days - 1)) for start in (*near, day) if start <= day)
        return max(sum(start <= each < start + timedelta(days=within_days) for each in near) for start in spans)

    def with_duty(self, panel: str, day: date, today: date) -> Self:
        """Copy the duties with one more. Those that no limit can count any more are dropped."""
        kept = (duty for duty in self.without(panel).duties if (today - duty.date).days < MAX_DAYS)
        return self.with_(duties=tuple(sorted((*kept, Duty(panel=panel, date=day)), key=_order)))

    def without(self, panel: str) -> Self:
        """Copy the duties without a panel."""
        return self.with_(duties=tuple(duty for duty in self.duties if duty.panel != panel))


def duties_name(mentor: str) -> str:
    """Return the name of a mentor's duties."""
    return f"{mentor}/duties"


def _order(duty: Duty) -> tuple[date, str]:
    return duty.date, duty.panel
