"""Calendar feeds, read back with a parser of RFC 5545."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from pydantic import ValidationError

from libs.calendar.ical import CalendarEvent, EventStatus, calendar_text
from tests.calendar.samples import HOUR, MONDAY, between

STAMP = datetime(2026, 12, 1, 1, 2, 3, tzinfo=UTC)
EVENT = CalendarEvent(
    name="mentors/m1/consultations/c1",
    version=3,
    start=between("2026-12-01 10:00", "2026-12-01 11:00").start,
    end=between("2026-12-01 10:00", "2026-12-01 11:00").end,
    summary="辅导: 商业计划, 股权; 融资",
    location="北山创新中心 3楼",
    url="https://hatchery.example/consultations/c1?lang=zh",
)


def read(text: str) -> list[dict[str, Any]]:
    """Parse a calendar and return the values of its events."""
    calendar = Calendar.from_ical(text)
    return [
        {
            "uid": str(event["uid"]),
            "stamp": event.decoded("dtstamp"),
            "start": event.decoded("dtstart"),
            "end": event.decoded("dtend"),
            "sequence": int(str(event["sequence"])),
            "status": str(event["status"]),
            "summary": str(event["summary"]),
            "location": str(event.get("location", "")),
            "url": str(event.get("url", "")),
        }
        for event in calendar.walk("VEVENT")
    ]


def expected(event: CalendarEvent) -> dict[str, Any]:
    """Return the values that an event is read back with."""
    return {
        "uid": f"{event.name}@hatchery",
        "stamp": STAMP,
        "start": event.start,
        "end": event.end,
        "sequence": event.version,
        "status": event.status.value,
        "summary": event.summary,
        "location": event.location,
        "url": event.url,
    }


lines = st.text(st.sampled_from("aB ,;:\\\"'%中文导师€é0\u00b7"), max_size=120).map(str.strip)
events = st.builds(
    CalendarEvent,
    name=st.sampled_from(["mentors/m1/consultations/c1", "facilities/f1/bookings/b1"]),
    version=st.integers(1, 10**9),
    start=st.integers(0, 10**6).map(lambda minutes: MONDAY + minutes * HOUR / 60),
    end=st.integers(10**6 + 1, 2 * 10**6).map(lambda minutes: MONDAY + minutes * HOUR / 60),
    summary=lines,
    status=st.sampled_from(EventStatus),
    location=lines,
    url=st.sampled_from(["", "https://hatchery.example/x?a=1,2;b=%20"]),
)


@given(st.lists(events, max_size=5))
def test_a_feed_reads_back_as_it_was_written(given_events: list[CalendarEvent]) -> None:
    """Every value survives: commas, semicolons, backslashes, Chinese, long lines."""
    assert read(calendar_text("测试", given_events, stamp=STAMP)) == [expected(event) for event in given_events]


@given(st.lists(events, max_size=5))
def test_lines_end_with_crlf_and_have_at_most_75_octets(given_events: list[CalendarEvent]) -> None:
    """Long lines are folded between characters, as RFC 5545 demands; programs refuse or damage others."""
    text = calendar_text("测试", given_events, stamp=STAMP)
    assert text.endswith("END:VCALENDAR\r\n")
    for line in text.split("\r\n"):
        assert "\n" not in line
        assert "\r" not in line
        assert len(line.encode()) <= 75


def test_times_are_utc() -> None:
    """10:00 in Shanghai is 02:00Z in every calendar program, wherever its server is."""
    lines = calendar_text("测试", [EVENT], stamp=STAMP).split("\r\n")
    assert {"DTSTART:20261201T020000Z", "DTEND:20261201T030000Z", "DTSTAMP:20261201T010203Z"} <= set(lines)


def test_an_event_keeps_its_identity_over_changes() -> None:
    """A moved and then cancelled event has the same UID and a higher SEQUENCE, and nothing random is in the text."""
    cancelled = EVENT.model_copy(update={"version": 4, "status": EventStatus.CANCELLED})
    before, after = (read(calendar_text("测试", [event], stamp=STAMP))[0] for event in (EVENT, cancelled))
    assert before["uid"] == after["uid"] == "mentors/m1/consultations/c1@hatchery"
    assert (after["sequence"], after["status"]) == (4, "CANCELLED")
    assert calendar_text("测试", [EVENT], stamp=STAMP) == calendar_text("测试", [EVENT], stamp=STAMP)


def test_the_calendar_has_a_name_and_may_be_empty() -> None:
    """Programs show the name of a feed, also of one without events."""
    calendar = Calendar.from_ical(calendar_text("导师日历", [], stamp=STAMP))
    assert (str(calendar["name"]), str(calendar["x-wr-calname"])) == ("导师日历", "导师日历")
    assert (str(calendar["version"]), str(calendar["prodid"])) == ("2.0", "-//Hatchery//Calendar//EN")
    assert calendar.walk("VEVENT") == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a b", "https://a\r\nATTENDEE:x", "https://a\n"])
def test_a_link_cannot_add_lines(url: str) -> None:
    """A link is a web address without spaces and line breaks."""
    with pytest.raises(ValidationError):
        CalendarEvent.model_validate({**EVENT.model_dump(), "url": url})


def test_only_what_the_caller_gives_is_in_the_text() -> None:
    """Neither organiser nor attendees are written."""
    text = calendar_text("测试", [EVENT], stamp=STAMP)
    names = {line.partition(":")[0] for line in text.split("\r\n") if line and not line.startswith(" ")}
    assert names == {
        *("BEGIN", "END", "PRODID", "VERSION", "NAME", "X-WR-CALNAME"),
        *("UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "STATUS", "SUMMARY", "LOCATION", "URL"),
    }
