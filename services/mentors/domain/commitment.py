"""Everything that occupies a mentor: consultations, panels and the mentor's own blocks, on one calendar."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from libs.calendar.ical import CalendarEvent, EventStatus, calendar_text
from libs.calendar.interval import Instant, Interval, ensure_interval
from libs.calendar.page import CalendarPage, Entry
from libs.common.domain.entity import Entity, Value
from services.mentors.domain.availability import Availability, CityHours
from services.mentors.domain.block import Block, block_of
from services.mentors.domain.consultation import Consultation, Kind, State
from services.mentors.domain.names import MentorName
from services.mentors.domain.panel import Panel

DEFAULT_PERIOD, MAX_DAYS = timedelta(days=28), 92
#: What an export covers unless its query says otherwise: from so long ago, and for so long.
EXPORT_BEFORE, EXPORT_PERIOD = timedelta(days=28), timedelta(days=92)
PENDING = frozenset({State.REQUESTED, State.PROPOSED})
#: What events are called. An export may be read by anybody who gets hold of it, so it names no topic and no place.
SUMMARIES: Mapping[Kind, str] = {Kind.CONSULTING: "咨询", Kind.DIAGNOSIS: "诊断", Kind.COACHING: "辅导"}
OTHER_SUMMARY = "其他安排"


class ListCommitments(Value):
    """Read what occupies a mentor in a period."""

    mentor: MentorName
    start_time: Instant | None = None
    end_time: Instant | None = None

    def within(self, now: datetime) -> Interval:
        """Return the period: four weeks from now, unless it is given (DATE_OUT_OF_RANGE)."""
        return _period(self.start_time or now, self.end_time, DEFAULT_PERIOD)


class ExportCalendar(Value):
    """Read the same as a file."""

    mentor: MentorName
    start_time: Instant | None = None
    end_time: Instant | None = None

    def within(self, now: datetime) -> Interval:
        """Return the period: 92 days from four weeks ago, unless it is given (DATE_OUT_OF_RANGE)."""
        return _period(self.start_time or now - EXPORT_BEFORE, self.end_time, EXPORT_PERIOD)


def _period(start: datetime, end: datetime | None, default: timedelta) -> Interval:
    interval = Interval(start=start, end=end or start + default)
    ensure_interval(interval, "end_time", max_hours=MAX_DAYS * 24)
    return interval


class Commitment(Value):
    """Something that occupies a mentor. Name, title and startup are empty for whoever may not read what it is."""

    name: str = ""
    start_time: Instant
    end_time: Instant
    title: str = ""
    startup: str = ""
    is_tentative: bool = False
    outside_hours: bool = False


class Commitments(Value):
    """What occupies a mentor in a period, by start."""

    mentor: str
    commitments: tuple[Commitment, ...]


class CalendarFile(Value):
    """A calendar as a file."""

    file_name: str
    media_type: str
    content: bytes
    event_count: int


def entries_within(pages: Iterable[CalendarPage | None], within: Interval) -> tuple[Entry, ...]:
    """Return the entries that overlap the period, each once, by start."""
    entries = {entry.holder: entry for page in pages if page for entry in page.entries}
    found = (entry for entry in entries.values() if entry.interval.overlaps(within))
    return tuple(sorted(found, key=lambda entry: (entry.start, entry.holder)))


def commitments(
    entries: Iterable[Entry],
    known: Mapping[str, Entity],
    availability: Availability,
    city: CityHours,
    *,
    may_read: Callable[[Entity], bool],
) -> tuple[Commitment, ...]:
    """Describe entries. `known` holds their consultations, blocks and panels by name.

    The caller learns what it is only where `may_read` holds; that the time is taken is no secret. Who sits on a panel
    is one until the panel is closed.
    """
    return tuple(
        _described(entry, known.get(block_of(entry.holder)), availability, city, may_read) for entry in entries
    )


def _described(
    entry: Entry,
    entity: Entity | None,
    availability: Availability,
    city: CityHours,
    may_read: Callable[[Entity], bool],
) -> Commitment:
    is_readable = entity is not None and may_read(entity)
    is_open = any(each.contains(entry.interval) for each in availability.open_intervals(entry.interval, city))
    return Commitment(
        name=block_of(entry.holder) if is_readable else "",
        start_time=entry.start,
        end_time=entry.end,
        title=_title(entity) if is_readable else "",
        startup=entry.person if is_readable else "",
        is_tentative=isinstance(entity, Consultation) and entity.state in PENDING,
        outside_hours=not is_open,
    )


def _title(entity: Entity | None) -> str:
    if isinstance(entity, Consultation):
        return entity.topic
    return entity.title if isinstance(entity, Block | Panel) else ""


def export(
    mentor: str, entries: Iterable[Entry], known: Mapping[str, Entity], *, name: str, stamp: datetime
) -> CalendarFile:
    """Write entries as an iCalendar file. `name` is that of the calendar."""
    events = tuple(_events(entries, known))
    return CalendarFile(
        file_name=f"{mentor.replace('/', '-')}.ics",
        media_type="text/calendar; charset=utf-8",
        content=calendar_text(name, events, stamp=stamp).encode(),
        event_count=len(events),
    )


def _events(entries: Iterable[Entry], known: Mapping[str, Entity]) -> Iterator[CalendarEvent]:
    for entry in entries:
        entity = known.get(block_of(entry.holder))
        summary, status = OTHER_SUMMARY, EventStatus.CONFIRMED
        if isinstance(entity, Consultation):
            startups = "、".join(service.startup_display_name for service in entity.services)
            summary = f"{SUMMARIES[entity.kind]} {startups}"[:200].strip()
            status = EventStatus.TENTATIVE if entity.state in PENDING else EventStatus.CONFIRMED
        yield CalendarEvent(
            name=entry.holder,
            version=entity.version if entity else 0,
            start=entry.start,
            end=entry.end,
            summary=summary,
            status=status,
        )
