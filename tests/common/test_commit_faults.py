"""What nobody foresaw fails alone: whatever one command does, the others of its batch are committed, and it is not."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from grpc import StatusCode

from libs.common.documents import Documents
from libs.common.errors import Refusal
from libs.common.failing import status
from libs.common.values import Change, Fact
from services.spaces.domain import SpaceUpdated
from tests.common.halls import Hall, Halls, Homeless, asked, entries, hall, kept, more_desks, new_name, opened, running
from tests.conftest import under_way


class SpaceVanished(Fact):
    """A fact that the contract has no message for."""


class SpaceCreated(Fact):
    """A fact that lacks the fields of its message."""


def unencodable(known: Hall) -> Change[Hall]:
    """Keeps what BSON has no type for."""
    changed = known.with_(desks=known.desks + 100, extra={"held": object()})
    return Change(changed, saves=(changed,), facts=(SpaceUpdated.of(changed),))


def beyond_integers(known: Hall) -> Change[Hall]:
    """Keeps a number of more than 64 bits."""
    changed = known.with_(desks=1 << 70)
    return Change(changed, saves=(changed,))


def too_large(known: Hall) -> Change[None]:
    """Keeps more than the 16 MB that a document may have."""
    changed = known.with_(desks=known.desks + 100, extra="x" * (17 << 20))
    return Change(None, saves=(changed,))


def too_much_to_record(known: Hall) -> Change[Hall]:
    """Keeps 9 MB, which the entry would hold twice."""
    changed = known.with_(desks=known.desks + 100, extra="x" * (9 << 20), display_name="y" * (9 << 20))
    return Change(changed, saves=(known.with_(desks=known.desks + 100),))


def raising(known: Hall) -> Change[Hall]:
    """Has a defect."""
    raise ZeroDivisionError(known.name)


def no_change(known: Hall) -> Any:
    """Answers what is no change."""
    return known


def unkept_kind(known: Hall) -> Change[Hall]:
    """Keeps an entity for which there is no collection."""
    changed = known.with_(desks=known.desks + 100)
    return Change(changed, saves=(changed, Homeless(name="homeless/1")))


def unknown_fact(known: Hall) -> Change[Hall]:
    """Tells a fact for which there is no message."""
    changed = known.with_(desks=known.desks + 100)
    return Change(changed, saves=(changed,), facts=(SpaceVanished(name=known.name),))


def incomplete_fact(known: Hall) -> Change[Hall]:
    """Tells a fact that lacks fields."""
    changed = known.with_(desks=known.desks + 100)
    return Change(changed, saves=(changed,), facts=(SpaceCreated(name=known.name),))


def fact_of_another(known: Hall) -> Change[Hall]:
    """Tells a fact of an entity that it does not keep."""
    changed = known.with_(desks=known.desks + 100)
    fact = SpaceUpdated.of(changed.with_(name="spaces/elsewhere"))
    return Change(changed, saves=(changed,), facts=(fact,))


DEFECTS: list[Callable[[Hall], Change[Any]]] = [
    unencodable,
    beyond_integers,
    too_large,
    too_much_to_record,
    raising,
    no_change,
    unkept_kind,
    unknown_fact,
    incomplete_fact,
    fact_of_another,
]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
@pytest.mark.parametrize("place", [0, 3, 6])
async def test_a_defect_fails_alone(still: Halls, documents: Documents, defect: Any, place: int) -> None:
    """One command of seven on one entity fails for what nobody foresaw; the six are committed, and nothing of it."""
    name = new_name()
    async with running(documents) as store:
        await opened(store, name)
    commands = [more_desks(still, name) for _ in range(6)]
    commands.insert(place, still.commit(asked("culprit"), (Hall, name), decide=defect))
    waiting = [asyncio.ensure_future(command) for command in commands]
    await asyncio.sleep(0)
    async with under_way(still.loop.run()):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        culprit = answers.pop(place)
        assert isinstance(culprit, Exception)
        assert not isinstance(culprit, Refusal)
        assert status(culprit, "test")[0] is StatusCode.INTERNAL
        assert [answer.desks for answer in answers if isinstance(answer, Hall)] == [1, 2, 3, 4, 5, 6]
        assert (await more_desks(still, name)).desks == 7
    document = await kept(documents, name)
    assert document is not None
    assert (document["desks"], document["extra"], document["display_name"]) == (7, None, "Hall")
    assert sum(entry["_id"] == asked("culprit").entry_id for entry in await entries(documents)) == 0
    assert len(await entries(documents)) == 8


async def test_several_defects_fail_each_alone(still: Halls, documents: Documents) -> None:
    """However many of a batch fail, each does so alone, and all others are committed."""
    names = [new_name() for _ in range(24)]
    async with running(documents) as store:
        await asyncio.gather(*(opened(store, name) for name in names))
    waiting = [
        asyncio.ensure_future(
            still.commit(asked(), (Hall, name), decide=unencodable) if place % 5 == 2 else more_desks(still, name)
        )
        for place, name in enumerate(names)
    ]
    await asyncio.sleep(0)
    async with under_way(still.loop.run()):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    for place, (name, answer) in enumerate(zip(names, answers, strict=True)):
        document = await kept(documents, name)
        assert document is not None
        assert isinstance(answer, Hall) == (place % 5 != 2)
        assert document["version"] == (1 if place % 5 == 2 else 2)


async def test_a_document_that_cannot_be_read_fails_those_who_name_it(still: Halls, documents: Documents) -> None:
    """A document that is no entity fails the commands that name it, and no other of their batch."""
    broken, sound = new_name(), new_name()
    async with running(documents) as store:
        await opened(store, sound)
    await documents.collection("halls").insert_one({"_id": broken, "desks": "many"})
    waiting = [asyncio.ensure_future(more_desks(still, name)) for name in (sound, broken, sound)]
    await asyncio.sleep(0)
    async with under_way(still.loop.run()):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[1], Exception)
    assert [answer.desks for answer in answers if isinstance(answer, Hall)] == [1, 2]


async def test_a_second_entity_of_a_name_that_is_taken_is_refused(still: Halls, documents: Documents) -> None:
    """A decision that makes anew what is there fails alone, and does not overwrite it."""
    name = new_name()
    async with running(documents) as store:
        await opened(store, name, desks=9)
    waiting = [asyncio.ensure_future(opened(still, each)) for each in (new_name(), name, new_name())]
    await asyncio.sleep(0)
    async with under_way(still.loop.run()):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(answer, Hall) for answer in answers] == [True, False, True]
    document = await kept(documents, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (9, 1)
    assert hall(name).version == 0
