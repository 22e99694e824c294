"""Request messages of bookings. Times are counted in quarters of an hour, from a quarter some hours after now on."""

from datetime import timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import dayofweek_pb2

from libs.api.hatchery.mentors.v1 import availability_pb2, consultation_pb2, profession_pb2
from libs.common.runtime.clock import Clock

QUARTER = timedelta(minutes=15)
WEEKDAYS = range(dayofweek_pb2.MONDAY, dayofweek_pb2.SUNDAY + 1)
_NOW = Clock().now()
#: The first quarter, the same in every test of a run.
FIRST = _NOW.replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)


def at(quarter: int) -> Timestamp:
    """Return the instant so many quarters of an hour after the first one."""
    stamp = Timestamp()
    stamp.FromDatetime(FIRST + quarter * QUARTER)
    return stamp


def open_all_day(mentor: str, **rules: int) -> availability_pb2.UpdateAvailabilityRequest:
    """Let a mentor be booked at any time, by the quarter of an hour; `rules` are further limits."""
    limits = availability_pb2.BookingRules(**{"block_minutes": 15, **rules})
    hours = [availability_pb2.DayHours(weekday=each, opens="00:00", closes="24:00") for each in WEEKDAYS]
    return availability_pb2.UpdateAvailabilityRequest(
        name=f"{mentor}/availability",
        availability=availability_pb2.AvailabilitySpec(weekly=hours, rules=limits),
        update_mask=FieldMask(paths=["*"]),
    )


def request_consultation(
    mentor: str, startup: str, quarter: int, quarters: int = 1, **fields: Any
) -> consultation_pb2.RequestConsultationRequest:
    """Request so many quarters of an hour; `fields` replace or add."""
    values = {
        "mentor": mentor,
        "startup": startup,
        "start_time": at(quarter),
        "end_time": at(quarter + quarters),
        "kind": consultation_pb2.Consultation.KIND_CONSULTING,
        "format": profession_pb2.FORMAT_VIDEO,
        "topic": "股权结构",
    }
    return consultation_pb2.RequestConsultationRequest(**{**values, **fields})
