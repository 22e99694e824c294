"""Facts of startups and spaces that mentors handles: once, in any order, and without being held up."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, time
from typing import Any

import pytest
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from grpc import StatusCode

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.api.hatchery.startups.v1 import startup_pb2
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from tests.mentors.requests import date_of, day
from tests.mentors.samples import FENGMAN, HIGH_TECH, LONGTAN
from tests.support.calls import Api, refused
from tests.support.processes import Cluster, Replica
from tests.support.publisher import (
    Published,
    Publisher,
    cluster_that_parks_quickly,
    operations,
    parked_facts,
    publisher,
    until_idle,
)
from tests.support.store_fixtures import DRIVER
from tests.support.waiting import eventually

CODE = "91220202MA0Y1X2KX3"


@pytest.fixture(scope="module")
def cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which facts are parked quickly."""
    made = cluster_that_parks_quickly(tmp_path_factory.mktemp("cluster"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def of_startups(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of startups."""
    async with publisher(cluster, "startups") as made:
        yield made


@pytest.fixture(scope="module")
async def of_spaces(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of spaces."""
    async with publisher(cluster, "spaces") as made:
        yield made


@pytest.fixture(scope="module")
async def service(
    cluster: Cluster, of_startups: Publisher, of_spaces: Publisher, mentors_replica: Replica
) -> AsyncIterator[Api]:
    """The operations of a running mentors."""
    async with operations(cluster, "mentors") as api:
        yield api


@pytest.fixture(scope="module")
async def stored(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Database]:
    """The database of the running mentors."""
    database = Database(cluster.mongo.admin_uri, cluster.database("mentors"), DRIVER)
    yield database
    await database.close()


def registered(name: str, **fields: Any) -> startups.StartupRegistered:
    """A startup was registered."""
    values = {
        "display_name": "松江碳材",
        "stage": startup_pb2.Startup.STAGE_FIRM,
        "credit_code": CODE,
        "district": LONGTAN,
        "technology_field": "new-materials",
        "industry_chain": "aviation",
        "founded_date": date_of(-900),
    }
    return startups.StartupRegistered(name=name, **{**values, **fields})


def activated(who: str, tenancy: str, start: int, end: int | None = None) -> spaces.TenancyActivated:
    """A startup moved in, or its end date was set; days are counted from today."""
    space = f"spaces/{tenancy}"
    return spaces.TenancyActivated(
        name=f"{space}/tenancies/{tenancy}", space=space, startup=who, start_date=date_of(start), end_date=date_of(end)
    )


def signed(who: str, tenancy: str, start: int, end: int | None = None) -> spaces.TenancySigned:
    """A tenancy was agreed."""
    return spaces.TenancySigned.FromString(activated(who, tenancy, start, end).SerializeToString())


def ended(who: str, tenancy: str, start: int, end: int) -> spaces.TenancyEnded:
    """A tenancy is over."""
    return spaces.TenancyEnded.FromString(activated(who, tenancy, start, end).SerializeToString())


async def known(stored: Database, collection: str, name: str) -> Document:
    """Return a projection as it is stored, without what the commit sets; empty when there is none."""
    found = await stored.collection(collection).find_one({"_id": name}) or {}
    return {field: value for field, value in found.items() if field not in {"_id", "create_time", "update_time"}}


async def stays(stored: Database, startup: str) -> list[tuple[str, datetime, datetime | None]]:
    """Return the stays of a startup that have days: the space, the first day and the day of moving out."""
    found = (await known(stored, "residences", startup)).get("stays", [])
    each = [(stay["space"], stay["start_date"], stay["end_date"]) for stay in found]
    return [stay for stay in each if stay[1] != stay[2]]


async def until_parked(service: Api, fact: Published) -> None:
    """Wait until a fact is parked."""

    async def is_parked() -> bool:
        return fact.parked_name in await parked_facts(service)

    await eventually(is_parked)


# --- startups and spaces ----------------------------------------------------------------------


async def test_a_startup_is_known_as_it_was_registered(of_startups: Publisher, service: Api, stored: Database) -> None:
    """The projection holds everything that matching and conflicts of interest need."""
    await of_startups.publish(registered("startups/known"), 3)
    await until_idle(service)
    assert await known(stored, "startups", "startups/known") == {
        "version": 1,
        "display_name": "松江碳材",
        "stage": "FIRM",
        "credit_code": CODE,
        "district": LONGTAN,
        "technology_field": "new-materials",
        "industry_chain": "aviation",
        "founded_date": datetime.combine(day(-900), time(), UTC),
        "sequence": 3,
    }


async def test_a_correction_removes_a_credit_code(of_startups: Publisher, service: Api, stored: Database) -> None:
    """A firm whose code was removed is a team without one, also if the older facts arrive later."""
    team = registered("startups/corrected", stage=startup_pb2.Startup.STAGE_TEAM, credit_code="")
    corrected = startups.StartupCreditCodeCorrected.FromString(team.SerializeToString())
    updated = startups.StartupUpdated.FromString(registered("startups/corrected").SerializeToString())
    for fact, sequence in ((corrected, 3), (registered("startups/corrected"), 1), (updated, 2)):
        await of_startups.publish(fact, sequence)
    await until_idle(service)
    found = await known(stored, "startups", "startups/corrected")
    assert (found["stage"], found["credit_code"], found["sequence"], found["version"]) == ("TEAM", None, 3, 1)


async def test_a_space_is_known_as_it_is_now(of_spaces: Publisher, service: Api, stored: Database) -> None:
    """The newest description counts, whatever the order of the facts."""
    for sequence in (2, 1, 3):
        kind = space_pb2.Space.KIND_INCUBATOR
        fact = spaces.SpaceUpdated(
            name="spaces/known", display_name=f"名{sequence}", kind=kind, district=FENGMAN, zone=HIGH_TECH
        )
        await of_spaces.publish(fact, sequence)
    await until_idle(service)
    assert await known(stored, "spaces", "spaces/known") == {
        "version": 2,
        "display_name": "名3",
        "kind": "INCUBATOR",
        "district": FENGMAN,
        "zone": HIGH_TECH,
        "sequence": 3,
    }


async def test_a_repeated_fact_has_one_effect(
    of_startups: Publisher, of_spaces: Publisher, service: Api, stored: Database
) -> None:
    """Facts published again change nothing, and the journal holds one entry for each."""
    before = await stored.collection("journal").count_documents({})
    for _ in range(3):
        await of_startups.publish(registered("startups/twice"), headers={"id": "feedfacefeedface.0"})
        await of_spaces.publish(
            spaces.SpaceCreated(name="spaces/twice", display_name="孵化器"), headers={"id": "feedfacefeedface.0"}
        )
        await of_spaces.publish(activated("startups/twice", "twice", 0), headers={"id": "feedfacefeedface.1"})
    await until_idle(service)
    for collection, name in (
        ("startups", "startups/twice"),
        ("residences", "startups/twice"),
        ("spaces", "spaces/twice"),
    ):
        assert (await known(stored, collection, name))["version"] == 1
    assert await stored.collection("journal").count_documents({}) == before + 3


# --- tenancies --------------------------------------------------------------------------------


async def test_a_stay_is_known_before_its_startup(
    of_startups: Publisher, of_spaces: Publisher, service: Api, stored: Database
) -> None:
    """The facts of a tenancy may arrive before those of its startup; neither waits for the other."""
    await of_spaces.publish(activated("startups/early", "early", -3), 1)
    await until_idle(service)
    assert await known(stored, "startups", "startups/early") == {}
    assert [space for space, *_ in await stays(stored, "startups/early")] == ["spaces/early"]
    await of_startups.publish(registered("startups/early"))
    await until_idle(service)
    assert (await known(stored, "startups", "startups/early"))["display_name"] == "松江碳材"
    assert [space for space, *_ in await stays(stored, "startups/early")] == ["spaces/early"]


@pytest.mark.parametrize("seed", range(4))
async def test_facts_of_tenancies_may_arrive_in_any_order(
    of_spaces: Publisher, service: Api, stored: Database, seed: int
) -> None:
    """Whatever the order and however often, the stays are those of the newest facts; a cancelled one leaves none."""
    who = f"startups/order{seed}"
    in_order: list[tuple[Message, int]] = [
        (signed(who, "first", -90), 1),
        (activated(who, "first", -90, -60), 2),
        (ended(who, "first", -90, -60), 3),
        (activated(who, "second", -60), 1),
        (signed(who, "never", 20), 1),
        (ended(who, "never", 20, 20), 2),
    ]
    chance = random.Random(seed)
    for fact, sequence in [*chance.sample(in_order, len(in_order)), *chance.sample(in_order, 3)]:
        await of_spaces.publish(fact, sequence)
    await until_idle(service)
    found = await stays(stored, who)
    assert [(space, start.date(), end and end.date()) for space, start, end in found] == [
        ("spaces/second", day(-60), None),
        ("spaces/first", day(-90), day(-60)),
    ]


# --- facts that cannot be handled -------------------------------------------------------------

REGISTERED, ACTIVATED = (kind.DESCRIPTOR.full_name for kind in (startups.StartupRegistered, spaces.TenancyActivated))
POISONS: dict[str, tuple[str, bytes, dict[str, str | None]]] = {
    "bytes-that-are-no-message": (REGISTERED, b"\xff\xff\xff", {}),
    "an-empty-body": (REGISTERED, b"", {}),
    "a-name-that-is-none": (REGISTERED, registered("startups/../etc").SerializeToString(), {}),
    "no-sequence": (REGISTERED, registered("startups/x").SerializeToString(), {"sequence": None}),
    "a-tenancy-of-nobody": (ACTIVATED, activated("", "x", 0).SerializeToString(), {}),
    "a-tenancy-without-a-day": (
        ACTIVATED,
        spaces.TenancyActivated(
            name="spaces/x/tenancies/x", space="spaces/x", startup="startups/x"
        ).SerializeToString(),
        {},
    ),
    "a-day-that-is-none": (
        ACTIVATED,
        spaces.TenancyActivated(
            name="spaces/x/tenancies/x",
            space="spaces/x",
            startup="startups/x",
            start_date=Date(year=2026, month=2, day=30),
        ).SerializeToString(),
        {},
    ),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_a_fact_that_cannot_be_handled_is_parked_and_blocks_nothing(
    of_startups: Publisher,
    of_spaces: Publisher,
    service: Api,
    stored: Database,
    poison: tuple[str, bytes, dict[str, str | None]],
) -> None:
    """It is parked after its tries, and stays parked when it is replayed; the next facts are handled."""
    subject, body, headers = poison
    source = of_startups if subject == REGISTERED else of_spaces
    published = await source.publish_bytes(subject, body, headers=headers)
    behind = f"startups/behind{published.id[:8]}"
    await of_startups.publish(registered(behind))
    await of_spaces.publish(activated(behind, "behind", 0))
    await until_parked(service, published)
    await until_idle(service)
    assert (await known(stored, "startups", behind))["sequence"] == 1
    assert [space for space, *_ in await stays(stored, behind)] == ["spaces/behind"]
    answer = await refused(service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "STILL_PARKED")


async def test_a_late_replay_undoes_nothing(of_startups: Publisher, service: Api, stored: Database) -> None:
    """A parked fact that is repaired and replayed after newer ones took effect leaves what they say."""
    published = await of_startups.publish_bytes(REGISTERED, b"\xff", sequence=1)
    await until_parked(service, published)
    await of_startups.publish(registered("startups/slow", display_name="新名"), 2)
    await until_idle(service)
    repaired = registered("startups/slow", display_name="旧名").SerializeToString()
    await stored.collection("parked").update_one({"headers.ce-id": published.id}, {"$set": {"body": repaired}})
    await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name))
    assert (await known(stored, "startups", "startups/slow"))["display_name"] == "新名"
    assert published.parked_name not in await parked_facts(service)
