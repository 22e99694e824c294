"""Half-open intervals of time, and the set operations on them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime

from libs.common.domain.entity import Value, construct
from libs.common.domain.errors import Invalid

#: The instants that users may name. The margin to the limits of datetime lets zones and gaps be added without overflow.
FIRST_INSTANT, LAST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_utc(instant: datetime) -> datetime:
    """Convert to UTC and whole milliseconds, which is what documents keep."""
    try:
        utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("the instant is too early or too late") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000) if utc.microsecond % 1000 else utc


#: A moment in UTC, in whole milliseconds. Input in another zone is converted; input without a zone is refused.
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Interval(Value):
    """From an instant up to, but not including, another. It is empty unless the start is before the end."""

    start: Instant
    end: Instant

    @property
    def is_empty(self) -> bool:
        """Whether the interval contains no instant."""
        return self.start >= self.end

    @property
    def minutes(self) -> int:
        """The length in whole minutes, rounded down; 0 if the interval is empty."""
        return max(self.end - self.start, timedelta()) // timedelta(minutes=1)

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two share an instant. Intervals that only touch do not."""
        return max(self.start, other.start) < min(self.end, other.end)

    def contains(self, other: "Interval") -> bool:
        """Whether every instant of the other belongs to this one."""
        return other.is_empty or (self.start <= other.start and other.end <= self.end)

    def clip(self, to: "Interval") -> "Interval | None":
        """Return the part that both share; None if they share no instant."""
        start, end = max(self.start, to.start), min(self.end, to.end)
        return _between(start, end) if start < end else None

    def expand(self, before: timedelta, after: timedelta) -> "Interval":
        """Move the start earlier and the end later. Negative amounts shrink the interval."""
        return _between(self.start - before, self.end + after)

    @classmethod
    def lasting(cls, start: datetime, minutes: int) -> Self:
        """Build the interval of this many minutes."""
        return cls(start=start, end=start + timedelta(minutes=minutes))


def _between(start: datetime, end: datetime) -> Interval:
    """Build an interval from instants that are in UTC and whole milliseconds already."""
    return construct(Interval, {"start": start, "end": end})


def between(start: datetime, end: datetime) -> Interval:
    """Build an interval of instants that are known to be in UTC and whole milliseconds, without validation."""
    return construct(Interval, {"start": start, "end": end})


def ensure_interval(interval: Interval, path: str, *, max_hours: int) -> None:
    """Refuse an interval that is empty, too long, or beyond the years 1970 to 2199 (DATE_OUT_OF_RANGE).

    `path` is that of the field at fault, normally the end.
    """
    if interval.is_empty:
        raise Invalid.field(path, "DATE_OUT_OF_RANGE", "not after the start")
    if interval.start < FIRST_INSTANT or interval.end > LAST_INSTANT:
        raise Invalid.field(path, "DATE_OUT_OF_RANGE", "not within the years 1970 to 2199")
    if interval.end - interval.start > timedelta(hours=max_hours):
        raise Invalid.field(path, "DATE_OUT_OF_RANGE", f"more than {max_hours} hours after the start")


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the union: sorted, disjoint, and joined where intervals overlap or touch. Empty intervals are dropped."""
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda each: each.start):
        if interval.is_empty:
            continue
        if merged and interval.start <= merged[-1].end:
            if interval.end > merged[-1].end:
                merged[-1] = _between(merged[-1].start, interval.end)
        else:
            merged.append(interval)
    return tuple(merged)


def intersect(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the time that belongs to both sides: sorted and disjoint."""
    ours, theirs = merge(left), merge(right)
    shared: list[Interval] = []
    mine = other = 0
    while mine < len(ours) and other < len(theirs):
        if part := ours[mine].clip(theirs[other]):
            shared.append(part)
        if ours[mine].end <= theirs[other].end:
            mine += 1
        else:
            other += 1
    return tuple(shared)


def subtract(free: Iterable[Interval], taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the time that belongs to `free` and not to `taken`: sorted and disjoint."""
    rest: list[Interval] = []
    holes = merge(taken)
    first = 0
    for interval in merge(free):
        while first < len(holes) and holes[first].end <= interval.start:
            first += 1
        start = interval.start
        for hole in holes[first:]:
            if hole.start >= interval.end:
                break
            if start < hole.start:
                rest.append(_between(start, hole.start))
            start = hole.end
        if start < interval.end:
            rest.append(_between(start, interval.end))
    return tuple(rest)
