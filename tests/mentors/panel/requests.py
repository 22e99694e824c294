"""Request messages of panels. Reviews are counted in hours from the day after tomorrow."""

import itertools
from datetime import timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from libs.api.hatchery.mentors.v1 import mentor_pb2, panel_pb2
from libs.common.runtime.clock import Clock
from tests.mentors.requests import LONGTAN, new_mentor
from tests.support.calls import Api

#: A field in which no other mentor of the tests works.
FIELD = "nuclear-applications"
_hours = itertools.count(1)


def at(hours: int, minutes: int = 0) -> Timestamp:
    """Return the instant so many hours after the day after tomorrow begins in UTC."""
    today = Clock().now().replace(hour=0, minute=0, second=0, microsecond=0)
    stamp = Timestamp()
    stamp.FromDatetime(today + timedelta(days=2, hours=hours, minutes=minutes))
    return stamp


def next_hour() -> int:
    """Return an hour in which no review of these tests takes place."""
    return next(_hours)


def draw_panel(hour: int | None = None, *, minute: int = 0, **fields: Any) -> panel_pb2.DrawPanelRequest:
    """Draw two members and two substitutes for half an hour of review in that hour; for none without an hour."""
    values: dict[str, Any] = {
        "district": LONGTAN,
        "title": "核技术专项评审",
        "technology_fields": [FIELD],
        "size": 2,
        "substitute_count": 2,
        "max_panels": 100,
        "within_days": 1,
    }
    if hour is not None:
        values |= {"start_time": at(hour, minute), "end_time": at(hour, minute + 30)}
    return panel_pb2.DrawPanelRequest(**{**values, **fields})


async def new_experts(mentors: Api, count: int, **fields: Any) -> list[mentor_pb2.Mentor]:
    """Appoint experts from industry in the field of these tests; `fields` replace or add."""
    values = {"technology_fields": [FIELD], "kind": "technology", "industry_expert": True, **fields}
    return [await new_mentor(mentors, **values) for _ in range(count)]
