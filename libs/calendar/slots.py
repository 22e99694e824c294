"""Free slots of a resource: cut from its free time, never from a fixed grid."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from libs.calendar.interval import Interval, between, intersect, merge, subtract
from libs.calendar.page import Pages
from libs.calendar.rules import BookingRules, next_block


def free_slots(
    open_intervals: Iterable[Interval],
    pages: Pages,
    rules: BookingRules,
    *,
    now: datetime,
    zone: ZoneInfo,
    minutes: int,
    limit: int,
) -> tuple[Interval, ...]:
    """Return the first slots of this length that can be booked, at most `limit`, in order; they may overlap.

    A slot lies within one open interval and keeps the rules, the gaps included. Only the time that the pages cover
    is searched. There is none if the rules do not allow the length. Limits of a person are not considered. To move
    an entry, give pages from which it has been released.
    """
    if not rules.allows_length(minutes):
        return ()
    free = subtract(intersect(merge(open_intervals), pages.covered(rules.gap)), pages.taken(rules))
    return tuple(islice(_slots(free, rules, now, zone, minutes), limit))


def next_free(
    open_intervals: Iterable[Interval],
    pages: Pages,
    rules: BookingRules,
    *,
    now: datetime,
    zone: ZoneInfo,
    minutes: int,
    after: datetime,
    count: int,
) -> tuple[Interval, ...]:
    """Return the first free slots that start at `after` or later, for the refusal of a time that is taken."""
    later = (Interval(start=max(each.start, after), end=each.end) for each in merge(open_intervals))
    return free_slots(later, pages, rules, now=now, zone=zone, minutes=minutes, limit=count)


def _slots(
    free: Iterable[Interval], rules: BookingRules, now: datetime, zone: ZoneInfo, minutes: int
) -> Iterator[Interval]:
    first, horizon = rules.first_start(now), rules.horizon(now, zone)
    length = timedelta(minutes=minutes)
    for interval in free:
        start = next_block(max(interval.start, first), rules.block_minutes, zone)
        while start + length <= interval.end and (horizon is None or start < horizon):
            yield between(start, start + length)
            start = _block_after(start, rules.block_minutes, zone)


def _block_after(start: datetime, block_minutes: int, zone: ZoneInfo) -> datetime:
    """Return the start of the block that follows the one which starts then."""
    following = start + timedelta(minutes=block_minutes)
    wall, next_wall = start.astimezone(zone), following.astimezone(zone)
    if wall.date() == next_wall.date() and wall.utcoffset() == next_wall.utcoffset():
        return following  # nothing moves the blocks between the two, which saves most of the time of a search
    return next_block(start + timedelta(milliseconds=1), block_minutes, zone)
