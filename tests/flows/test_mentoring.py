"""A startup is advised: what its page, its space and the city show, however often facts are delivered."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date

import nats
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg

from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1 import report_pb2
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.flows.services import NAMES, Services
from tests.mentors.booking.requests import open_all_day, request_consultation
from tests.mentors.record.requests import log_consultation, stamp
from tests.mentors.requests import day, new_mentor
from tests.spaces.requests import end_tenancy, new_space, register_tenant
from tests.startups.requests import get_startup, new_startup, update_startup
from tests.support.processes import Cluster

YESTERDAY = day(-1)


async def deliver_again(cluster: Cluster, times: int) -> int:
    """Publish every fact of all services so many times more, newest first, and return how many there were."""
    published = 0
    async with streams(cluster) as stream:
        for name in (service.upper() for service in NAMES):
            facts = await facts_in(stream, name)
            for number in range(times):
                for fact in reversed(facts):
                    await publish_copy(stream, fact, f"again-{number}-{fact.seq}")
            published += len(facts)
    return published


async def shuffle(services: Services, names: Sequence[str], chance: random.Random) -> None:
    """Replace what services have published by three copies of every fact: newest first, and then in no order at all.

    A service that was stopped before they were published gets nothing else.
    """
    for name in names:
        await services.until_published(name)
    async with streams(services.cluster) as stream:
        for name in (each.upper() for each in names):
            facts = await facts_in(stream, name)
            await stream.purge_stream(name)
            for fact in (*reversed(facts), *chance.sample(facts * 2, 2 * len(facts))):
                await publish_copy(stream, fact, f"shuffled-{chance.getrandbits(64)}")


async def publish_copy(stream: JetStreamContext, fact: RawStreamMsg, identifier: str) -> None:
    """Publish a fact again, under an id that the stream does not know, wherever it stood before."""
    headers = {name: value for name, value in (fact.headers or {}).items() if not name.startswith("Nats-")}
    await stream.publish(fact.subject or "", fact.data or b"", headers={**headers, "Nats-Msg-Id": identifier})


@asynccontextmanager
async def streams(cluster: Cluster) -> AsyncIterator[JetStreamContext]:
    """Open the streams as their administrator."""
    seed = cluster.nats.admin_seed_file
    connection = await nats.connect(cluster.nats.url, **({"nkeys_seed": str(seed)} if seed else {}))
    yield connection.jetstream()
    await connection.close()


async def facts_in(stream: JetStreamContext, name: str) -> list[RawStreamMsg]:
    """Return all facts in a stream."""
    state = (await stream.stream_info(name)).state
    return [await stream.get_msg(name, number) for number in range(state.first_seq, state.last_seq + 1)]


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


async def test_facts_that_arrive_in_no_order_count_once(services: Services) -> None:
    """What a service learns of the others does not depend on the order of their facts, nor on repeats.

    Mentors gets three copies of every fact about startups and tenancies, and never the facts in order; so does startups
    of what mentors publishes. A startup moves to another space, a second one has moved in, a third one moves out. The
    founder of the first books an hour of a mentor, meets the mentor earlier than booked (nothing is logged before it
    is over), confirms and disputes, without success; the second disputes with success. Hours, coverage and pages are
    those of what is true in the end, and more copies change nothing.
    """
    chance = random.Random(1)
    await services.stop("mentors")
    left, space, staying, other = await move(services)
    await shuffle(services, ("spaces", "startups"), chance)
    services.start("mentors")
    await services.until_idle()

    await services.stop("startups")
    mentor = await new_mentor(services.mentors, space.name)
    await services.availabilities.UpdateAvailability(open_all_day(mentor.name))
    await advise(services, mentor.name, staying.name, other.name, operator_of=space.name)
    await shuffle(services, ("mentors",), chance)
    services.start("startups")
    await services.until_idle()
    pages = [await services.startups.GetStartup(get_startup(name)) for name in (staying.name, other.name)]
    assert [(each.mentor, each.sessions, each.minutes) for each in pages[0].mentors] == [(mentor.name, 2, 105)]
    assert (pages[0].residency.space, last_date(pages[0])) == (space.name, YESTERDAY)
    assert (pages[1].residency.space, list(pages[1].mentors)) == (space.name, [])
    served = int(YESTERDAY.year == day(0).year)

    async def figures() -> list[tuple[int, int, int]]:
        return [await read(services, each.name) for each in (space, left) for read in (hours, coverage)]

    assert await figures() == [(2, 2, 105), (2, 1, served), (0, 0, 0), (0, 0, 0)]
    await shuffle(services, NAMES, chance)
    await services.until_idle()
    assert await figures() == [(2, 2, 105), (2, 1, served), (0, 0, 0), (0, 0, 0)]
    assert [await services.startups.GetStartup(get_startup(page.name)) for page in pages] == pages


async def move(services: Services) -> tuple[space_pb2.Space, space_pb2.Space, startup_pb2.Startup, startup_pb2.Startup]:
    """Let startups move. Return the space that one left, the one in which it and another stay, and these two."""
    left, space = await new_space(services.spaces), await new_space(services.spaces)
    staying, other, gone = [await new_startup(services.startups, display_name="旧名") for _ in range(3)]
    await services.tenancies.RegisterTenant(register_tenant(left.name, staying.name, -60, -30))
    for startup in (staying, other):
        await services.tenancies.RegisterTenant(register_tenant(space.name, startup.name, -30))
    ended = await services.tenancies.RegisterTenant(register_tenant(space.name, gone.name, -30))
    await services.tenancies.EndTenancy(end_tenancy(ended.name))
    await services.startups.UpdateStartup(update_startup(staying.name, ["display_name"], display_name="新名"))
    return left, space, staying, other


async def advise(services: Services, mentor: str, startup: str, other: str, *, operator_of: str) -> None:
    """Let a mentor advise a startup twice, which says so in the end, and another once, which is right to deny it."""
    calls, token = services.consultations, services.cluster.token
    as_mentor, as_operator = token("mentor", [mentor]), token("operator", [operator_of])
    as_founder, as_other = token("founder", [startup]), token("founder", [other])
    requested = await calls.RequestConsultation(request_consultation(mentor, startup, 4), token=as_founder)
    assert requested.services[0].startup_display_name == "新名"
    accepted = await calls.AcceptConsultation(pb.AcceptConsultationRequest(name=requested.name), token=as_mentor)
    assert accepted.state == pb.Consultation.STATE_SCHEDULED
    held = pb.ConsultationRecord(start_time=stamp(-1, 600), end_time=stamp(-1, 645))
    earlier = pb.LogConsultationRequest(name=requested.name, mentor=mentor, record=held)
    assert (await calls.LogConsultation(earlier, token=as_mentor)).state == pb.Consultation.STATE_LOGGED
    both = await calls.LogConsultation(log_consultation(mentor, [startup, other], -1, 700), token=as_mentor)
    for name in (requested.name, both.name):
        answer = pb.ConfirmConsultationRequest(name=name, startup=startup, rating=4)
        await calls.ConfirmConsultation(answer, token=as_founder)
    await calls.ConfirmConsultation(pb.ConfirmConsultationRequest(name=both.name, startup=other), token=as_other)
    for name, whose, token_of, resolution in (
        (requested.name, startup, as_founder, pb.ResolveDisputeRequest.RESOLUTION_DISMISSED),
        (both.name, other, as_other, pb.ResolveDisputeRequest.RESOLUTION_UPHELD),
    ):
        dispute = pb.DisputeConsultationRequest(name=name, startup=whose, dispute_reason="没有来")
        await calls.DisputeConsultation(dispute, token=token_of)
        resolved = pb.ResolveDisputeRequest(name=name, startup=whose, resolution=resolution)
        await calls.ResolveDispute(resolved, token=as_operator)
