"""Facts of mentors that startups handles: a startup's mentors, once, in any order, and without being held up."""

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from grpc import StatusCode

from libs.api.hatchery.mentors.v1 import facts_pb2 as facts
from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from tests.spaces.requests import date_of
from tests.startups.requests import get_startup, new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster
from tests.support.publisher import (
    Publisher,
    cluster_that_parks_quickly,
    operations,
    parked_facts,
    publisher,
    until_idle,
)
from tests.support.store_fixtures import DRIVER
from tests.support.waiting import eventually

CONFIRMED = facts.ConsultationConfirmed.DESCRIPTOR.full_name
#: What a startup shows of a mentor: name, display name, sessions, minutes and the last day.
Shown = tuple[str, str, int, int, Date]


@pytest.fixture(scope="module")
def cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which facts are parked quickly."""
    made = cluster_that_parks_quickly(tmp_path_factory.mktemp("cluster"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def of_mentors(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of mentors."""
    async with publisher(cluster, "mentors") as made:
        yield made


@pytest.fixture(scope="module")
async def service(cluster: Cluster, of_mentors: Publisher, startups: Api) -> AsyncIterator[Api]:
    """The operations of a running startups."""
    async with operations(cluster, "startups") as api:
        yield api


@pytest.fixture(scope="module")
async def stored(cluster: Cluster, startups: Api) -> AsyncIterator[Database]:
    """The database of the running startups."""
    database = Database(cluster.mongo.admin_uri, cluster.database("startups"), DRIVER)
    yield database
    await database.close()


def confirmed(
    startup: str, sequence: int, sessions: int = 1, last: int | None = 0, mentor: str = "m1"
) -> facts.ConsultationConfirmed:
    """A startup has confirmed a consultation; the last one was so many days after today."""
    return facts.ConsultationConfirmed(
        name=f"consultations/c{sequence}",
        mentor=f"mentors/{mentor}",
        mentor_display_name=f"林江{mentor}",
        startup=startup,
        relation_sessions=sessions,
        relation_minutes=45 * sessions,
        relation_last_date=date_of(last),
        relation_sequence=sequence,
    )


def rejected(startup: str, sequence: int, sessions: int, last: int | None = None) -> facts.ConsultationRejected:
    """The startup's dispute of a consultation that it had confirmed was upheld."""
    body = confirmed(startup, sequence, sessions, last).SerializeToString()
    return facts.ConsultationRejected.FromString(body)


async def shown(startups: Api, name: str) -> list[Shown]:
    """Return the mentors that a startup shows, after checking its last day."""
    found = await startups.GetStartup(get_startup(name))
    if found.mentors:
        assert found.last_confirmed_consultation_date == found.mentors[0].last_date
    else:
        assert not found.HasField("last_confirmed_consultation_date")
    return [
        (each.mentor, each.mentor_display_name, each.sessions, each.minutes, each.last_date) for each in found.mentors
    ]


# --- once, twice, out of order ----------------------------------------------------------------


async def test_a_startup_shows_its_mentors(of_mentors: Publisher, service: Api, startups: Api) -> None:
    """Confirmed consultations show with the mentor and their sum; the mentor of the last one comes first."""
    team = await new_startup(startups)
    assert await shown(startups, team.name) == []
    await of_mentors.publish(confirmed(team.name, 1, 1, -9))
    await of_mentors.publish(confirmed(team.name, 1, 1, -3, mentor="m2"))
    await of_mentors.publish(confirmed(team.name, 2, 2, -1))
    await until_idle(service)
    assert await shown(startups, team.name) == [
        ("mentors/m1", "林江m1", 2, 90, date_of(-1)),
        ("mentors/m2", "林江m2", 1, 45, date_of(-3)),
    ]


async def test_a_repeated_fact_has_one_effect(
    of_mentors: Publisher, service: Api, startups: Api, stored: Database
) -> None:
    """A fact published again changes nothing, and the journal holds one entry for it."""
    team = await new_startup(startups)
    before = await stored.collection("journal").count_documents({})
    for _ in range(3):
        await of_mentors.publish(confirmed(team.name, 1), headers={"id": "feedfacefeedface.0"})
    await until_idle(service)
    assert (await startups.GetStartup(get_startup(team.name))).etag == "v2"
    assert await stored.collection("journal").count_documents({}) == before + 1


@pytest.mark.parametrize("seed", range(4))
async def test_facts_may_arrive_in_any_order_and_three_times(
    of_mentors: Publisher, service: Api, startups: Api, seed: int
) -> None:
    """The relation with the highest sequence is shown; one whose sessions were rejected is not."""
    team = await new_startup(startups)
    in_order: list[Message] = [
        confirmed(team.name, 1, 1, -30),
        confirmed(team.name, 2, 2, -20),
        rejected(team.name, 3, 1, -30),
        confirmed(team.name, 4, 2, -2),
        confirmed(team.name, 1, 1, -1, mentor="m2"),
        facts.ConsultationRejected(
            name="consultations/x",
            mentor="mentors/m2",
            mentor_display_name="林江m2",
            startup=team.name,
            relation_sequence=2,
        ),
    ]
    for fact in random.Random(seed).sample(in_order * 3, 3 * len(in_order)):
        await of_mentors.publish(fact)
    await until_idle(service)
    assert await shown(startups, team.name) == [("mentors/m1", "林江m1", 2, 90, date_of(-2))]


async def test_a_dispute_takes_a_confirmation_back(of_mentors: Publisher, service: Api, startups: Api) -> None:
    """While a confirmed consultation is disputed it is not shown; a dispute before any confirmation changes nothing."""
    team, other = await new_startup(startups), await new_startup(startups)
    disputed = confirmed(team.name, 2, 0, None).SerializeToString()
    await of_mentors.publish(confirmed(team.name, 1))
    await of_mentors.publish(facts.ConsultationDisputed.FromString(disputed))
    first = confirmed(other.name, 0, 0, None).SerializeToString()
    await of_mentors.publish(facts.ConsultationDisputed.FromString(first))
    await until_idle(service)
    assert await shown(startups, team.name) == []
    assert await startups.GetStartup(get_startup(other.name)) == other


async def test_other_facts_are_passed_over(of_mentors: Publisher, service: Api, startups: Api) -> None:
    """A consultation that is only logged changes nothing, and other facts are neither handled nor parked."""
    team, parked = await new_startup(startups), set(await parked_facts(service))
    await of_mentors.publish(facts.ConsultationLogged(name="consultations/c1", startups=[team.name]))
    await of_mentors.publish(facts.MentorNominated(name="mentors/m1"))
    await until_idle(service)
    assert await startups.GetStartup(get_startup(team.name)) == team
    assert set(await parked_facts(service)) == parked


# --- forgotten mentors ------------------------------------------------------------------------


async def test_the_name_of_a_forgotten_mentor_disappears(
    of_mentors: Publisher, service: Api, startups: Api, stored: Database
) -> None:
    """It goes from every startup, also from one whose fact arrives later; the sessions stay."""
    teams = [await new_startup(startups) for _ in range(3)]
    for team in teams[:2]:
        await of_mentors.publish(confirmed(team.name, 1, mentor="gone"))
    await until_idle(service)
    for _ in range(2):
        await of_mentors.publish(facts.MentorForgotten(name="mentors/gone"))
    await until_idle(service)
    await of_mentors.publish(confirmed(teams[2].name, 1, mentor="gone"))
    await until_idle(service)
    for team in teams:
        assert await shown(startups, team.name) == [("mentors/gone", "", 1, 45, date_of(0))]
    async for document in stored.collection("startups").find({}):
        assert "林江gone" not in str(document)


# --- facts that cannot be handled -------------------------------------------------------------

POISONS: dict[str, bytes] = {
    "bytes-that-are-no-message": b"\xff\xff\xff",
    "an-empty-body": b"",
    "an-unknown-startup": confirmed("startups/unknown", 1).SerializeToString(),
    "a-name-of-another-kind": confirmed("spaces/x", 1).SerializeToString(),
    "a-day-that-is-none": facts.ConsultationConfirmed(
        mentor="mentors/m1", startup="startups/x", relation_last_date=Date(year=2026, month=2, day=30)
    ).SerializeToString(),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_a_fact_that_cannot_be_handled_is_parked_and_blocks_nothing(
    of_mentors: Publisher, service: Api, startups: Api, poison: bytes
) -> None:
    """It is parked after its tries, and stays parked when it is replayed; the next fact is handled."""
    team = await new_startup(startups)
    published = await of_mentors.publish_bytes(CONFIRMED, poison)
    await of_mentors.publish(confirmed(team.name, 1))

    async def both_are_finished() -> bool:
        return published.parked_name in await parked_facts(service) and bool(await shown(startups, team.name))

    await eventually(both_are_finished)
    answer = await refused(service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "STILL_PARKED")
