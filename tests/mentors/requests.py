"""Request messages of mentors. Days are counted from today in the city's time zone."""

import itertools
import os
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from libs.api.hatchery.mentors.v1 import appointment_pb2, evidence_pb2, mentor_pb2, profession_pb2
from libs.common.runtime.clock import Clock
from tests.support.calls import Api

ZONE = ZoneInfo("Asia/Shanghai")
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"
_numbers = itertools.count(1)


def day(offset: int) -> date:
    """Return the day that many days after today."""
    return Clock().today(ZONE) + timedelta(days=offset)


def date_of(offset: int | None) -> Date | None:
    """Return that day as a message; None for None."""
    if offset is None:
        return None
    then = day(offset)
    return Date(year=then.year, month=then.month, day=then.day)


def evidence(**fields: Any) -> evidence_pb2.Evidence:
    """Return a document with its address and hash."""
    values = {
        "kind": evidence_pb2.Evidence.KIND_AGREEMENT,
        "title": "履职尽责承诺书",
        "link": f"https://files.example.org/{next(_numbers)}.pdf",
        "sha256": os.urandom(32).hex(),
    }
    return evidence_pb2.Evidence(**{**values, **fields})


# --- mentors ----------------------------------------------------------------------------------


def new_certificate_number() -> str:
    """Return a certificate number that nobody has used."""
    return f"吉创导 2026-{os.urandom(4).hex()}"


def mentor_spec(**fields: Any) -> profession_pb2.MentorSpec:
    """Describe an entrepreneur; `fields` replace or add."""
    values = {
        "display_name": f"林江{next(_numbers)}",
        "kind": "entrepreneur",
        "district": LONGTAN,
        "technology_fields": ["new-materials"],
        "skills": ["fundraising"],
        "languages": ["zh"],
        "formats": [profession_pb2.FORMAT_ON_SITE, profession_pb2.FORMAT_VIDEO],
    }
    return profession_pb2.MentorSpec(**{**values, **fields})


def nominate_mentor(
    nominator: str = LONGTAN, *, request_id: str = "", **fields: Any
) -> mentor_pb2.NominateMentorRequest:
    """Nominate a mentor."""
    return mentor_pb2.NominateMentorRequest(mentor=mentor_spec(**fields), nominator=nominator, request_id=request_id)


def appoint_mentor(
    name: str,
    appointer: str = LONGTAN,
    start: int | None = None,
    end: int | None = None,
    *,
    number: str = "",
    etag: str = "",
    request_id: str = "",
) -> appointment_pb2.AppointMentorRequest:
    """Appoint a mentor from a day to a day, under a new certificate number unless one is given."""
    return appointment_pb2.AppointMentorRequest(
        name=name,
        appointer=appointer,
        certificate_number=number or new_certificate_number(),
        start_date=date_of(start),
        end_date=date_of(end),
        etag=etag,
        request_id=request_id,
    )


def get_mentor(name: str) -> mentor_pb2.GetMentorRequest:
    """Read a mentor."""
    return mentor_pb2.GetMentorRequest(name=name)


def update_mentor(
    name: str, paths: Sequence[str], *, etag: str = "", request_id: str = "", **fields: Any
) -> profession_pb2.UpdateMentorRequest:
    """Change the fields of a mentor that the paths name; `fields` are all that the spec holds."""
    return profession_pb2.UpdateMentorRequest(
        name=name,
        mentor=profession_pb2.MentorSpec(**fields),
        update_mask=FieldMask(paths=paths),
        etag=etag,
        request_id=request_id,
    )


async def new_mentor(mentors: Api, appointer: str = LONGTAN, **fields: Any) -> mentor_pb2.Mentor:
    """Nominate a mentor, appoint the mentor for a term that began a year ago, and return the mentor.

    The appointer is a district unless a space is given, which the mentors service must know.
    """
    nominated: mentor_pb2.Mentor = await mentors.NominateMentor(nominate_mentor(appointer, **fields))
    appointed: mentor_pb2.Mentor = await mentors.AppointMentor(appoint_mentor(nominated.name, appointer, -365))
    return appointed
