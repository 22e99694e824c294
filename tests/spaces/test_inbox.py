"""What spaces heeds of startups: once, in whatever order, and without stumbling over what cannot be handled."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from grpc import StatusCode

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.startups.v1 import facts_pb2 as facts
from libs.cli.servers import Mongo
from libs.common.documents import Document, Documents
from tests.conftest import eventually, refused
from tests.running import Api, World
from tests.spaces.calls import opened, tenant
from tests.spaces.keeping import DRIVER
from tests.spaces.telling import Headers, Voice, operations, parked, settled, voice, world_that_soon_parks

_numbers = itertools.count(1)
REGISTERED = facts.StartupRegistered.DESCRIPTOR.full_name


@pytest.fixture(scope="module")
def world(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which facts are soon parked."""
    made = world_that_soon_parks(tmp_path_factory.mktemp("world"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def startups_voice(world: World) -> AsyncIterator[Voice]:
    """The facts of startups, told by the test."""
    async with voice(world, "startups") as told:
        yield told


@pytest.fixture(scope="module")
async def service(world: World, startups_voice: Voice, spaces: Api) -> AsyncIterator[Api]:
    """The operations of a running spaces."""
    async with operations(world, "spaces") as asked:
        yield asked


@pytest.fixture(scope="module")
async def kept(world: World, spaces: Api) -> AsyncIterator[Documents]:
    """What spaces keeps."""
    documents = Documents(world.mongo.admin_uri, world.database("spaces"), DRIVER)
    yield documents
    await documents.close()


def named(startup: str, display_name: str = "松江碳材") -> facts.StartupRegistered:
    """A startup entered the register."""
    return facts.StartupRegistered(name=startup, display_name=display_name)


def renamed(startup: str, display_name: str) -> facts.StartupUpdated:
    """A startup is called otherwise from now on."""
    return facts.StartupUpdated(name=startup, display_name=display_name)


async def card(kept: Documents, startup: str) -> Document:
    """What spaces knows of a startup; nothing when it knows nothing."""
    return await kept.collection("occupants").find_one({"_id": startup}) or {}


# --- once, twice, out of order ---------------------------------------------------------------------


async def test_a_fact_makes_a_card(startups_voice: Voice, service: Api, spaces: Api) -> None:
    """A startup that was told of can be a tenant, under the name that was told."""
    await startups_voice.tell(named("startups/told", "松江碳材"))
    space = await opened(spaces)
    tenancy = await spaces.RegisterTenant(tenant(space.name, "startups/told"))
    assert tenancy.startup_display_name == "松江碳材"


async def test_a_fact_told_twice_counts_once(startups_voice: Voice, service: Api, kept: Documents) -> None:
    """A fact delivered again changes nothing, and the journal holds one entry for it."""
    before = await kept.collection("journal").count_documents({})
    for _ in range(3):
        await startups_voice.tell(named("startups/twice"), headers={"id": "feedfacefeedface.0"})
    await settled(service)
    assert (await card(kept, "startups/twice"))["version"] == 1
    assert await kept.collection("journal").count_documents({}) == before + 1


async def test_an_older_fact_changes_nothing(startups_voice: Voice, service: Api, kept: Documents) -> None:
    """Facts that arrive in the wrong order leave the card as the newest of them says."""
    for sequence in (3, 1, 4, 2):
        await startups_voice.tell(renamed("startups/late", f"名{sequence}"), sequence=sequence)
    await settled(service)
    late = await card(kept, "startups/late")
    assert (late["display_name"], late["sequence"]) == ("名4", 4)


async def test_many_facts_in_order(startups_voice: Voice, service: Api, kept: Documents) -> None:
    """A long row of facts about one startup takes effect in its order."""
    await startups_voice.tell(named("startups/busy", "名1"))
    for sequence in range(2, 301):
        await startups_voice.tell(renamed("startups/busy", f"名{sequence}"), sequence=sequence)
    await settled(service)
    busy = await card(kept, "startups/busy")
    assert (busy["display_name"], busy["version"]) == ("名300", 300)


async def test_a_later_name_is_that_of_later_tenancies(startups_voice: Voice, service: Api, spaces: Api) -> None:
    """A tenancy bears the name that its startup had when it was registered, told before or since."""
    await startups_voice.tell(named("startups/renamed", "旧名"))
    space = await opened(spaces)
    first = await spaces.RegisterTenant(tenant(space.name, "startups/renamed", 0, 5))
    await startups_voice.tell(renamed("startups/renamed", "新名"), sequence=2)
    await settled(service)
    second = await spaces.RegisterTenant(tenant(space.name, "startups/renamed", 5, 9))
    assert (first.startup_display_name, second.startup_display_name) == ("旧名", "新名")


async def test_what_is_not_heeded_is_passed_over(startups_voice: Voice, service: Api, kept: Documents) -> None:
    """A kind of fact that spaces does not know, of a newer startups, is neither handled nor parked."""
    known = set(await parked(service))
    await startups_voice.tell_bytes("hatchery.startups.v1.StartupDissolved", b"\x0a\x01x")
    await startups_voice.tell_bytes("hatchery.startups.v2.StartupRegistered", b"\x0a\x01x")
    await startups_voice.tell(named("startups/behind"))
    await settled(service)
    assert await card(kept, "startups/behind")
    assert set(await parked(service)) == known


async def test_a_field_of_a_newer_version_is_let_be(startups_voice: Voice, service: Api, kept: Documents) -> None:
    """A fact with a field that this version does not know is handled by what it does know."""
    body = named("startups/newer").SerializeToString() + b"\xfa\x3e\x05later"  # field 1007
    await startups_voice.tell_bytes(REGISTERED, body)
    await settled(service)
    assert (await card(kept, "startups/newer"))["display_name"] == "松江碳材"


@pytest.mark.parametrize("header", [{"time": "2026-11-24T04:00:00"}, {"id": "so/../odd id"}, {"subject": None}])
async def test_an_odd_header_does_not_spoil_a_fact(
    startups_voice: Voice, service: Api, kept: Documents, header: Headers
) -> None:
    """A fact whose contents are sound takes effect and is not parked, though its time has no zone or its id is odd."""
    known, name = set(await parked(service)), f"startups/odd{next(_numbers)}"
    await startups_voice.tell(named(name), headers=header)
    await settled(service)
    assert await card(kept, name)
    assert set(await parked(service)) == known


# --- poison ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Poison:
    """A fact that nobody can handle."""

    body: bytes = named("startups/poisoned").SerializeToString()
    headers: dict[str, str | None] = field(default_factory=dict)


EVERY_HEADER = ("id", "type", "time", "sequence", "subject")
POISONS = {
    "bytes-that-are-no-message": Poison(b"\xff\xff\xff"),
    "text-that-is-no-text": Poison(b"\x0a\x02\xff\xfe"),
    "nothing-in-it": Poison(b""),
    "a-name-that-is-none": Poison(named("startups/../etc").SerializeToString()),
    "a-name-of-another-kind": Poison(named("spaces/poisoned").SerializeToString()),
    "no-headers": Poison(headers=dict.fromkeys(EVERY_HEADER)),
    "no-id": Poison(headers={"id": None}),
    "no-type": Poison(headers={"type": None}),
    "no-sequence": Poison(headers={"sequence": None}),
    "no-time": Poison(headers={"time": None}),
    "a-type-unheard-of": Poison(headers={"type": "hatchery.startups.v1.StartupDissolved"}),
    "a-sequence-in-words": Poison(headers={"sequence": "many"}),
    "an-endless-sequence": Poison(headers={"sequence": "9" * 30}),
    "a-time-in-words": Poison(headers={"time": "yesterday"}),
    "no-message-and-an-id-that-is-no-name": Poison(b"\xff\xff\xff", headers={"id": "so/../odd id"}),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_poison_is_parked_and_blocks_nothing(
    startups_voice: Voice, service: Api, kept: Documents, poison: Poison
) -> None:
    """What cannot be handled is parked after its tries, without effect; what comes behind it is handled at once."""
    known = set(await parked(service))
    await startups_voice.tell_bytes(REGISTERED, poison.body, headers=poison.headers)
    behind = f"startups/behind{next(_numbers)}"
    await startups_voice.tell(named(behind))

    async def both_are_dealt_with() -> bool:
        return bool(await card(kept, behind)) and len(await parked(service)) == len(known) + 1

    await eventually(both_are_dealt_with)
    [(name, fact)] = ((name, fact) for name, fact in (await parked(service)).items() if name not in known)
    assert fact.tries == 2
    assert fact.error
    assert await service.GetParkedFact(op.GetParkedFactRequest(name=name)) == fact
    assert await card(kept, "startups/poisoned") == {}
    answer = await refused(service.ReplayParkedFact(op.ReplayParkedFactRequest(name=name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "STILL_PARKED")
    assert await service.GetParkedFact(op.GetParkedFactRequest(name=name)) == fact


async def test_a_parked_fact_says_what_it_is(startups_voice: Voice, service: Api) -> None:
    """A parked fact shows its kind, its entity, its version and its contents, so that an engineer can judge it."""
    said = await startups_voice.tell(named("startups/../etc", "江"), sequence=7, headers={"subject": "startups/../etc"})

    async def is_parked() -> bool:
        return said.parked in await parked(service)

    await eventually(is_parked)
    fact = await service.GetParkedFact(op.GetParkedFactRequest(name=said.parked))
    assert (fact.type, fact.subject, fact.sequence) == (REGISTERED, "startups/../etc", 7)
    assert json.loads(fact.body) == {"name": "startups/../etc", "display_name": "江"}
    assert "name" in fact.error


async def test_a_mended_fact_is_replayed(startups_voice: Voice, service: Api, kept: Documents) -> None:
    """Once its cause is mended a parked fact takes effect when it is replayed, once, and is parked no longer."""
    said = await startups_voice.tell_bytes(REGISTERED, b"\xff\xff\xff")

    async def is_parked() -> bool:
        return said.parked in await parked(service)

    await eventually(is_parked)
    mended = named("startups/mended", "修好").SerializeToString()
    await kept.collection("parked").update_one({"headers.ce-id": said.id}, {"$set": {"body": mended}})
    replayed = await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=said.parked))
    assert replayed.name == said.parked
    assert (await card(kept, "startups/mended"))["display_name"] == "修好"
    assert said.parked not in await parked(service)
    for call in (
        service.ReplayParkedFact(op.ReplayParkedFactRequest(name=said.parked)),
        service.GetParkedFact(op.GetParkedFactRequest(name=said.parked)),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, "PARKED_FACT_NOT_FOUND")
    await startups_voice.tell_bytes(REGISTERED, mended, headers={"id": said.id})
    await settled(service)
    assert (await card(kept, "startups/mended"))["version"] == 1


async def test_the_status_counts_what_is_parked(service: Api) -> None:
    """The status of a service says how many facts are parked and that none waits."""
    await settled(service)
    status = await service.GetStatus(op.GetStatusRequest())
    assert status.parked == len(await parked(service))
    assert [(inbox.source, inbox.waiting, inbox.in_hand) for inbox in status.inboxes] == [("startups", 0, 0)]
