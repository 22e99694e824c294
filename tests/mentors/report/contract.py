"""Reports for the contract tests."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from libs.api.hatchery.mentors.v1 import mentor_pb2
from libs.api.hatchery.mentors.v1 import report_pb2 as pb
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.common.domain.entity import Entity
from services.mentors.domain.mentee import Mentee, Relation, YearTotal
from services.mentors.domain.mentor_year import MentorYear, Tally
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, Valid
from tests.mentors import requests
from tests.mentors.mentor.contract import scopes_of_mentor

DAY = date(2026, 3, 5)


async def populate(calls: Calls, place: Place) -> None:
    """Reports have no resources of their own."""


def scopes_of_rating(rating: pb.Rating, known: Mapping[str, Any]) -> set[str]:
    """A rating can be read by whoever reaches its mentor."""
    return scopes_of_mentor(known[rating.mentor], known)


def _selection(contract: RunningContract) -> dict[str, Any]:
    """Return every filter and the whole of this year."""
    home = contract.home
    return {
        "year": requests.day(0).year,
        "first_month": 1,
        "last_month": 12,
        "mentor": home.get(mentor_pb2.Mentor).name,
        "space": home.get(space_pb2.Space).name,
        "district": home.district,
    }


def _selected(contract: RunningContract, request: Any) -> Valid:
    """Return a request that any one of its filters brings into scope."""
    foreign = contract.foreign.get(space_pb2.Space).name
    scopes = tuple(each for each in (getattr(request, "mentor", ""), request.space, request.district) if each)
    return Valid(request, scopes, request.space, foreign)


async def get_service_hours(contract: RunningContract) -> Valid:
    """Sum service with every filter."""
    group_by = pb.GetServiceHoursRequest.GROUP_BY_STARTUP
    return _selected(contract, pb.GetServiceHoursRequest(**_selection(contract), group_by=group_by))


async def get_coverage(contract: RunningContract) -> Valid:
    """Report the coverage of the home place's space."""
    space = contract.home.get(space_pb2.Space)
    return _selected(contract, pb.GetCoverageRequest(space=space.name, district=space.district))


async def list_ratings(contract: RunningContract) -> Valid:
    """List ratings by everything that the mentor is."""
    mentor, year = contract.home.get(mentor_pb2.Mentor), requests.day(0).year
    space = contract.home.get(space_pb2.Space).name
    request = pb.ListRatingsRequest(
        page_size=50, year=year, rule_set="two-tenant-services", space=space, district=mentor.district
    )
    name = f"{mentor.name}/ratings/{year}"
    foreign = f"{contract.foreign.get(mentor_pb2.Mentor).name}/ratings/{year}"
    return Valid(request, (mentor.name, mentor.district, space), name, foreign)


async def get_rating(contract: RunningContract) -> Valid:
    """Judge the mentor's year."""
    mentor = contract.home.get(mentor_pb2.Mentor)
    request = pb.GetRatingRequest(mentor=mentor.name, year=requests.day(0).year, rule_set="subsidy-evidence")
    scopes = (mentor.name, mentor.district, contract.home.get(space_pb2.Space).name)
    return Valid(request, scopes, mentor.name, contract.foreign.get(mentor_pb2.Mentor).name)


async def get_certificate(contract: RunningContract) -> Valid:
    """Certify a year in which the mentor had no appointment."""
    mentor = contract.home.get(mentor_pb2.Mentor)
    request = pb.GetCertificateRequest(mentor=mentor.name, year=2001)
    scopes = (mentor.name, mentor.district, contract.home.get(space_pb2.Space).name)
    foreign = contract.foreign.get(mentor_pb2.Mentor).name
    return Valid(request, scopes, mentor.name, foreign, refused="NO_SERVICE")


async def export_service_hours(contract: RunningContract) -> Valid:
    """Export service with every filter."""
    file_format = pb.ExportServiceHoursRequest.FORMAT_XLSX
    request = pb.ExportServiceHoursRequest(**_selection(contract), format=file_format, rule_set="ten-of-thirty-minutes")
    return _selected(contract, request)


def _tally(**place: str) -> Tally:
    return Tally(
        month=3,
        kind="COACHING",
        **place,
        sessions=2,
        services=3,
        minutes=105,
        appointed_sessions=1,
        appointed_services=2,
        appointed_minutes=45,
    )


ENTITIES: tuple[Entity, ...] = (
    MentorYear(
        name="mentors/0mentor/years/2026",
        version=7,
        mentor="mentors/0mentor",
        year=2026,
        spaces=("spaces/0space",),
        districts=("districts/220203",),
        tallies=(_tally(),),
        places=(_tally(space="spaces/0space"), _tally(district="districts/220203")),
        sessions=2,
        services=3,
        minutes=105,
        appointed_sessions=1,
        appointed_services=2,
        appointed_minutes=45,
        ratings=2,
        rating_sum=9,
    ),
    Mentee(
        name="startups/0startup",
        version=7,
        relations=(
            Relation(
                mentor="mentors/0mentor",
                mentor_display_name="林江",
                sessions=1,
                minutes=45,
                last_date=DAY,
                sequence=3,
                dates=(DAY,),
            ),
        ),
        years=(YearTotal(year=2026, sessions=1, minutes=45, appointed_sessions=1, appointed_minutes=45),),
    ),
)
REQUESTS = {
    "ReportService.GetServiceHours": get_service_hours,
    "ReportService.GetCoverage": get_coverage,
    "ReportService.ListRatings": list_ratings,
    "ReportService.GetRating": get_rating,
    "ReportService.GetCertificate": get_certificate,
    "ReportService.ExportServiceHours": export_service_hours,
}
SCOPES = {pb.Rating: scopes_of_rating}
FACT_VALUES: dict[str, object] = {}
BAD_VALUES: dict[str, tuple[BadValue, ...]] = {}
