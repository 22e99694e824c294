"""Calendar feeds: events as RFC 5545 text, which calendar programs subscribe to."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from icalendar import Calendar, Event
from pydantic import StringConstraints

from libs.calendar.interval import Instant
from libs.common.domain.entity import Value
from libs.common.domain.text import Line

#: Identifies the program that wrote the text.
PRODUCT = "-//Hatchery//Calendar//EN"


class EventStatus(StrEnum):
    """Whether an event takes place. A cancelled one stays in the feed, so that subscribers remove it."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class CalendarEvent(Value):
    """One event of a feed.

    `name` is the resource name; it makes the UID, so an event keeps it for ever. `version` is that of the entity:
    programs replace an event by one of a higher version. Everybody who knows the feed's address reads the texts.
    """

    name: str
    version: int
    start: Instant
    end: Instant
    summary: Line
    status: EventStatus = EventStatus.CONFIRMED
    location: Line = ""
    url: Annotated[str, StringConstraints(pattern=r"^(https?://[!-~]+)?$", max_length=2000)] = ""


def calendar_text(name: str, events: Iterable[CalendarEvent], *, stamp: datetime) -> str:
    """Write a calendar of this name. `stamp` is the moment at which the text is made; times are UTC, to the second.

    Lines end with CRLF and are folded; send the text as UTF-8 with the type `text/calendar`.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    # NAME is the standard (RFC 7986); many programs know only the older one.
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    for event in events:
        calendar.add_component(_component(event, stamp))
    text: bytes = calendar.to_ical()
    return text.decode()


def _component(event: CalendarEvent, stamp: datetime) -> Event:
    component = Event()
    component.add("uid", f"{event.name}@hatchery")
    component.add("dtstamp", stamp)
    component.add("dtstart", event.start)
    component.add("dtend", event.end)
    component.add("sequence", event.version)
    component.add("status", event.status.value)
    component.add("summary", event.summary)
    if event.location:
        component.add("location", event.location)
    if event.url:
        component.add("url", event.url)
    return component
