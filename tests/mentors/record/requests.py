"""Request messages of records. Times are in the city's time zone, on days counted from today."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1 import profession_pb2
from tests.mentors.requests import ZONE, date_of, day
from tests.support.calls import Api


def stamp(offset: int, minute: int) -> Timestamp:
    """Return the instant so many minutes after midnight, so many days after today."""
    instant = datetime.combine(day(offset), time(), ZONE) + timedelta(minutes=minute)
    made = Timestamp()
    made.FromDatetime(instant)
    return made


def record(offset: int, minute: int, minutes: int = 60, **fields: Any) -> pb.ConsultationRecord:
    """Describe a session that began so many minutes after midnight of a day; `fields` replace or add."""
    values = {
        "start_time": stamp(offset, minute),
        "end_time": stamp(offset, minute + minutes),
        "kind": pb.Consultation.KIND_CONSULTING,
        "format": profession_pb2.FORMAT_ON_SITE,
        "topic": "股权结构",
    }
    return pb.ConsultationRecord(**{**values, **fields})


def log_consultation(
    mentor: str, startups: Sequence[str], offset: int = -1, minute: int = 600, *, request_id: str = "", **fields: Any
) -> pb.LogConsultationRequest:
    """Log a session with some startups; `fields` replace or add to the record."""
    return pb.LogConsultationRequest(
        mentor=mentor, startups=startups, record=record(offset, minute, **fields), request_id=request_id
    )


def full_record(offset: int, minute: int, startup: str, minutes: int = 60) -> pb.ConsultationRecord:
    """Describe a session with every field of a record."""
    return record(
        offset,
        minute,
        minutes,
        place="江城孵化器201室",
        participants=[pb.Consultation.Participant(display_name="李想", startup=startup)],
        problem="两位创始人各占一半",
        advice="设立期权池",
        result="同意调整比例",
        next_steps=[
            pb.Consultation.NextStep(text="起草协议", due_date=date_of(30), done_date=date_of(0)),
            pb.Consultation.NextStep(text="开股东会", due_date=date_of(60)),
        ],
    )


def correct(name: str, *paths: str, etag: str = "", **fields: Any) -> pb.CorrectConsultationRequest:
    """Correct the fields of a record that the paths name, or else the given fields."""
    mask = FieldMask(paths=paths or tuple(fields))
    return pb.CorrectConsultationRequest(name=name, record=pb.ConsultationRecord(**fields), update_mask=mask, etag=etag)


async def logged(consultations: Api, mentor: str, startups: Sequence[str], offset: int = -1) -> pb.Consultation:
    """Log a session and return it."""
    made: pb.Consultation = await consultations.LogConsultation(log_consultation(mentor, startups, offset))
    return made
