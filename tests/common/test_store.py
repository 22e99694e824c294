"""Reads: what is asked for together is found together, each caller sees what is his, and one bad document is alone."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from libs.common.asking import NOWHERE, Reach
from libs.common.documents import Documents
from libs.common.errors import Denied, NotFound
from libs.common.failing import status
from libs.common.values import Listing
from tests.common.halls import Hall, Halls, asked, hall, more_desks, new_name, opened


def finds() -> float:
    """How many finds there were in this process, of reads by name."""
    return REGISTRY.get_sample_value("hatchery_read_names_count") or 0.0


def reading(name: str) -> Reach:
    """The reach of one who may read this alone."""
    return Reach(frozenset({name}))


async def test_what_was_committed_is_read(halls: Halls) -> None:
    """Who was answered a change reads that change."""
    await opened(halls, name := new_name(), desks=3, code=name)
    changed = await more_desks(halls, name, 4)
    read = await halls.get(Hall, name, asked())
    assert read == changed
    assert (read.desks, read.version, read.code) == (7, 2, name)
    assert read.update_time.tzinfo is not None


async def test_reads_are_gathered(halls: Halls, documents: Documents) -> None:
    """Many reads at once need few finds, and each is answered with what it asked for."""
    names = [new_name() for _ in range(50)]
    await documents.collection("halls").insert_many(
        [{"_id": name, "version": 1, "desks": n} for n, name in enumerate(names)]
    )
    before = finds()
    read = await asyncio.gather(*(halls.get(Hall, name, asked()) for name in names * 20))
    assert [(one.name, one.desks) for one in read] == [(name, n) for n, name in enumerate(names)] * 20
    assert finds() - before <= 3


async def test_what_is_missing_is_missing_alone(halls: Halls) -> None:
    """Among reads that are found together, one that is not there is not found, by its own reason and name."""
    await opened(halls, name := new_name())
    missing = new_name()
    found, error = await asyncio.gather(
        halls.get(Hall, name, asked()), halls.get(Hall, missing, asked()), return_exceptions=True
    )
    assert isinstance(found, Hall)
    assert isinstance(error, NotFound)
    assert error.reason == "HALL_NOT_FOUND"


async def test_several_are_read_in_their_order(halls: Halls) -> None:
    """Several are given in the order of their names, one named twice twice; all or none."""
    names = [new_name() for _ in range(3)]
    for name in names:
        await opened(halls, name)
    wanted = [names[2], names[0], names[2]]
    assert [one.name for one in await halls.get_all(Hall, wanted, asked())] == wanted
    with pytest.raises(NotFound):
        await halls.get_all(Hall, [*names, new_name()], asked())


async def test_what_is_out_of_reach_looks_as_what_is_missing(halls: Halls) -> None:
    """Who may not see a thing cannot tell whether it is there; within reach it is read, or said to be missing."""
    await opened(halls, name := new_name())
    missing = new_name()
    refusals = []
    for reach in (NOWHERE, reading(new_name())):
        for other in (name, missing):
            with pytest.raises(Denied) as caught:
                await halls.get(Hall, other, asked(reach=reach))
            refusals.append(status(caught.value, "test"))
    assert len({packed for _, _, packed in refusals}) == 1
    assert (await halls.get(Hall, name, asked(reach=reading(name)))).name == name
    assert (await halls.get(Hall, name, asked(reach=reading("districts/220203")))).name == name
    with pytest.raises(NotFound):
        await halls.get(Hall, missing, asked(reach=reading(missing)))


async def test_an_unreadable_document_harms_only_its_reader(halls: Halls, documents: Documents) -> None:
    """A document that cannot be read fails for who asked for it; those read beside it are answered."""
    await opened(halls, good := new_name())
    bad = new_name()
    await documents.collection("halls").insert_one({"_id": bad, "version": 1, "desks": {"odd": 1}, "kind": 7})
    before = finds()
    answers: list[Any] = await asyncio.gather(
        *(halls.get(Hall, name, asked()) for name in (good, bad, good)), return_exceptions=True
    )
    assert finds() - before == 1
    assert [isinstance(answer, Hall) for answer in answers] == [True, False, True]
    assert not isinstance(answers[1], Hall | NotFound)


async def test_a_caller_who_gave_up_harms_nobody(halls: Halls) -> None:
    """A read whose caller has gone leaves the others of its find, and the next ones, as they are."""
    await opened(halls, name := new_name())
    reads = [asyncio.ensure_future(halls.get(Hall, name, asked())) for _ in range(5)]
    await asyncio.sleep(0)
    reads[0].cancel()
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(isinstance(answer, Hall) for answer in answers[1:])
    assert (await halls.get(Hall, name, asked())).name == name


async def test_a_page_behind_a_token_is_found_by_an_index(halls: Halls, documents: Documents) -> None:
    """The second page looks at no more rows than it shows, however many lie before it."""
    rows = [{"_id": f"spaces/{n:04}", "display_name": f"Hall {n:04}", "version": 1} for n in range(2000)]
    await documents.collection("halls").insert_many(rows)
    page = await halls.list(Hall, {}, Listing(page_size=200), asked())
    await documents.database.command("profile", 2)
    await halls.list(Hall, {}, Listing(page_size=20, page_token=page.next_page_token), asked())
    await documents.database.command("profile", 0)
    seen = await documents.database["system.profile"].find_one({"op": "query", "ns": {"$regex": "halls$"}})
    assert seen is not None
    assert (seen["nreturned"], seen["docsExamined"]) == (21, 21)


async def test_making_ready_twice_is_making_ready(documents: Documents, halls: Halls) -> None:
    """Every start prepares what is not there; a second one changes nothing and keeps what was written."""
    await opened(halls, name := new_name())
    before = await documents.collection("halls").index_information()
    await halls.prepare()
    assert await documents.collection("halls").index_information() == before
    assert len(before) == 4
    assert (await halls.get(Hall, name, asked())).version == hall(name).version + 1
