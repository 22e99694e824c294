"""Two hundred founders who want the same time of one mentor, at two replicas."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode, aio

from libs.api.hatchery.mentors.v1 import availability_pb2
from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from tests.mentors.booking.requests import FIRST, QUARTER, at, open_all_day, request_consultation
from tests.mentors.races.replicas import callers, journal_length, stored
from tests.mentors.requests import new_mentor
from tests.startups.requests import new_startup
from tests.support.calls import Api, Refused
from tests.support.processes import Cluster, Replica
from tests.support.publisher import operations, until_idle

FOUNDERS = 200
Answer = pb.Consultation | Refused


@dataclass(frozen=True)
class Founder:
    """A startup, and ConsultationService as its founder calls it."""

    startup: str
    consultations: Api


@pytest.fixture(scope="module")
async def founders(cluster: Cluster, mentors_replica: Replica, startups: Api) -> AsyncIterator[Sequence[Founder]]:
    """Founders of a startup each, with tokens and connections of their own, one half at each of two replicas."""
    other = cluster.start("mentors", "mentors-other")
    teams = await asyncio.gather(*(new_startup(startups) for _ in range(FOUNDERS)))
    tokens = [cluster.token("founder", [team.name], subject=f"founder of {team.name}") for team in teams]
    async with callers([mentors_replica, other], tokens) as made, operations(cluster, "mentors") as service:
        await until_idle(service)
        yield [Founder(team.name, consultations) for team, consultations in zip(teams, made, strict=True)]


async def free_mentor(mentors: Api, availabilities: Api) -> str:
    """Return the name of a new mentor who is free at all times."""
    made = await new_mentor(mentors)
    await availabilities.UpdateAvailability(open_all_day(made.name))
    return str(made.name)


async def answer_to(call: Awaitable[pb.Consultation]) -> Answer:
    """Return the answer to a request."""
    try:
        return await call
    except aio.AioRpcError as error:
        return Refused(error)


async def race(
    wishes: Sequence[tuple[Founder, pb.RequestConsultationRequest]],
) -> tuple[pb.Consultation, list[Refused]]:
    """Send all requests at once. Return the one consultation that is made, and the refusals of the others."""
    calls = (founder.consultations.RequestConsultation(wish, timeout=60) for founder, wish in wishes)
    answers = await asyncio.gather(*(answer_to(call) for call in calls))
    [winner] = [answer for answer in answers if isinstance(answer, pb.Consultation)]
    return winner, [answer for answer in answers if isinstance(answer, Refused)]


def text(stamp: Timestamp) -> str:
    """Return an instant as refusals name it."""
    return stamp.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quarters(starts: str) -> list[int]:
    """Return the starts of free slots that a refusal names, as quarters of an hour."""
    return [int((datetime.fromisoformat(start) - FIRST) / QUARTER) for start in starts.split(",")]


async def test_one_of_two_hundred_founders_gets_a_slot(
    founders: Sequence[Founder], mentors: Api, availabilities: Api, cluster: Cluster
) -> None:
    """One request is made; all others learn which time is in the way and which slots come next.

    A request that the mentor has not answered is in the way as well: the winner's, and that of the hour that follows.
    Calendar, consultations and journal agree.
    """
    mentor = await free_mentor(mentors, availabilities)
    before = journal_length(cluster, "RequestConsultation")
    pending = await founders[0].consultations.RequestConsultation(
        request_consultation(mentor, founders[0].startup, 12, 4)
    )
    later = await founders[1].consultations.RequestConsultation(
        request_consultation(mentor, founders[1].startup, 20, 4)
    )
    winner, refusals = await race([(each, request_consultation(mentor, each.startup, 8, 4)) for each in founders])
    assert winner.state == pb.Consultation.STATE_REQUESTED
    assert len(refusals) == FOUNDERS - 1
    assert {(each.code, each.reason) for each in refusals} == {(StatusCode.ALREADY_EXISTS, "TIME_TAKEN")}
    [metadata] = {tuple(sorted(each.metadata.items())) for each in refusals}
    named = dict(metadata)
    assert (named["taken_start"], named["taken_end"]) == (text(at(8)), text(at(12)))
    assert quarters(named["next_free"]) == [16, 24, 25]
    found = stored(cluster, mentor)
    assert sorted(found.entries) == sorted(found.consultations.items())
    assert set(found.consultations) == {winner.name, pending.name, later.name}
    assert found.consultations[winner.name] == (FIRST + 8 * QUARTER, FIRST + 12 * QUARTER)
    assert [found.commands(name) for name in found.consultations] == [["RequestConsultation"]] * 3
    assert [found.facts(name) for name in found.consultations] == [["ConsultationRequested"]] * 3
    assert journal_length(cluster, "RequestConsultation") == before + 3


async def test_the_slots_that_a_refusal_names_are_those_that_are_listed(
    founders: Sequence[Founder], mentors: Api, availabilities: Api
) -> None:
    """Whoever was refused and lists the free slots finds those that the refusal has named."""
    mentor = await free_mentor(mentors, availabilities)
    _, refusals = await race([(each, request_consultation(mentor, each.startup, 40, 6)) for each in founders[:20]])
    listed = await availabilities.ListFreeSlots(
        availability_pb2.ListFreeSlotsRequest(mentor=mentor, start_time=at(40), end_time=at(60), minutes=90)
    )
    starts = [text(slot.start_time) for slot in listed.slots[:3]]
    assert {each.metadata["next_free"] for each in refusals} == {",".join(starts)}


async def test_one_of_two_hundred_overlapping_times_is_made(
    founders: Sequence[Founder], mentors: Api, availabilities: Api, cluster: Cluster
) -> None:
    """Of times that differ and share a quarter of an hour one is made. Once it is declined, one of the others is."""
    mentor = await free_mentor(mentors, availabilities)
    wishes = [
        (each, request_consultation(mentor, each.startup, 30 - number % 5, 6 + number % 3))
        for number, each in enumerate(founders)
    ]
    first, refusals = await race(wishes)
    assert {each.reason for each in refusals} == {"TIME_TAKEN"}
    assert {each.metadata["taken_start"] for each in refusals} == {text(first.start_time)}
    assert {each.metadata["taken_end"] for each in refusals} == {text(first.end_time)}
    others = [(each, wish) for each, wish in wishes if each.startup not in first.startups]
    declined = pb.DeclineConsultationRequest(name=first.name, end_reason=pb.Consultation.END_REASON_OTHER)
    token = cluster.token("mentor", [mentor])
    assert (await founders[0].consultations.DeclineConsultation(declined, token=token)).name == first.name
    second, refusals = await race(others)
    assert len(refusals) == FOUNDERS - 2
    found = stored(cluster, mentor)
    times = (second.start_time.ToDatetime(UTC), second.end_time.ToDatetime(UTC))
    assert found.entries == [(second.name, times)]
    assert found.consultations == {second.name: times}
    assert found.commands(first.name) == ["RequestConsultation", "DeclineConsultation"]
    assert found.facts(first.name) == ["ConsultationRequested", "ConsultationEnded"]
