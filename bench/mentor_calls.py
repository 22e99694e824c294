"""The reads of mentors that are measured: requests, targets, and what a right reply says."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from google.protobuf.message import Message

from bench.contenders import Database
from bench.dataset import ZONE
from bench.mentoring import Mentoring
from libs.api.hatchery.mentors.v1 import availability_pb2, match_pb2, mentor_pb2, report_pb2
from libs.common.domain.dates import midnight
from services.mentors.domain.consultation import OCCUPYING, ServiceState
from services.mentors.domain.need import DEFAULT_MATCHES

MakeRequest = Callable[[Mentoring], Message]
Agrees = Callable[[Any, Any, Database], bool]
GroupBy = report_pb2.GetServiceHoursRequest


@dataclass(frozen=True, slots=True)
class Question:
    """One way to call one RPC. `agrees` compares a reply to a request with the documents.

    `bar` and `aim` are how many times as long as GetMentor it may take. A reply that `grows` has a row for each mentor,
    so that its time in a small city says nothing.
    """

    title: str
    path: str
    new_request: MakeRequest
    reply: type[Message]
    agrees: Agrees
    bar: float = 0
    aim: float = 0
    grows: bool = False


def _get_mentor(city: Mentoring) -> Message:
    return mentor_pb2.GetMentorRequest(name=_any_mentor(city))


def _is_mentor(request: Any, reply: Any, database: Database) -> bool:
    found = database["mentors"].find_one({"_id": request.name})
    return found is not None and bool(reply.display_name == found["display_name"])


def _free_slots(city: Mentoring) -> Message:
    return availability_pb2.ListFreeSlotsRequest(mentor=_any_mentor(city))


def _are_free(request: Any, reply: Any, database: Database) -> bool:
    """Whether there are slots, and no consultation is in any of them."""
    slots = [(slot.start_time.ToDatetime(ZONE), slot.end_time.ToDatetime(ZONE)) for slot in reply.slots]
    occupied = list(database["consultations"].find({"mentor": request.mentor, "state": {"$in": sorted(OCCUPYING)}}))
    overlapping = (start < each["end_time"] and each["start_time"] < end for start, end in slots for each in occupied)
    return bool(slots) and not any(overlapping)


def _match(city: Mentoring) -> Message:
    return match_pb2.MatchMentorsRequest(startup=city.startup_name(random.randrange(city.startups)))


def _are_matches(request: Any, reply: Any, database: Database) -> bool:
    """Whether all matches suit the startup, and as many are named as there are at most."""
    startup = database["startups"].find_one({"_id": request.startup})
    assert startup is not None
    suits: list[dict[str, str]] = [{"technology_fields": startup["technology_field"]}]
    if startup["industry_chain"]:
        suits.append({"industry_chains": startup["industry_chain"]})
    suitable = {each["_id"] for each in database["mentors"].find({"$or": suits}, {"_id": 1})}
    named = {match.mentor for match in reply.matches}
    return named <= suitable and len(named) == min(DEFAULT_MATCHES, len(suitable) - len(reply.excluded))


def _hours(group_by: GroupBy.GroupBy.ValueType) -> MakeRequest:
    return lambda city: report_pb2.GetServiceHoursRequest(year=city.year, group_by=group_by)


def _are_hours(request: Any, reply: Any, database: Database) -> bool:
    """Whether the figures are those of the confirmed consultations, and the rows add up to the total."""
    begin, end = (midnight(date(year, 1, 1), ZONE) for year in (request.year, request.year + 1))
    where = {"start_time": {"$gte": begin, "$lt": end}, "services.state": ServiceState.CONFIRMED}
    sessions = database["consultations"].count_documents(where)
    rows = [row.figures.sessions for row in reply.rows] if request.group_by else [sessions]
    return bool(reply.total.sessions == sessions == sum(rows))


def _any_mentor(city: Mentoring) -> str:
    return city.mentor_name(random.randrange(city.mentors))


GET = Question("GetMentor", "/hatchery.mentors.v1.MentorService/GetMentor", _get_mentor, mentor_pb2.Mentor, _is_mentor)
_HOURS = "/hatchery.mentors.v1.ReportService/GetServiceHours"
QUESTIONS = (
    GET,
    Question(
        "ListFreeSlots of two weeks",
        "/hatchery.mentors.v1.AvailabilityService/ListFreeSlots",
        _free_slots,
        availability_pb2.FreeSlots,
        _are_free,
        4,
        3,
    ),
    Question(
        "MatchMentors for a startup",
        "/hatchery.mentors.v1.MatchService/MatchMentors",
        _match,
        match_pb2.MatchMentorsResponse,
        _are_matches,
        15,
        8,
    ),
    *(
        Question(
            f"GetServiceHours of a year {how}",
            _HOURS,
            _hours(group_by),
            report_pb2.ServiceHours,
            _are_hours,
            100,
            30,
            grows=group_by == GroupBy.GROUP_BY_MENTOR,
        )
        for how, group_by in (
            ("in total", GroupBy.GROUP_BY_UNSPECIFIED),
            ("by kind", GroupBy.GROUP_BY_KIND),
            ("by month", GroupBy.GROUP_BY_MONTH),
            ("by mentor", GroupBy.GROUP_BY_MENTOR),
        )
    ),
)
