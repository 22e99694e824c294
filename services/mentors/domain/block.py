"""Blocks: commitments of a mentor's own, which occupy the same calendar as consultations do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain, pairwise
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field

from libs.calendar.hours import TimeZone
from libs.calendar.interval import Instant, Interval, ensure_interval
from libs.calendar.local_time import local_day
from libs.calendar.page import CalendarPage, Entry, Pages, page_names
from libs.calendar.recurrence import Recurrence, Rule
from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Value
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import Etag
from libs.common.domain.text import Title
from services.mentors.domain.availability import ensure_not_forgotten
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.names import BlockName, MentorName

MAX_HOURS = 7 * 24
#: How far ahead a block may begin, and how long a series may last.
ONE_YEAR = timedelta(days=366)

#: Calendar pages by name, as they were loaded.
Loaded = Mapping[str, CalendarPage | None]


class State(StrEnum):
    """The states of a block."""

    ACTIVE = "ACTIVE"
    REMOVED = "REMOVED"


class Occurrence(Value):
    """One time that a block occupies, with the local date on which its rule puts it."""

    date: Day
    start_time: Instant
    end_time: Instant

    @property
    def interval(self) -> Interval:
        """The time that is occupied."""
        return Interval(start=self.start_time, end=self.end_time)


class BlockTime(Value):
    """Occupy a mentor's time, once or as a series."""

    mentor: MentorName
    start_time: Instant
    end_time: Instant
    title: Title = ""
    recurrence: Rule | None = None
    time_zone: TimeZone | None = None

    def occurrences(self, city_zone: ZoneInfo, now: datetime) -> tuple[Occurrence, ...]:
        """Return what is to be occupied, by start.

        Refuses a time that is not allowed (DATE_OUT_OF_RANGE, MALFORMED), and a series of more than a year
        (RECURRENCE_TOO_LONG).
        """
        zone = ZoneInfo(self.time_zone) if self.time_zone else city_zone
        first = self._first(now)
        if self.recurrence is None:
            return (Occurrence(date=local_day(first.start, zone), start_time=first.start, end_time=first.end),)
        by_date = _by_date(self.recurrence, first, zone)
        for earlier, later in pairwise(by_date.values()):
            if later.overlaps(earlier):
                raise Invalid.field("end_time", "DATE_OUT_OF_RANGE", "after the start of the next occurrence")
            if later.start > first.start + ONE_YEAR:
                raise Invalid.field("recurrence", "RECURRENCE_TOO_LONG", "lasts longer than a year")
        return tuple(
            Occurrence(date=day, start_time=interval.start, end_time=interval.end) for day, interval in by_date.items()
        )

    def _first(self, now: datetime) -> Interval:
        """Return the first time, in whole minutes, which must end in the future and begin within a year."""
        first = Interval(start=self.start_time, end=self.end_time)
        ensure_interval(first, "end_time", max_hours=MAX_HOURS)
        for path, instant in (("start_time", first.start), ("end_time", first.end)):
            if instant.second or instant.microsecond:
                raise Invalid.field(path, "MALFORMED", "not a whole minute")
        if first.end <= now:
            raise Invalid.field("end_time", "DATE_OUT_OF_RANGE", "in the past")
        if first.start > now + ONE_YEAR:
            raise Invalid.field("start_time", "DATE_OUT_OF_RANGE", f"more than {ONE_YEAR.days} days from now")
        return first


def _by_date(rule: str, first: Interval, zone: ZoneInfo) -> Mapping[date, Interval]:
    """Return the occurrences of a series by their date, at the local time of the first."""
    start = first.start.astimezone(zone)
    series = Recurrence(
        rule=rule,
        start_date=start.date(),
        start_time=f"{start:%H:%M}",
        minutes=first.minutes,
        time_zone=zone.key,
    )
    try:
        series.ensure_valid("series")
    except Invalid as error:
        raise Invalid(*(replace(each, field="recurrence") for each in error.violations)) from None
    return series.by_date()


class GetBlock(Value):
    """Read one block."""

    name: BlockName


class UnblockTime(Value):
    """Free the time of a block, or of some of its occurrences."""

    name: BlockName
    dates: Annotated[tuple[Day, ...], Field(max_length=366)] = ()
    etag: Etag = ""


class Block(Entity):
    """A commitment of a mentor's own. Only the mentor reads its title. It occupies each of its occurrences."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    title: str = ""
    recurrence: str = ""
    time_zone: str
    occurrences: tuple[Occurrence, ...]
    state: State = State.ACTIVE

    def entries(self, occurrences: Iterable[Occurrence]) -> tuple[Entry, ...]:
        """Return what the occurrences occupy in the mentor's calendar."""
        return tuple(Entry(holder=self.holder(each), start=each.start_time, end=each.end_time) for each in occurrences)

    def holder(self, occurrence: Occurrence) -> str:
        """Return the name under which an occurrence stands in the calendar; each needs one of its own."""
        return f"{self.name}/occurrences/{occurrence.date:%Y%m%d}"


def block_of(holder: str) -> str:
    """Return the name of the block to which a holder belongs; that of another holder is returned as it is."""
    return holder.partition("/occurrences/")[0]


def pages_of(mentor: str, occurrences: Iterable[Occurrence], zone: ZoneInfo) -> tuple[str, ...]:
    """Return the names of all pages that the occurrences touch."""
    names = chain.from_iterable(page_names(mentor, each.interval, zone) for each in occurrences)
    return tuple(dict.fromkeys(names))


def block(
    mentor: Mentor,
    loaded: Sequence[CalendarPage | None],
    *,
    command: BlockTime,
    name: str,
    occurrences: tuple[Occurrence, ...],
    names: Sequence[str],
    zone: ZoneInfo,
) -> Change[Block]:
    """Occupy all occurrences or nothing. Refuses a time that is taken (TIME_TAKEN)."""
    ensure_not_forgotten(mentor)
    blocked = Block(
        name=name,
        mentor=mentor.name,
        title=command.title,
        recurrence=command.recurrence or "",
        time_zone=command.time_zone or zone.key,
        occurrences=occurrences,
    )
    pages = _Calendar(dict(zip(names, loaded, strict=True)), zone)
    for entry in blocked.entries(occurrences):
        pages.occupy(mentor.name, entry)
    return Change(blocked, saves=(blocked, *pages.saves))


def unblock(
    known: Block,
    loaded: Sequence[CalendarPage | None],
    *,
    command: UnblockTime,
    names: Sequence[str],
    zone: ZoneInfo,
) -> Change[Block]:
    """Free all occurrences, or those of some dates.

    Refuses dates on which the block has none (DATE_OUT_OF_RANGE), and a block that is removed (ALREADY_UNBLOCKED).
    """
    known.ensure_etag(command.etag)
    if known.state is State.REMOVED:
        raise Precondition("ALREADY_UNBLOCKED", "nothing of the block is left", name=known.name)
    dates = set(command.dates)
    has = {occurrence.date for occurrence in known.occurrences}
    for index, day in enumerate(command.dates):
        if day not in has:
            raise Invalid.field(f"dates[{index}]", "DATE_OUT_OF_RANGE", "the block has no occurrence on this date")
    freed = [each for each in known.occurrences if not dates or each.date in dates]
    kept = tuple(each for each in known.occurrences if dates and each.date not in dates)
    pages = _Calendar(dict(zip(names, loaded, strict=True)), zone)
    for entry in known.entries(freed):
        pages.release(known.mentor, entry)
    changed = known.with_(occurrences=kept, state=State.ACTIVE if kept else State.REMOVED)
    return Change(changed, saves=(changed, *pages.saves))


def forget_title(known: Block) -> Change[None]:
    """Delete the title of a block, in which a mentor who was forgotten may have named people."""
    return Change(None, saves=(known.with_(title=""),))


class _Calendar:
    """The loaded pages while several entries change, each of which touches one or two of them.

    `Pages` looks at all of its entries for each change, which takes long for a series over a year.
    """

    def __init__(self, loaded: Loaded, zone: ZoneInfo) -> None:
        self._pages = dict(loaded)
        self._zone = zone
        self._changed: dict[str, CalendarPage] = {}

    @property
    def saves(self) -> tuple[CalendarPage, ...]:
        """The pages that changed."""
        return tuple(self._changed.values())

    def occupy(self, mentor: str, entry: Entry) -> None:
        """Add an entry (TIME_TAKEN)."""
        self._keep(self._around(mentor, entry).occupy(entry))

    def release(self, mentor: str, entry: Entry) -> None:
        """Remove an entry."""
        self._keep(self._around(mentor, entry).release(entry.holder))

    def _around(self, mentor: str, entry: Entry) -> Pages:
        names = page_names(mentor, entry.interval, self._zone)
        return Pages.of(names, [self._pages[name] for name in names], self._zone)

    def _keep(self, pages: Pages) -> None:
        for page in pages.saves:
            self._pages[page.name] = self._changed[page.name] = page
