"""An hour that two devices log at two replicas, of which one is killed."""

import asyncio
import threading
import time
from typing import Any

from grpc import StatusCode, aio
from pymongo import MongoClient

from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1 import consultation_pb2_grpc
from libs.cli.servers.mongo import Mongo
from tests.mentors.record.requests import log_consultation
from tests.mentors.requests import new_mentor
from tests.startups.requests import new_startup
from tests.support.calls import Api, Refused, refused
from tests.support.processes import Cluster, Replica

MANY = 50
#: A device that lost the connection cannot know whether its log was recorded, and sends it again.
LOST = {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED}
Answer = pb.Consultation | Refused


async def send(consultations: Api, request: pb.LogConsultationRequest) -> Answer | None:
    """Return the answer to a log; None if the connection was lost."""
    try:
        logged: pb.Consultation = await consultations.LogConsultation(request)
        return logged
    except aio.AioRpcError as error:
        answer = Refused(error)
        return None if answer.code in LOST else answer


async def test_an_hour_is_logged_once_across_a_crash(
    mentors: Api, consultations: Api, startups: Api, cluster: Cluster, mongo: Mongo
) -> None:
    """Fifty logs of one hour from two devices make one consultation, though one of the replicas is killed meanwhile.

    Every device learns the name of that consultation: those whose connection was lost send their log again.
    """
    mentor, startup = await new_mentor(mentors), await new_startup(startups)
    # The first log waits for the startup to arrive; another hour is logged, so that the fifty do not wait.
    await consultations.LogConsultation(log_consultation(mentor.name, [startup.name], -2))
    doomed = cluster.start("mentors", "mentors-doomed")
    ids = [f"{mentor.name[8:]}.{number}" for number in range(MANY)]
    requests = [log_consultation(mentor.name, [startup.name], request_id=each) for each in ids]
    with MongoClient[dict[str, Any]](mongo.admin_uri) as client:
        first = await _send_and_kill(consultations, doomed, cluster, requests, client)
        doomed.child.stop()
        answers = [answer or await send(consultations, each) for each, answer in zip(requests, first, strict=True)]
        database = client[cluster.database("mentors")]
        found = database["consultations"].find({"mentor": mentor.name}).sort("start_time", -1)
        stored = [each["_id"] for each in found]
        pages = database["calendars"].find({"resource": mentor.name})
        assert sorted(entry["holder"] for page in pages for entry in page["entries"]) == sorted(stored)
    assert len(stored) == 2
    assert len(answers) == MANY
    assert {name_in(answer) for answer in answers} == {stored[0]}
    again = await refused(consultations.LogConsultation(log_consultation(mentor.name, [startup.name])))
    assert again.metadata["consultation"] == stored[0]


async def _send_and_kill(
    consultations: Api,
    doomed: Replica,
    cluster: Cluster,
    requests: list[pb.LogConsultationRequest],
    client: MongoClient[dict[str, Any]],
) -> list[Answer | None]:
    """Send half of the requests to each replica at once, and kill one as soon as a transaction has begun."""

    def begun() -> int:
        status = client.admin.command("serverStatus", repl=0, metrics=0, wiredTiger=0)
        return int(status["transactions"]["totalStarted"])

    def kill_in_time() -> None:
        before, until = begun(), time.monotonic() + 10
        ready.set()
        while begun() == before:
            assert time.monotonic() < until, "no transaction has begun"
        doomed.child.kill()

    async with aio.insecure_channel(doomed.address) as channel:
        other = Api(channel, consultation_pb2_grpc, "ConsultationService", cluster.token())
        await channel.channel_ready()
        ready = threading.Event()
        killing = asyncio.ensure_future(asyncio.to_thread(kill_in_time))
        await asyncio.to_thread(ready.wait)
        replicas = (other, consultations)
        answers = await asyncio.gather(*(send(replicas[n % 2], request) for n, request in enumerate(requests)))
        await killing
        return list(answers)


def name_in(answer: Answer | None) -> str:
    """Return the consultation that an answer names."""
    assert answer is not None
    if isinstance(answer, pb.Consultation):
        return answer.name
    assert answer.reason == "ALREADY_LOGGED"
    return answer.metadata["consultation"]
