"""One hour that a mentor logs fifty times at once, from two devices at two replicas, of which one is killed."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from grpc import StatusCode, aio
from pymongo import MongoClient

from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from tests.mentors.races.replicas import callers, stored
from tests.mentors.record.requests import log_consultation
from tests.mentors.requests import new_mentor
from tests.startups.requests import new_startup
from tests.support.calls import Api, Refused, refused
from tests.support.processes import Cluster, Replica
from tests.support.publisher import operations, until_idle

MANY = 50
#: A device that lost the connection cannot know whether its log was recorded, and sends it again.
LOST = {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED}
#: How many transactions begin before the kill: the first is in progress, or the other replica's as well.
MOMENTS = (1, 2, 1, 2)


class Device:
    """A phone or tablet with a token of its own, which knows both replicas."""

    def __init__(self, replicas: Sequence[Api]) -> None:
        self._replicas = replicas
        self.lost = 0

    async def log(self, request: pb.LogConsultationRequest, first: int) -> str:
        """Send a log until it is answered, to one replica and then to the other. Return the consultation named."""
        for number in itertools.count(first):
            try:
                made = await self._replicas[number % 2].LogConsultation(request, timeout=30)
                return str(made.name)
            except aio.AioRpcError as error:
                answer = Refused(error)
            if answer.code not in LOST:
                assert answer.reason == "ALREADY_LOGGED"
                return answer.metadata["consultation"]
            self.lost += 1
        raise AssertionError("unreachable")


@pytest.fixture(scope="module")
async def mentor_and_startup(mentors: Api, startups: Api, cluster: Cluster) -> tuple[str, str]:
    """An appointed mentor, and a startup that mentors knows."""
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    async with operations(cluster, "mentors") as service:
        await until_idle(service)
    return mentor.name, startup.name


@pytest.fixture(scope="module")
def doomed(cluster: Cluster, mentors_replica: Replica) -> Replica:
    """Another replica, which is killed."""
    return cluster.start("mentors", "mentors-doomed")


@pytest.fixture(scope="module")
async def devices(
    cluster: Cluster, mentors_replica: Replica, doomed: Replica, mentor_and_startup: tuple[str, str]
) -> AsyncIterator[tuple[Device, Device]]:
    """Two devices of the mentor: each has a token of its own, of the same person."""
    tokens = [
        cluster.issuer.token("the mentor", "mentor", [mentor_and_startup[0]], timedelta(hours=hours))
        for hours in (1, 2)
    ]
    async with (
        callers([doomed, mentors_replica], [tokens[0]] * 2) as one,
        callers([doomed, mentors_replica], [tokens[1]] * 2) as other,
    ):
        yield Device(one), Device(other)


async def test_an_hour_logged_fifty_times_is_one_consultation(
    devices: tuple[Device, Device],
    doomed: Replica,
    cluster: Cluster,
    consultations: Api,
    mentor_and_startup: tuple[str, str],
) -> None:
    """Whenever a replica is killed, fifty logs of one hour make one consultation, and each device learns its name.

    Some logs are sent by both devices under one request id, the others under one of their own.
    """
    mentor, startup = mentor_and_startup
    names = []
    for number, transactions in enumerate(MOMENTS):
        if not doomed.child.running:
            doomed.start()
        answers = await log_and_kill(devices, doomed, cluster, requests(mentor, startup, number), transactions)
        assert len(answers) == MANY
        [name] = set(answers)
        names.append(name)
        found = stored(cluster, mentor)
        assert sorted(found.entries) == sorted(found.consultations.items())
        assert sorted(found.consultations) == sorted(names)
        assert found.commands(name) == ["LogConsultation"]
        assert found.facts(name) == ["ConsultationLogged"]
        again = await refused(consultations.LogConsultation(log_consultation(mentor, [startup], -1 - number)))
        assert again.metadata["consultation"] == name
    assert sum(device.lost for device in devices)


def requests(mentor: str, startup: str, number: int) -> list[pb.LogConsultationRequest]:
    """Return fifty logs of an hour, another one for each number, of which every fifth pair has the same request id."""
    ids = [f"{mentor[8:]}.{number}.{log // 2 if log % 10 < 2 else f'{log}x'}" for log in range(MANY)]
    assert sorted(Counter(ids).values()) == [1] * 40 + [2] * 5
    return [log_consultation(mentor, [startup], -1 - number, request_id=each) for each in ids]


async def log_and_kill(
    devices: Sequence[Device],
    doomed: Replica,
    cluster: Cluster,
    logs: Sequence[pb.LogConsultationRequest],
    transactions: int,
) -> list[str]:
    """Send all logs at once, from both devices and to both replicas, and kill one once so many transactions began."""
    ready, answered = threading.Event(), threading.Event()

    def kill_in_time() -> None:
        with MongoClient[dict[str, Any]](cluster.mongo.admin_uri) as client:
            before = begun(client)
            ready.set()
            while begun(client) < before + transactions and not answered.is_set():
                pass
        doomed.child.kill()

    killing = asyncio.ensure_future(asyncio.to_thread(kill_in_time))
    await asyncio.to_thread(ready.wait)
    # Log 0 and 1 of each four go to the replica that is killed, from one device each; 2 and 3 to the other.
    calls = (devices[number % 2].log(log, number // 2) for number, log in enumerate(logs))
    answers = await asyncio.gather(*calls)
    answered.set()
    await killing
    return list(answers)


def begun(client: MongoClient[dict[str, Any]]) -> int:
    """Return how many transactions the server has begun."""
    status = client.admin.command("serverStatus", repl=0, metrics=0, wiredTiger=0)
    return int(status["transactions"]["totalStarted"])
