"""The words of spaces: kinds, states and periods."""

from datetime import date
from enum import StrEnum

from libs.common.values import Day, Value


class Kind(StrEnum):
    """What a space is for (clauses 7, 23 and 34)."""

    MAKER_SPACE = "MAKER_SPACE"
    INCUBATOR = "INCUBATOR"
    ACCELERATOR = "ACCELERATOR"
    INNOVATION_CLUB = "INNOVATION_CLUB"
    TRAINING_BASE = "TRAINING_BASE"
    APPLICATION_TECHNOLOGY_INSTITUTE = "APPLICATION_TECHNOLOGY_INSTITUTE"
    SCIENCE_PARK = "SCIENCE_PARK"


class SpaceState(StrEnum):
    """Where a space is in its life."""

    OPERATING = "OPERATING"


class TenancyState(StrEnum):
    """Where a tenancy is in its life."""

    SIGNED = "SIGNED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class EndReason(StrEnum):
    """Why a tenancy ended."""

    GRADUATED = "GRADUATED"
    LEFT = "LEFT"
    EVICTED = "EVICTED"
    EXPIRED = "EXPIRED"


class Period(Value):
    """From a day on, until the day of moving out, on which the room is free again; open without one."""

    start: date
    end: date | None = None

    def overlaps(self, other: "Period") -> bool:
        """Whether the two share a day."""
        return (other.end is None or self.start < other.end) and (self.end is None or other.start < self.end)

    def holds(self, day: date) -> bool:
        """Whether the day is one of its days."""
        return self.start <= day and (self.end is None or day < self.end)


class Let(Value):
    """From this day on so much of a space is let, until the next such day."""

    day: Day
    desks: int
    area_m2: int
