"""Half-open periods of days."""

from datetime import date

from libs.common.domain.entity import Value


class Period(Value):
    """From the first day up to, but not including, the end; open-ended without one."""

    start: date
    end: date | None = None

    def overlaps(self, other: "Period") -> bool:
        """Whether the two share a day."""
        return (other.end is None or self.start < other.end) and (self.end is None or other.start < self.end)

    def contains(self, day: date) -> bool:
        """Whether the day belongs to the period."""
        return self.start <= day and (self.end is None or day < self.end)
