"""Facts of spaces that startups handles: where a startup stays, once, in any order, and without being held up."""

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from grpc import StatusCode

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.spaces.v1 import facts_pb2 as facts
from libs.api.hatchery.startups.v1 import residency_pb2
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from services.startups.store import STARTUPS
from tests.spaces.requests import date_of
from tests.startups.requests import get_startup, new_startup
from tests.startups.samples import startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster
from tests.support.publisher import (
    Published,
    Publisher,
    cluster_that_parks_quickly,
    operations,
    parked_facts,
    publisher,
    until_idle,
)
from tests.support.store_fixtures import DRIVER, insert
from tests.support.waiting import eventually

ACTIVATED = facts.TenancyActivated.DESCRIPTOR.full_name
CURRENT, ENDED = residency_pb2.Residency.STATE_CURRENT, residency_pb2.Residency.STATE_ENDED


@pytest.fixture(scope="module")
def cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which facts are parked quickly."""
    made = cluster_that_parks_quickly(tmp_path_factory.mktemp("cluster"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def spaces_publisher(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of spaces."""
    async with publisher(cluster, "spaces") as made:
        yield made


@pytest.fixture(scope="module")
async def service(cluster: Cluster, spaces_publisher: Publisher, startups: Api) -> AsyncIterator[Api]:
    """The operations of a running startups."""
    async with operations(cluster, "startups") as api:
        yield api


@pytest.fixture(scope="module")
async def stored(cluster: Cluster, startups: Api) -> AsyncIterator[Database]:
    """The database of the running startups."""
    database = Database(cluster.mongo.admin_uri, cluster.database("startups"), DRIVER)
    yield database
    await database.close()


def activated(who: str, tenancy: str, start: int, end: int | None = None) -> facts.TenancyActivated:
    """A startup moved in, or its end date was set; days are counted from today."""
    space = f"spaces/{tenancy}"
    return facts.TenancyActivated(
        name=f"{space}/tenancies/{tenancy}",
        space=space,
        space_display_name=f"空间{tenancy}",
        startup=who,
        desks=1,
        start_date=date_of(start),
        end_date=date_of(end),
    )


def ended(who: str, tenancy: str, start: int, end: int) -> facts.TenancyEnded:
    """A tenancy is over."""
    return facts.TenancyEnded.FromString(activated(who, tenancy, start, end).SerializeToString())


async def residency(startups: Api, name: str) -> tuple[str, int]:
    """Return the space and the state of a startup's residency."""
    found = (await startups.GetStartup(get_startup(name))).residency
    return found.space, found.state


async def until_parked(service: Api, fact: Published) -> None:
    """Wait until a fact is parked."""

    async def is_parked() -> bool:
        return fact.parked_name in await parked_facts(service)

    await eventually(is_parked)


# --- once, twice, out of order ----------------------------------------------------------------


async def test_facts_say_where_a_startup_stays(spaces_publisher: Publisher, service: Api, startups: Api) -> None:
    """A startup that moved in has a current residency, under notice with its day, and in the end one that ended."""
    team = await new_startup(startups)
    tenancy, seen = "a1", []
    in_order: list[Message] = [
        activated(team.name, tenancy, -30),
        activated(team.name, tenancy, -30, 9),
        ended(team.name, tenancy, -30, 0),
    ]
    for sequence, fact in enumerate(in_order, 1):
        await spaces_publisher.publish(fact, sequence)
        await until_idle(service)
        found = (await startups.GetStartup(get_startup(team.name))).residency
        seen.append((found.state, found.end_date if found.HasField("end_date") else None))
        assert (found.space, found.space_display_name) == ("spaces/a1", "空间a1")
        assert found.start_date == date_of(-30)
    assert seen == [(CURRENT, None), (CURRENT, date_of(9)), (ENDED, date_of(0))]


async def test_a_repeated_fact_has_one_effect(
    spaces_publisher: Publisher, service: Api, startups: Api, stored: Database
) -> None:
    """A fact published again changes nothing, and the journal holds one entry for it."""
    team = await new_startup(startups)
    before = await stored.collection("journal").count_documents({})
    for _ in range(3):
        await spaces_publisher.publish(activated(team.name, "twice", 0), headers={"id": "feedfacefeedface.0"})
    await until_idle(service)
    assert (await startups.GetStartup(get_startup(team.name))).etag == "v2"
    assert await stored.collection("journal").count_documents({}) == before + 1


async def test_an_older_fact_changes_nothing(spaces_publisher: Publisher, service: Api, startups: Api) -> None:
    """The end of a stay is not undone by its beginning, though that arrives later."""
    team = await new_startup(startups)
    await spaces_publisher.publish(ended(team.name, "late", -30, 0), 2)
    await spaces_publisher.publish(activated(team.name, "late", -30), 1)
    await until_idle(service)
    assert await residency(startups, team.name) == ("spaces/late", ENDED)


@pytest.mark.parametrize("seed", range(6))
async def test_facts_of_several_stays_may_arrive_in_any_order(
    spaces_publisher: Publisher, service: Api, startups: Api, seed: int
) -> None:
    """Whatever the order in which the facts of several stays arrive, the residency is the last that began."""
    team = await new_startup(startups)
    in_order: list[tuple[Message, int]] = [
        (activated(team.name, "first", -90, -60), 1),
        (ended(team.name, "first", -90, -60), 2),
        (activated(team.name, "second", -60), 2),
        (ended(team.name, "second", -60, -1), 3),
        (ended(team.name, "never", 20, 20), 2),
        (activated(team.name, "third", -1), 1),
    ]
    for fact, sequence in random.Random(seed).sample(in_order, len(in_order)):
        await spaces_publisher.publish(fact, sequence)
    await until_idle(service)
    assert await residency(startups, team.name) == ("spaces/third", CURRENT)


async def test_a_tenancy_that_never_began_is_no_residency(
    spaces_publisher: Publisher, service: Api, startups: Api
) -> None:
    """The end of a tenancy on its first day, whether it was in the future or today, leaves no residency."""
    team, late = await new_startup(startups), await new_startup(startups)
    await spaces_publisher.publish(ended(team.name, "cancelled", 20, 20), 2)
    await spaces_publisher.publish(ended(late.name, "oneday", 0, 0), 2)
    await spaces_publisher.publish(activated(late.name, "oneday", 0), 1)
    await until_idle(service)
    for name in (team.name, late.name):
        assert not (await startups.GetStartup(get_startup(name))).HasField("residency")


async def test_other_facts_are_passed_over(spaces_publisher: Publisher, service: Api, startups: Api) -> None:
    """A tenancy that is agreed and has not begun changes nothing, and other facts are neither handled nor parked."""
    team, parked = await new_startup(startups), set(await parked_facts(service))
    signed = facts.TenancySigned.FromString(activated(team.name, "soon", 30).SerializeToString())
    await spaces_publisher.publish(signed)
    await spaces_publisher.publish(facts.SpaceCreated(name="spaces/soon"))
    await spaces_publisher.publish_bytes("hatchery.spaces.v1.SpaceClosed", b"\x0a\x01x")
    await until_idle(service)
    assert await startups.GetStartup(get_startup(team.name)) == team
    assert set(await parked_facts(service)) == parked


# --- facts that cannot be handled -------------------------------------------------------------

POISONS: dict[str, tuple[bytes, dict[str, str | None]]] = {
    "bytes-that-are-no-message": (b"\xff\xff\xff", {}),
    "an-empty-body": (b"", {}),
    "an-unknown-startup": (activated("startups/unknown", "x", 0).SerializeToString(), {}),
    "a-name-of-another-kind": (activated("spaces/x", "x", 0).SerializeToString(), {}),
    "a-day-that-is-none": (facts.TenancyActivated(start_date=Date(year=2026, month=2, day=30)).SerializeToString(), {}),
    "no-headers": (b"", dict.fromkeys(("id", "type", "time", "sequence", "subject"))),
    "no-sequence": (activated("startups/unknown", "x", 0).SerializeToString(), {"sequence": None}),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_a_fact_that_cannot_be_handled_is_parked_and_blocks_nothing(
    spaces_publisher: Publisher, service: Api, startups: Api, poison: tuple[bytes, dict[str, str | None]]
) -> None:
    """It is parked after its tries, and stays parked when it is replayed; the next fact is handled."""
    team, before = await new_startup(startups), set(await parked_facts(service))
    await spaces_publisher.publish_bytes(ACTIVATED, poison[0], headers=poison[1])
    await spaces_publisher.publish(activated(team.name, "behind", 0))

    async def both_are_finished() -> bool:
        found = await parked_facts(service)
        return len(found) == len(before) + 1 and await residency(startups, team.name) == ("spaces/behind", CURRENT)

    await eventually(both_are_finished)
    [fact] = [fact for name, fact in (await parked_facts(service)).items() if name not in before]
    assert fact.tries == 2
    assert await service.GetParkedFact(op.GetParkedFactRequest(name=fact.name)) == fact
    answer = await refused(service.ReplayParkedFact(op.ReplayParkedFactRequest(name=fact.name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "STILL_PARKED")


async def test_a_fact_of_a_missing_startup_is_replayed_once_it_exists(
    spaces_publisher: Publisher, service: Api, startups: Api, stored: Database
) -> None:
    """A fact of a startup that was missing takes effect, once, when it is replayed after the startup exists."""
    fact = activated("startups/found", "home", -3)
    published = await spaces_publisher.publish(fact, 4)
    await until_parked(service, published)
    assert "startups/found" in (await parked_facts(service))[published.parked_name].error
    await insert(stored, STARTUPS, [startup(name="startups/found")])
    await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name))
    assert await residency(startups, "startups/found") == ("spaces/home", CURRENT)
    assert published.parked_name not in await parked_facts(service)
    await spaces_publisher.publish(fact, 4, headers={"id": published.id})
    await until_idle(service)
    assert (await startups.GetStartup(get_startup("startups/found"))).etag == "v2"


async def test_a_late_replay_undoes_nothing(
    spaces_publisher: Publisher, service: Api, startups: Api, stored: Database
) -> None:
    """A parked fact that is replayed after newer ones took effect leaves what they say."""
    published = await spaces_publisher.publish(activated("startups/slow", "old", -9), 1)
    await until_parked(service, published)
    await insert(stored, STARTUPS, [startup(name="startups/slow")])
    await spaces_publisher.publish(ended("startups/slow", "old", -9, -2), 2)
    await spaces_publisher.publish(activated("startups/slow", "new", -2), 1)
    await until_idle(service)
    await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name))
    assert await residency(startups, "startups/slow") == ("spaces/new", CURRENT)
