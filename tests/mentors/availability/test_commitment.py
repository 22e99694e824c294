"""Commitments: everything on a mentor's calendar, with what the caller may read of it, and the same as a file."""

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from libs.calendar.page import CalendarPage, Entry, page_names
from libs.common.domain.entity import Entity
from libs.common.domain.errors import Invalid
from services.mentors.domain.block import Block, Occurrence
from services.mentors.domain.commitment import ExportCalendar, ListCommitments, commitments, entries_within, export
from services.mentors.domain.consultation import Consultation, Kind, Service, State
from services.mentors.domain.mentor import Format
from tests.mentors.availability.samples import CITY_HOURS, M1, at, availability, between, booked, pages
from tests.mentors.samples import ZONE

NOW = at("2026-11-30 08:00")
BLOCK = Block(
    name=f"{M1}/blocks/b1",
    version=2,
    mentor=M1,
    title="看牙医",
    time_zone=ZONE.key,
    occurrences=(
        Occurrence(
            date=at("2026-12-02 12:00").date(), start_time=at("2026-12-02 08:00"), end_time=at("2026-12-02 09:30")
        ),
    ),
)
BLOCKED = BLOCK.entries(BLOCK.occurrences)


def consultation(number: int = 0, state: State = State.SCHEDULED) -> Consultation:
    """Return a consultation with a startup."""
    return Consultation(
        name=f"consultations/c{number}",
        version=3,
        mentor=M1,
        mentor_display_name="林江",
        startups=("startups/a1",),
        services=(Service(startup="startups/a1", startup_display_name="松江碳材"),),
        kind=Kind.DIAGNOSIS,
        format=Format.ON_SITE,
        topic="融资方案 13944200000",
        place="江湾路1号",
        start_time=at("2026-12-01 10:00"),
        end_time=at("2026-12-01 11:00"),
        state=state,
    )


def everything(entity: Entity) -> bool:
    """Let the caller read whatever it is."""
    return entity is not None


def nothing(entity: Entity) -> bool:
    """Let the caller read nothing."""
    return entity is None


KNOWN: dict[str, Entity] = {"consultations/c0": consultation(), BLOCK.name: BLOCK}
ENTRIES = (*booked(("2026-12-01 10:00", "2026-12-01 11:00")), *BLOCKED)


def test_everything_is_named_by_its_resource() -> None:
    """A consultation shows its topic and startup, a block its title and its own name."""
    found = commitments(ENTRIES, KNOWN, availability(), CITY_HOURS, may_read=everything)
    assert [(each.name, each.title, each.startup) for each in found] == [
        ("consultations/c0", "融资方案 13944200000", "startups/a1"),
        (f"{M1}/blocks/b1", "看牙医", ""),
    ]


def test_what_the_caller_may_not_read_is_only_taken_time() -> None:
    """Whoever may not read what it is sees the time only: the members of a panel are secret until it is closed."""
    found = commitments(ENTRIES, KNOWN, availability(), CITY_HOURS, may_read=nothing)
    shown = [(each.name, each.title, each.startup, each.start_time) for each in found]
    assert shown == [("", "", "", each.start) for each in ENTRIES]
    (unknown,) = commitments(ENTRIES[:1], {}, availability(), CITY_HOURS, may_read=everything)
    assert (unknown.name, unknown.start_time) == ("", ENTRIES[0].start)


@pytest.mark.parametrize("state", State)
def test_requests_and_proposals_are_tentative(state: State) -> None:
    """What still has to be accepted is marked."""
    known = {"consultations/c0": consultation(state=state)}
    (found,) = commitments(ENTRIES[:1], known, availability(), CITY_HOURS, may_read=everything)
    assert found.is_tentative == (state in {State.REQUESTED, State.PROPOSED})


def test_what_stands_outside_the_hours_is_marked() -> None:
    """After the hours have changed, bookings of which a part is outside show it; nothing is cancelled by itself."""
    entries = booked(("2026-12-01 10:00", "2026-12-01 11:00"), ("2026-12-01 11:30", "2026-12-01 12:30"))
    found = commitments(entries, {}, availability("09:00", "12:00"), CITY_HOURS, may_read=everything)
    assert [each.outside_hours for each in found] == [False, True]


def test_an_entry_on_two_pages_is_one_commitment() -> None:
    """What crosses midnight on Sunday lies on two pages and is listed once; what only touches the period is not."""
    entries = booked(("2026-12-06 23:00", "2026-12-07 01:00"), ("2026-12-07 10:00", "2026-12-07 11:00"))
    within = between("2026-12-06 00:00", "2026-12-07 10:00")
    names = page_names(M1, within, ZONE)
    loaded: tuple[CalendarPage | None, ...] = pages(names, entries)
    assert len([page for page in loaded if page]) == 2
    assert entries_within(loaded, within) == entries[:1]


def test_the_period_of_a_query() -> None:
    """Four weeks from now for a list, 92 days from four weeks ago for a file, unless the query says otherwise."""
    assert ListCommitments(mentor=M1).within(NOW).end == NOW + timedelta(days=28)
    exported = ExportCalendar(mentor=M1).within(NOW)
    assert (exported.start, exported.end) == (NOW - timedelta(days=28), NOW + timedelta(days=64))
    for query in (ListCommitments, ExportCalendar):
        with pytest.raises(Invalid):
            query(mentor=M1, start_time=NOW, end_time=NOW + timedelta(days=93)).within(NOW)


# --- files ------------------------------------------------------------------------------------


def events(entries: tuple[Entry, ...] = ENTRIES, known: dict[str, Entity] = KNOWN) -> list[dict[str, str]]:
    """Return the properties of the events in an export, as text."""
    exported = export(M1, entries, known, name="林江", stamp=NOW)
    calendar = Calendar.from_ical(exported.content.decode())
    found: list[Any] = list(calendar.walk("VEVENT"))
    assert exported.event_count == len(found)
    return [{key.lower(): event[key].to_ical().decode() for key in event} for event in found]


def test_a_file_is_for_calendar_programs() -> None:
    """The file is RFC 5545 text in UTC, named after the mentor, with its media type."""
    exported = export(M1, ENTRIES, KNOWN, name="林江", stamp=NOW)
    assert (exported.file_name, exported.media_type) == ("mentors-m1.ics", "text/calendar; charset=utf-8")
    assert exported.content.startswith(b"BEGIN:VCALENDAR\r\n")
    first, second = events()
    assert (first["dtstart"], first["dtend"]) == ("20261201T020000Z", "20261201T030000Z")
    assert (first["summary"], first["status"], first["sequence"]) == ("诊断 松江碳材", "CONFIRMED", "3")
    assert second["summary"] == "其他安排"


def test_an_event_keeps_its_uid() -> None:
    """A consultation that was moved is the same event with a higher sequence; occurrences are different events."""
    moved = booked(("2026-12-03 10:00", "2026-12-03 11:00"))
    (before, block), (after,) = events(), events(moved, {"consultations/c0": consultation().with_(version=4)})
    assert before["uid"] == after["uid"] == "consultations/c0@hatchery"
    assert (before["sequence"], after["sequence"]) == ("3", "4")
    assert block["uid"] == f"{M1}/blocks/b1/occurrences/20261202@hatchery"


def test_a_file_holds_no_topic_place_or_title() -> None:
    """Feeds are passed on: they name no text that people wrote, which may hold a phone number."""
    content = export(M1, ENTRIES, KNOWN, name="林江", stamp=NOW).content.decode().replace("\r\n ", "")
    for text in ("融资方案", "13944200000", "江湾路", "看牙医"):
        assert text not in content


def test_requests_are_tentative_events() -> None:
    """A calendar program shows what is not accepted yet as tentative."""
    known: dict[str, Entity] = {"consultations/c0": consultation(state=State.REQUESTED)}
    assert events(ENTRIES[:1], known)[0]["status"] == "TENTATIVE"
