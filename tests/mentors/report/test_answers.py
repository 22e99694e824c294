"""What startups answer moves the reports at once, and back again."""

from collections.abc import AsyncIterator

import pytest
from grpc import aio

from libs.api.hatchery.mentors.v1 import report_pb2 as pb
from libs.api.hatchery.mentors.v1 import report_pb2_grpc
from libs.api.hatchery.mentors.v1.consultation_pb2 import ConfirmConsultationRequest, DisputeConsultationRequest
from libs.common.store.database import Database
from services.mentors.domain.residence import Residence, Stay
from services.mentors.store import RESIDENCES, SPACES, STARTUPS
from tests.mentors import samples
from tests.mentors.record.requests import log_consultation
from tests.mentors.report.samples import HUB
from tests.mentors.requests import LONGTAN, day, new_mentor
from tests.support.calls import Api
from tests.support.processes import Cluster, Replica
from tests.support.store_fixtures import DRIVER, insert

ONE, TWO = "startups/a1", "startups/a2"
YEAR = day(-1).year


@pytest.fixture(scope="module")
async def reports(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """ReportService, with a space and two of its tenants, as the facts of other services would have left them."""
    database = Database(cluster.mongo.admin_uri, cluster.database("mentors"), DRIVER)
    stay = Stay(tenancy=f"{HUB}/tenancies/1", sequence=1, space=HUB, start_date=day(-900))
    await insert(database, SPACES, [samples.space(HUB)])
    await insert(database, STARTUPS, [samples.startup(ONE), samples.startup(TWO)])
    await insert(database, RESIDENCES, [Residence(name=name, stays=(stay,)) for name in (ONE, TWO)])
    await database.close()
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, report_pb2_grpc, "ReportService", cluster.token())


async def hours(reports: Api, mentor: str) -> list[tuple[int, int, int]]:
    """Return the appointed sessions, services and minutes of the mentor, of the space and of the district."""
    queries = (
        pb.GetServiceHoursRequest(year=YEAR, mentor=mentor),
        pb.GetServiceHoursRequest(year=YEAR, space=HUB),
        pb.GetServiceHoursRequest(year=YEAR, district=LONGTAN),
    )
    totals = [(await reports.GetServiceHours(query)).total for query in queries]
    return [(each.appointed_sessions, each.appointed_services, each.appointed_minutes) for each in totals]


async def served(reports: Api) -> int:
    """Return the tenants of the space with a confirmed consultation this year."""
    found = await reports.GetCoverage(pb.GetCoverageRequest(space=HUB))
    assert found.figures.tenants == 2
    return int(found.figures.served_tenants)


async def test_reports_follow_the_answers_of_startups(reports: Api, mentors: Api, consultations: Api) -> None:
    """A record counts nothing; the first confirmation adds the session, the second a service, a dispute takes back."""
    mentor = await new_mentor(mentors)
    held = await consultations.LogConsultation(log_consultation(mentor.name, [ONE, TWO], minutes=45))
    is_this_year = day(0).year == YEAR  # it was held yesterday
    assert await hours(reports, mentor.name) == [(0, 0, 0)] * 3
    await consultations.ConfirmConsultation(ConfirmConsultationRequest(name=held.name, startup=ONE, rating=5))
    assert await hours(reports, mentor.name) == [(1, 1, 45)] * 3
    assert await served(reports) == is_this_year
    await consultations.ConfirmConsultation(ConfirmConsultationRequest(name=held.name, startup=TWO, rating=4))
    assert await hours(reports, mentor.name) == [(1, 2, 45)] * 3
    assert await served(reports) == 2 * is_this_year
    rating = await reports.GetRating(pb.GetRatingRequest(mentor=mentor.name, year=YEAR))
    assert (rating.counted_sessions, rating.average_feedback, rating.feedback_count) == (1, 4.5, 2)
    dispute = DisputeConsultationRequest(name=held.name, startup=ONE, dispute_reason="只谈了十分钟")
    await consultations.DisputeConsultation(dispute)
    assert await hours(reports, mentor.name) == [(1, 1, 45)] * 3
    assert await served(reports) == is_this_year
    rating = await reports.GetRating(pb.GetRatingRequest(mentor=mentor.name, year=YEAR))
    assert (rating.average_feedback, rating.feedback_count) == (4.0, 1)
