"""A startup is advised: what its page, its space and the city show, however often facts are delivered."""

from datetime import date

import nats

from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1 import report_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.flows.services import NAMES, Services
from tests.mentors.booking.requests import open_all_day, request_consultation
from tests.mentors.record.requests import log_consultation
from tests.mentors.requests import day, new_mentor
from tests.spaces.requests import new_space, register_tenant
from tests.startups.requests import get_startup, new_startup
from tests.support.processes import Cluster

YESTERDAY = day(-1)


async def deliver_again(cluster: Cluster, times: int) -> int:
    """Publish every fact of all services so many times more, newest first, and return how many there were."""
    seed = cluster.nats.admin_seed_file
    connection = await nats.connect(cluster.nats.url, **({"nkeys_seed": str(seed)} if seed else {}))
    stream, published = connection.jetstream(), 0
    for name in (service.upper() for service in NAMES):
        last = (await stream.stream_info(name)).state.last_seq
        facts = [await stream.get_msg(name, number) for number in range(last, 0, -1)]
        for number in range(times):
            for fact in facts:
                headers = {**(fact.headers or {}), "Nats-Msg-Id": f"again-{number}-{fact.seq}"}
                await stream.publish(fact.subject or "", fact.data or b"", headers=headers)
        published += len(facts)
    await connection.close()
    return published


async def hours(services: Services, space: str) -> tuple[int, int, int]:
    """Return the sessions, services and minutes that the tenants of a space confirmed in the year of yesterday."""
    grouped = report_pb2.GetServiceHoursRequest.GROUP_BY_MENTOR
    query = report_pb2.GetServiceHoursRequest(space=space, group_by=grouped, year=YESTERDAY.year)
    total = (await services.reports.GetServiceHours(query)).total
    return total.sessions, total.services, total.minutes


async def coverage(services: Services, space: str) -> tuple[int, int, int]:
    """Return the tenants of a space, its mentors, and the tenants that were served this year."""
    found = await services.reports.GetCoverage(report_pb2.GetCoverageRequest(space=space))
    return found.figures.tenants, found.figures.mentors, found.figures.served_tenants


def last_date(page: startup_pb2.Startup) -> date:
    """Return the day of the last confirmed consultation that a startup's page shows."""
    shown = page.last_confirmed_consultation_date
    return date(shown.year, shown.month, shown.day)


async def test_a_confirmed_consultation_counts_once_everywhere(services: Services, cluster: Cluster) -> None:
    """Requested, accepted, held, logged and confirmed: page, hours and coverage move once.

    Every fact is delivered three times, the repeats newest first. The session that is logged is over already, because
    nothing is logged before it was held; the one that is booked lies ahead.
    """
    space, startup = await new_space(services.spaces), await new_startup(services.startups)
    await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name, -30))
    await services.until_idle()
    mentor = await new_mentor(services.mentors, space.name)
    await services.availabilities.UpdateAvailability(open_all_day(mentor.name))

    requested = await services.consultations.RequestConsultation(request_consultation(mentor.name, startup.name, 4))
    accepted = await services.consultations.AcceptConsultation(pb.AcceptConsultationRequest(name=requested.name))
    assert accepted.state == pb.Consultation.STATE_SCHEDULED
    logged = await services.consultations.LogConsultation(log_consultation(mentor.name, [startup.name]))
    await services.until_idle()
    assert (await services.startups.GetStartup(get_startup(startup.name))).mentors == []
    assert await hours(services, space.name) == (0, 0, 0)
    assert await coverage(services, space.name) == (1, 1, 0)

    await services.consultations.ConfirmConsultation(
        pb.ConfirmConsultationRequest(name=logged.name, startup=startup.name, rating=5)
    )
    await services.until_idle()
    assert await deliver_again(cluster, 2)
    await services.until_idle()
    page = await services.startups.GetStartup(get_startup(startup.name))
    assert [(each.mentor, each.sessions, each.minutes) for each in page.mentors] == [(mentor.name, 1, 60)]
    assert (page.residency.space, last_date(page)) == (space.name, YESTERDAY)
    assert await hours(services, space.name) == (1, 1, 60)
    served = int(YESTERDAY.year == day(0).year)  # on New Year's Day nobody was served this year
    assert await coverage(services, space.name) == (1, 1, served)
