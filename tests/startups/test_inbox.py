"""What startups heeds of spaces: where a startup lives, once, in whatever order, and without stumbling."""

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from google.protobuf.message import Message
from grpc import StatusCode

from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.spaces.v1 import facts_pb2 as facts
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from libs.cli.servers import Mongo
from libs.common.collections import to_document
from libs.common.documents import Documents
from tests.conftest import eventually, refused
from tests.running import Api, World
from tests.spaces.calls import on, registered
from tests.spaces.keeping import DRIVER
from tests.spaces.telling import Voice, operations, parked, settled, voice, world_that_soon_parks
from tests.startups.examples import startup

ACTIVATED = facts.TenancyActivated.DESCRIPTOR.full_name
CURRENT, ENDED = st.Residency.STATE_CURRENT, st.Residency.STATE_ENDED


@pytest.fixture(scope="module")
def world(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which facts are soon parked."""
    made = world_that_soon_parks(tmp_path_factory.mktemp("world"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def spaces_voice(world: World) -> AsyncIterator[Voice]:
    """The facts of spaces, told by the test."""
    async with voice(world, "spaces") as told:
        yield told


@pytest.fixture(scope="module")
async def service(world: World, spaces_voice: Voice, startups: Api) -> AsyncIterator[Api]:
    """The operations of a running startups."""
    async with operations(world, "startups") as asked:
        yield asked


@pytest.fixture(scope="module")
async def kept(world: World, startups: Api) -> AsyncIterator[Documents]:
    """What startups keeps."""
    documents = Documents(world.mongo.admin_uri, world.database("startups"), DRIVER)
    yield documents
    await documents.close()


def activated(who: str, tenancy: str, start: int, end: int | None = None) -> facts.TenancyActivated:
    """A startup moved in, or its day of moving out was set; days are counted from today."""
    space = f"spaces/{tenancy}"
    return facts.TenancyActivated(
        name=f"{space}/tenancies/{tenancy}",
        space=space,
        space_display_name=f"空间{tenancy}",
        startup=who,
        desks=1,
        start_date=on(start),
        end_date=on(end),
    )


def ended(who: str, tenancy: str, start: int, end: int) -> facts.TenancyEnded:
    """A tenancy is over."""
    told = facts.TenancyEnded()
    told.ParseFromString(activated(who, tenancy, start, end).SerializeToString())
    return told


async def lives(startups: Api, name: str) -> tuple[str, int]:
    """The space and the state of a startup's residency, as its page says."""
    residency = (await startups.GetStartup(st.GetStartupRequest(name=name))).residency
    return residency.space, residency.state


# --- once, twice, out of order ---------------------------------------------------------------------


async def test_facts_say_where_a_startup_lives(spaces_voice: Voice, service: Api, startups: Api) -> None:
    """A startup that moved in is seen to live there, under notice with its day, and in the end to have left."""
    team = await registered(startups)
    tenancy, seen = "a1", []
    facts_in_order: list[Message] = [
        activated(team.name, tenancy, -30),
        activated(team.name, tenancy, -30, 9),
        ended(team.name, tenancy, -30, 0),
    ]
    for sequence, fact in enumerate(facts_in_order, 1):
        await spaces_voice.tell(fact, sequence)
        await settled(service)
        residency = (await startups.GetStartup(st.GetStartupRequest(name=team.name))).residency
        seen.append((residency.state, residency.end_date if residency.HasField("end_date") else None))
        assert (residency.space, residency.space_display_name) == ("spaces/a1", "空间a1")
        assert residency.start_date == on(-30)
    assert seen == [(CURRENT, None), (CURRENT, on(9)), (ENDED, on(0))]


async def test_a_fact_told_twice_counts_once(spaces_voice: Voice, service: Api, startups: Api, kept: Documents) -> None:
    """A fact delivered again changes nothing, and the journal holds one entry for it."""
    team = await registered(startups)
    before = await kept.collection("journal").count_documents({})
    for _ in range(3):
        await spaces_voice.tell(activated(team.name, "twice", 0), headers={"id": "feedfacefeedface.0"})
    await settled(service)
    page = await startups.GetStartup(st.GetStartupRequest(name=team.name))
    assert page.etag == "v2"
    assert await kept.collection("journal").count_documents({}) == before + 1


async def test_an_older_fact_changes_nothing(spaces_voice: Voice, service: Api, startups: Api) -> None:
    """The end of a stay is not undone by its beginning, though that arrives later."""
    team = await registered(startups)
    await spaces_voice.tell(ended(team.name, "late", -30, 0), 2)
    await spaces_voice.tell(activated(team.name, "late", -30), 1)
    await settled(service)
    assert await lives(startups, team.name) == ("spaces/late", ENDED)


@pytest.mark.parametrize("seed", range(6))
async def test_moves_may_be_told_in_any_order(spaces_voice: Voice, service: Api, startups: Api, seed: int) -> None:
    """From whatever order the facts of several stays arrive in, a startup is seen to live in the last."""
    team = await registered(startups)
    told: list[tuple[Message, int]] = [
        (activated(team.name, "first", -90, -60), 1),
        (ended(team.name, "first", -90, -60), 2),
        (activated(team.name, "second", -60), 2),
        (ended(team.name, "second", -60, -1), 3),
        (ended(team.name, "never", 20, 20), 2),
        (activated(team.name, "third", -1), 1),
    ]
    for fact, sequence in random.Random(seed).sample(told, len(told)):
        await spaces_voice.tell(fact, sequence)
    await settled(service)
    assert await lives(startups, team.name) == ("spaces/third", CURRENT)


async def test_what_is_only_agreed_is_not_heeded(spaces_voice: Voice, service: Api, startups: Api) -> None:
    """A tenancy that is yet to begin moves nobody, and other facts of spaces are passed over."""
    team, known = await registered(startups), set(await parked(service))
    signed = facts.TenancySigned()
    signed.ParseFromString(activated(team.name, "soon", 30).SerializeToString())
    await spaces_voice.tell(signed)
    await spaces_voice.tell(facts.SpaceCreated(name="spaces/soon"))
    await spaces_voice.tell_bytes("hatchery.spaces.v1.SpaceClosed", b"\x0a\x01x")
    await settled(service)
    assert await startups.GetStartup(st.GetStartupRequest(name=team.name)) == team
    assert set(await parked(service)) == known


# --- poison ------------------------------------------------------------------------------------

POISONS: dict[str, tuple[bytes, dict[str, str | None]]] = {
    "bytes-that-are-no-message": (b"\xff\xff\xff", {}),
    "nothing-in-it": (b"", {}),
    "a-startup-unknown": (activated("startups/unknown", "x", 0).SerializeToString(), {}),
    "a-name-of-another-kind": (activated("spaces/x", "x", 0).SerializeToString(), {}),
    "a-day-that-is-none": (facts.TenancyActivated(start_date=Date(year=2026, month=2, day=30)).SerializeToString(), {}),
    "no-headers": (b"", dict.fromkeys(("id", "type", "time", "sequence", "subject"))),
    "no-sequence": (activated("startups/unknown", "x", 0).SerializeToString(), {"sequence": None}),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_poison_is_parked_and_blocks_nothing(
    spaces_voice: Voice, service: Api, startups: Api, poison: tuple[bytes, dict[str, str | None]]
) -> None:
    """What cannot be handled is parked after its tries; what comes behind it is handled at once."""
    team, known = await registered(startups), set(await parked(service))
    await spaces_voice.tell_bytes(ACTIVATED, poison[0], headers=poison[1])
    await spaces_voice.tell(activated(team.name, "behind", 0))

    async def both_are_dealt_with() -> bool:
        found = await parked(service)
        return len(found) == len(known) + 1 and await lives(startups, team.name) == ("spaces/behind", CURRENT)

    await eventually(both_are_dealt_with)
    [fact] = [fact for name, fact in (await parked(service)).items() if name not in known]
    assert fact.tries == 2
    assert await service.GetParkedFact(op.GetParkedFactRequest(name=fact.name)) == fact
    answer = await refused(service.ReplayParkedFact(op.ReplayParkedFactRequest(name=fact.name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "STILL_PARKED")


async def test_a_stay_of_a_startup_found_again_is_replayed(
    spaces_voice: Voice, service: Api, startups: Api, kept: Documents
) -> None:
    """A fact of a startup that was missing takes effect when it is replayed after the startup is there, once."""
    told = activated("startups/found", "home", -3)
    said = await spaces_voice.tell(told, 4)

    async def is_parked() -> bool:
        return said.parked in await parked(service)

    await eventually(is_parked)
    assert "startups/found" in (await parked(service))[said.parked].error
    await kept.collection("startups").insert_one(to_document(startup(name="startups/found")))
    await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=said.parked))
    assert await lives(startups, "startups/found") == ("spaces/home", CURRENT)
    assert said.parked not in await parked(service)
    await spaces_voice.tell(told, 4, headers={"id": said.id})
    await settled(service)
    assert (await startups.GetStartup(st.GetStartupRequest(name="startups/found"))).etag == "v2"


async def test_a_replay_too_late_undoes_nothing(
    spaces_voice: Voice, service: Api, startups: Api, kept: Documents
) -> None:
    """A parked fact that is replayed after newer ones took effect leaves what they say."""
    said = await spaces_voice.tell(activated("startups/slow", "old", -9), 1)

    async def is_parked() -> bool:
        return said.parked in await parked(service)

    await eventually(is_parked)
    await kept.collection("startups").insert_one(to_document(startup(name="startups/slow")))
    await spaces_voice.tell(ended("startups/slow", "old", -9, -2), 2)
    await spaces_voice.tell(activated("startups/slow", "new", -2), 1)
    await settled(service)
    await service.ReplayParkedFact(op.ReplayParkedFactRequest(name=said.parked))
    assert await lives(startups, "startups/slow") == ("spaces/new", CURRENT)
