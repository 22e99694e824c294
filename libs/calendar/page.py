"""The calendar of a resource: its occupied intervals, on one page for each ISO week of the city's time zone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from libs.calendar.interval import Instant, Interval, between, merge
from libs.calendar.local_time import instant_text, local_day, midnight
from libs.calendar.rules import MAX_INTERVAL, BookingRules
from libs.common.domain.entity import Entity, Value
from libs.common.domain.errors import Precondition, Taken

ONE_DAY, WEEK = timedelta(days=1), timedelta(days=7)
MAX_PAGES = 60
NO_LIMITS = BookingRules()


class Entry(Value):
    """A holder (a consultation, a panel, a booking) occupies the resource for an interval.

    The minutes are counted on the account of `person`, the name of a startup for instance; empty for nobody.
    """

    holder: str
    person: str = ""
    start: Instant
    end: Instant

    @property
    def interval(self) -> Interval:
        """The time that the entry occupies."""
        return between(self.start, self.end)


class CalendarPage(Entity):
    """The entries of a resource that touch one week, sorted by start.

    An entry over the end of the week lies on both pages with its full interval. A page without entries is kept.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("resource",)

    resource: str
    entries: tuple[Entry, ...] = ()

    @classmethod
    def empty(cls, name: str) -> Self:
        """Build a page on which nothing is occupied."""
        return cls(name=name, resource=name.partition("/calendars/")[0])

    def week(self, zone: ZoneInfo) -> Interval:
        """Return the week that the page covers."""
        return week_of(self.name, zone)

    def minutes(self, person: str, zone: ZoneInfo) -> int:
        """Return the minutes on a person's account within the week."""
        return _minutes(self.entries, person, self.week(zone))


def weeks_between(within: Interval, zone: ZoneInfo) -> tuple[date, ...]:
    """Return the Mondays of all ISO weeks of the zone that the interval touches. ValueError for more than 60."""
    first = local_day(within.start, zone)
    last = local_day(max(within.start, within.end - timedelta.resolution), zone)
    monday = first - timedelta(days=first.weekday())
    count = (last - monday).days // 7 + 1
    if count > MAX_PAGES:
        raise ValueError(f"more than {MAX_PAGES} weeks")
    return tuple(monday + WEEK * number for number in range(count))


def page_names(resource: str, within: Interval, zone: ZoneInfo, *, gap: timedelta = timedelta()) -> tuple[str, ...]:
    """Return the names of all pages that the interval touches, and those that its gaps touch.

    To occupy, load the pages with the gap of the rules; to move, those of the old interval as well.
    """
    return tuple(_page_name(resource, monday) for monday in weeks_between(within.expand(gap, gap), zone))


def week_of(page: str, zone: ZoneInfo) -> Interval:
    """Return the week that the page of this name covers."""
    year, _, week = page.rpartition("/")[2].partition("-w")
    monday = date.fromisocalendar(int(year), int(week), 1)
    return between(midnight(monday, zone), midnight(monday + WEEK, zone))


def _page_name(resource: str, monday: date) -> str:
    year, week, _ = monday.isocalendar()
    return f"{resource}/calendars/{year:04}-w{week:02}"


@dataclass(frozen=True, slots=True)
class Pages:
    """The loaded pages of one resource, as they were and as they are to be saved.

    Use it for one decision: `occupy` and `release` return changed pages or refuse and change nothing.
    """

    zone: ZoneInfo
    loaded: Mapping[str, CalendarPage]
    changed: Mapping[str, CalendarPage]

    @classmethod
    def of(cls, names: Sequence[str], pages: Iterable[CalendarPage | None], zone: ZoneInfo) -> Self:
        """Build from the names of the pages and what was loaded for each; None is an empty page."""
        loaded = {name: page or CalendarPage.empty(name) for name, page in zip(names, pages, strict=True)}
        if len({page.resource for page in loaded.values()}) > 1:
            raise ValueError("the pages of several resources")
        return cls(zone, loaded, {})

    def __iter__(self) -> Iterator[CalendarPage]:
        """Iterate over the pages as they are now."""
        return (self.changed.get(name, page) for name, page in self.loaded.items())

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, each once, sorted by start."""
        return _sorted(self._by_holder().values())

    @property
    def saves(self) -> tuple[CalendarPage, ...]:
        """The pages to save: those that changed, and those on which a gap was found to be free.

        The latter are saved unchanged, because only a page that is saved is protected against another replica.
        """
        return tuple(self.changed.values())

    def holders(self) -> tuple[str, ...]:
        """Return the names of all holders, by start."""
        return tuple(entry.holder for entry in self.entries)

    def occupy(self, entry: Entry, rules: BookingRules = NO_LIMITS) -> "Pages":
        """Add an entry. If its holder has one already, it is replaced; this is how a booking moves.

        Refuses when the time is taken, or too close to another entry (TIME_TAKEN with `taken_start` and
        `taken_end` of the entry that ends first), or the person has no minutes left (HOURS_USED_UP).
        ValueError when not all pages of the entry are loaded.
        """
        if not timedelta() < entry.end - entry.start <= MAX_INTERVAL:
            raise ValueError("an entry is longer than nothing and not longer than a week")
        own = self._loaded_names(entry.interval, timedelta())
        relevant = self._loaded_names(entry.interval, rules.gap) if rules.gap else own
        others = self.release(entry.holder)
        others.ensure_free(entry, rules)
        others.ensure_minutes_left(entry, rules)
        pages = {page.name: page for page in others}
        added = {
            name: pages[name].with_(entries=_sorted((*pages[name].entries, entry))) if name in own else pages[name]
            for name in relevant
        }
        return replace(self, changed={**others.changed, **added})

    def release(self, holder: str) -> "Pages":
        """Remove the entry of a holder, if there is one. ValueError when not all of its pages are loaded."""
        released = dict(self.changed)
        for page in self:
            if found := next((entry for entry in page.entries if entry.holder == holder), None):
                self._loaded_names(found.interval, timedelta())
                released[page.name] = page.with_(entries=tuple(each for each in page.entries if each is not found))
        return replace(self, changed=released)

    def taken(self, rules: BookingRules) -> tuple[Interval, ...]:
        """Return the time in which no entry may be added: as many as may overlap are there, or the gap before one."""
        reserved = (_with_gap(entry, rules.gap) for entry in self._by_holder().values())
        full = _full(reserved, rules.max_overlap)
        return merge(interval.expand(rules.gap, timedelta()) for interval in full)

    def covered(self, gap: timedelta) -> tuple[Interval, ...]:
        """Return the time that the pages cover so far that the gaps of an entry within lie on them, too."""
        weeks = merge(page.week(self.zone) for page in self.loaded.values())
        return tuple(week.expand(-gap, -gap) for week in weeks)

    def ensure_free(self, entry: Entry, rules: BookingRules) -> None:
        """Refuse an entry that overlaps more others than allowed, or does not keep the gap (TIME_TAKEN)."""
        _ensure_free(entry, self._by_holder().values(), rules)

    def ensure_minutes_left(self, entry: Entry, rules: BookingRules) -> None:
        """Refuse an entry with which its person would exceed the minutes of a day or week (HOURS_USED_UP)."""
        entries = self._by_holder().values()
        if entry.person:
            for start, days, limit in _account_periods(entry.interval, rules, self.zone):
                period = between(midnight(start, self.zone), midnight(start + days, self.zone))
                used = _minutes(entries, entry.person, period)
                if used + _minutes((entry,), entry.person, period) > limit:
                    raise Precondition(
                        "HOURS_USED_UP",
                        f"more than {limit} minutes {'on' if days == ONE_DAY else 'in the week from'} {start}",
                        start_date=start,
                        end_date=start + days,
                        limit_minutes=limit,
                        used_minutes=used,
                    )

    def _by_holder(self) -> dict[str, Entry]:
        return {entry.holder: entry for page in self for entry in page.entries}

    def _loaded_names(self, interval: Interval, gap: timedelta) -> tuple[str, ...]:
        resource = next(iter(self.loaded.values())).resource if self.loaded else ""
        names = page_names(resource, interval, self.zone, gap=gap)
        if missing := ", ".join(name for name in names if name not in self.loaded):
            raise ValueError(f"not loaded: {missing}")
        return names


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.start, entry.holder)))


def _with_gap(entry: Entry, gap: timedelta) -> Interval:
    """Return the time of the entry and the gap after it. Two entries are too close if these overlap."""
    return entry.interval.expand(timedelta(), gap)


def _ensure_free(entry: Entry, others: Iterable[Entry], rules: BookingRules) -> None:
    end, gap = entry.end + rules.gap, rules.gap
    near = [other for other in others if other.start < end and entry.start < other.end + gap]
    if len(near) < rules.max_overlap:
        return
    # All that are near end after the start and start before the end, so wherever they are too many, it is in the way.
    if full := _full((_with_gap(other, gap) for other in near), rules.max_overlap):
        first = max(full[0].start, entry.start)
        in_the_way = (other for other in near if other.start <= first < other.end + gap)
        blocking = min(in_the_way, key=lambda other: other.end)
        raise Taken(
            "TIME_TAKEN",
            "the time is taken",
            taken_start=instant_text(blocking.start),
            taken_end=instant_text(blocking.end),
        )


def _full(intervals: Iterable[Interval], most: int) -> tuple[Interval, ...]:
    """Return when at least so many of the intervals overlap: sorted and disjoint."""
    steps: dict[datetime, int] = {}
    for interval in intervals:
        steps[interval.start] = steps.get(interval.start, 0) + 1
        steps[interval.end] = steps.get(interval.end, 0) - 1
    full: list[Interval] = []
    depth, since = 0, None
    for instant in sorted(steps):
        depth += steps[instant]
        if depth >= most and since is None:
            since = instant
        elif depth < most and since is not None:
            full.append(between(since, instant))
            since = None
    return tuple(full)


def _account_periods(interval: Interval, rules: BookingRules, zone: ZoneInfo) -> Iterator[tuple[date, timedelta, int]]:
    """Yield first day, length and limit of each day and week that the interval touches, as far as they have a limit."""
    if limit := rules.max_minutes_per_person_day:
        day, last = local_day(interval.start, zone), local_day(interval.end - timedelta.resolution, zone)
        while day <= last:
            yield day, ONE_DAY, limit
            day += ONE_DAY
    if limit := rules.max_minutes_per_person_week:
        for monday in weeks_between(interval, zone):
            yield monday, WEEK, limit


def _minutes(entries: Iterable[Entry], person: str, within: Interval) -> int:
    """Return the minutes on a person's account within an interval, rounded down for each entry."""
    own = (entry for entry in entries if entry.person == person and entry.start < within.end)
    lengths = (min(entry.end, within.end) - max(entry.start, within.start) for entry in own)
    return sum(max(length, timedelta()) // timedelta(minutes=1) for length in lengths)
