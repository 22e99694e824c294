"""Facts of startups that spaces handles: once, in any order, and without being held up by what cannot be handled."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from grpc import StatusCode

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.startups.v1 import facts_pb2 as facts
from libs.cli.servers.mongo import Mongo
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from tests.spaces.requests import new_space, register_tenant
from tests.support.calls import Api, refused
from tests.support.processes import Cluster
from tests.support.publisher import (
    Headers,
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

_numbers = itertools.count(1)
REGISTERED = facts.StartupRegistered.DESCRIPTOR.full_name


@pytest.fixture(scope="module")
def cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which facts are parked quickly."""
    made = cluster_that_parks_quickly(tmp_path_factory.mktemp("cluster"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def startups_publisher(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of startups."""
    async with publisher(cluster, "startups") as made:
        yield made


@pytest.fixture(scope="module")
async def service(cluster: Cluster, startups_publisher: Publisher, spaces: Api) -> AsyncIterator[Api]:
    """The operations of a running spaces."""
    async with operations(cluster, "spaces") as api:
        yield api


@pytest.fixture(scope="module")
async def stored(cluster: Cluster, spaces: Api) -> AsyncIterator[Database]:
    """The database of the running spaces."""
    database = Database(cluster.mongo.admin_uri, cluster.database("spaces"), DRIVER)
    yield database
    await database.close()


def registered(startup: str, display_name: str = "松江碳材") -> facts.StartupRegistered:
    """A startup was registered."""
    return facts.StartupRegistered(name=startup, display_name=display_name)


def renamed(startup: str, display_name: str) -> facts.StartupUpdated:
    """A startup was renamed."""
    return facts.StartupUpdated(name=startup, display_name=display_name)


async def projection(stored: Database, startup: str) -> Document:
    """Return what spaces knows of a startup; empty when it knows nothing."""
    return await stored.collection("occupants").find_one({"_id": startup}) or {}


async def until_parked(service: Api, fact: Published) -> None:
    """Wait until a fact is parked."""

    async def is_parked() -> bool:
        return fact.parked_name in await parked_facts(service)

    await eventually(is_parked)


# --- once, twice, out of order ----------------------------------------------------------------


async def test_a_fact_makes_a_projection(
    startups_publisher: Publisher, service: Api, spaces: Api, tenancies: Api
) -> None:
    """A startup whose registration was published can be a tenant, under the published name."""
    await startups_publisher.publish(registered("startups/known", "松江碳材"))
    space = await new_space(spaces)
    tenancy = await tenancies.RegisterTenant(register_tenant(space.name, "startups/known"))
    assert tenancy.startup_display_name == "松江碳材"


async def test_a_repeated_fact_has_one_effect(startups_publisher: Publisher, service: Api, stored: Database) -> None:
    """A fact published again changes nothing, and the journal holds one entry for it."""
    before = await stored.collection("journal").count_documents({})
    for _ in range(3):
        await startups_publisher.publish(registered("startups/twice"), headers={"id": "feedfacefeedface.0"})
    await until_idle(service)
    assert (await projection(stored, "startups/twice"))["version"] == 1
    assert await stored.collection("journal").count_documents({}) == before + 1


async def test_an_older_fact_changes_nothing(startups_publisher: Publisher, service: Api, stored: Database) -> None:
    """Facts that arrive out of order leave the projection as the newest of them says."""
    for sequence in (3, 1, 4, 2):
        await startups_publisher.publish(renamed("startups/late", f"名{sequence}"), sequence=sequence)
    await until_idle(service)
    late = await projection(stored, "startups/late")
    assert (late["display_name"], late["sequence"]) == ("名4", 4)


async def test_many_facts_take_effect_in_order(startups_publisher: Publisher, service: Api, stored: Database) -> None:
    """Hundreds of facts about one startup take effect one after another."""
    await startups_publisher.publish(registered("startups/busy", "名1"))
    for sequence in range(2, 301):
        await startups_publisher.publish(renamed("startups/busy", f"名{sequence}"), sequence=sequence)
    await until_idle(service)
    busy = await projection(stored, "startups/busy")
    assert (busy["display_name"], busy["version"]) == ("名300", 300)


async def test_a_tenancy_keeps_the_name_of_its_registration(
    startups_publisher: Publisher, service: Api, spaces: Api, tenancies: Api
) -> None:
    """A tenancy has the name that its startup had when it was registered; later tenancies have the new one."""
    await startups_publisher.publish(registered("startups/renamed", "旧名"))
    space = await new_space(spaces)
    first = await tenancies.RegisterTenant(register_tenant(space.name, "startups/renamed", 0, 5))
    await startups_publisher.publish(renamed("startups/renamed", "新名"), sequence=2)
    await until_idle(service)
    second = await tenancies.RegisterTenant(register_tenant(space.name, "startups/renamed", 5, 9))
    assert (first.startup_display_name, second.startup_display_name) == ("旧名", "新名")


async def test_other_facts_are_passed_over(startups_publisher: Publisher, service: Api, stored: Database) -> None:
    """A fact that spaces does not subscribe to, known or of a newer startups, is neither handled nor parked."""
    parked = set(await parked_facts(service))
    await startups_publisher.publish(facts.StartupCreditCodeCorrected(name="startups/corrected"))
    await startups_publisher.publish_bytes("hatchery.startups.v1.StartupDissolved", b"\x0a\x01x")
    await startups_publisher.publish_bytes("hatchery.startups.v2.StartupRegistered", b"\x0a\x01x")
    await startups_publisher.publish(registered("startups/behind"))
    await until_idle(service)
    assert await projection(stored, "startups/behind")
    assert set(await parked_facts(service)) == parked


async def test_a_field_of_a_newer_version_is_ignored(
    startups_publisher: Publisher, service: Api, stored: Database
) -> None:
    """A fact with a field that this version does not know is handled by the fields that it knows."""
    body = registered("startups/newer").SerializeToString() + b"\xfa\x3e\x05later"  # field 1007
    await startups_publisher.publish_bytes(REGISTERED, body)
    await until_idle(service)
    assert (await projection(stored, "startups/newer"))["display_name"] == "松江碳材"


@pytest.mark.parametrize("header", [{"time": "2026-11-24T04:00:00"}, {"id": "so/../odd id"}, {"subject": None}])
async def test_an_odd_header_does_not_spoil_a_fact(
    startups_publisher: Publisher, service: Api, stored: Database, header: Headers
) -> None:
    """A fact whose contents are sound takes effect though its time has no zone, its id is odd or it has no subject."""
    parked, name = set(await parked_facts(service)), f"startups/odd{next(_numbers)}"
    await startups_publisher.publish(registered(name), headers=header)
    await until_idle(service)
    assert await projection(stored, name)
    assert set(await parked_facts(service)) == parked


# --- facts that cannot be handled -------------------------------------------------------------


@dataclass(frozen=True)
class Poison:
    """A fact that cannot be handled."""

    body: bytes = registered("startups/poisoned").SerializeToString()
    headers: dict[str, str | None] = field(default_factory=dict)


EVERY_HEADER = ("id", "type", "time", "sequence", "subject")
POISONS = {
    "bytes-that-are-no-message": Poison(b"\xff\xff\xff"),
    "text-that-is-no-text": Poison(b"\x0a\x02\xff\xfe"),
    "an-empty-body": Poison(b""),
    "a-name-that-is-none": Poison(registered("startups/../etc").SerializeToString()),
    "a-name-of-another-kind": Poison(registered("spaces/poisoned").SerializeToString()),
    "no-headers": Poison(headers=dict.fromkeys(EVERY_HEADER)),
    "no-id": Poison(headers={"id": None}),
    "no-type": Poison(headers={"type": None}),
    "no-sequence": Poison(headers={"sequence": None}),
    "no-time": Poison(headers={"time": None}),
    "an-unknown-type": Poison(headers={"type": "hatchery.startups.v1.StartupDissolved"}),
    "a-sequence-in-words": Poison(headers={"sequence": "many"}),
    "an-endless-sequence": Poison(headers={"sequence": "9" * 30}),
    "a-time-in-words": Poison(headers={"time": "yesterday"}),
    "no-message-and-an-id-that-is-no-name": Poison(b"\xff\xff\xff", headers={"id": "so/../odd id"}),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_a_fact_that_cannot_be_handled_is_parked_and_blocks_nothing(
    startups_publisher: Publisher, service: Api, stored: Database, poison: Poison
) -> None:
    """It is parked after its tries, without effect, and stays parked when it is replayed; the next one is handled."""
    before = set(await parked_facts(service))
    await startups_publisher.publish_bytes(REGISTERED, poison.body, headers=poison.headers)
    behind = f"startups/behind{next(_numbers)}"
    await startups_publisher.publish(registered(behind))

    async def both_are_finished() -> bool:
        return bool(await projection(stored, behind)) and len(await parked_facts(service)) == len(before) + 1

    await eventually(both_are_finished)
    [(name, fact)] = ((name, fact) for name, fact in (await parked_facts(service)).items() if name not in before)
    assert fact.tries == 2
    assert fact.error
    assert await service.GetParkedFact(op.GetParkedFactRequest(name=name)) == fact
    assert await projection(stored, "startups/poisoned") == {}
    answer = await refused(service.ReplayParkedFact(op.ReplayParkedFactRequest(name=name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "STILL_PARKED")
    assert await service.GetParkedFact(op.GetParkedFactRequest(name=name)) == fact


async def test_a_parked_fact_shows_what_it_is(startups_publisher: Publisher, service: Api) -> None:
    """A parked fact shows its type, entity, version and contents, so that an engineer can judge it."""
    published = await startups_publisher.publish(
        registered("startups/../etc", "江"), sequence=7, headers={"subject": "startups/../etc"}
    )
    await until_parked(service, published)
    fact = await service.GetParkedFact(op.GetParkedFactRequest(name=published.parked_name))
    assert (fact.type, fact.subject, fact.sequence) == (REGISTERED, "startups/../etc", 7)
    assert json.loads(fact.body) == {"name": "startups/../etc", "display_name": "江"}
    assert "name" in fact.error


async def test_a_repaired_fact_is_replayed(startups_publisher: Publisher, service: Api, stored: Database) -> None:
    """Once its cause is repaired, a parked fact takes effect when it is replayed, once, and is parked no longer."""
    published = await startups_publisher.publish_bytes(REGISTERED, b"\xff\xff\xff")
    await until_parked(service, published)
    repaired = registered("startups/repaired", "修好").SerializeToString()
    await stored.collection("parked").update_one({"headers.ce-id": published.id}, {"$set": {"body": repaired}})
    replayed = await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name))
    assert replayed.name == published.parked_name
    assert (await projection(stored, "startups/repaired"))["display_name"] == "修好"
    assert published.parked_name not in await parked_facts(service)
    for call in (
        service.ReplayParkedFact(op.ReplayParkedFactRequest(name=published.parked_name)),
        service.GetParkedFact(op.GetParkedFactRequest(name=published.parked_name)),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "PARKED_FACT_NOT_FOUND")
    await startups_publisher.publish_bytes(REGISTERED, repaired, headers={"id": published.id})
    await until_idle(service)
    assert (await projection(stored, "startups/repaired"))["version"] == 1


async def test_the_status_counts_parked_facts(service: Api) -> None:
    """The status of a service says how many facts are parked, and that none is pending."""
    await until_idle(service)
    status = await service.GetStatus(op.GetStatusRequest())
    assert status.parked == len(await parked_facts(service))
    assert [(inbox.source, inbox.pending, inbox.in_flight) for inbox in status.inboxes] == [("startups", 0, 0)]
