"""Unique values: who wants what another holds is refused alone, and a value given up in a batch is free in it."""

import asyncio

from libs.common.domain.errors import Taken
from libs.common.store.database import Database
from tests.common.sample_domain import (
    Hall,
    HallsStore,
    commit_desks,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
    stored_hall,
)
from tests.common.store.batches import commit_together, transactions
from tests.support.store_fixtures import running


async def test_a_clash_fails_its_command_alone(idle_store: HallsStore, database: Database) -> None:
    """A command that wants what another holds, in the batch or from before, is refused; the rest is committed."""
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, new_name(), code="held")
    names = [new_name() for _ in range(6)]
    codes = ["a", "b", "a", "held", None, "c"]
    commands = [commit_opening(idle_store, name, code=code) for name, code in zip(names, codes, strict=True)]
    replies = await commit_together(idle_store, *commands)
    for reply in (replies[2], replies[3]):
        assert isinstance(reply, Taken)
        assert reply.reason == "CODE_TAKEN"
    assert [reply.code for reply in replies if isinstance(reply, Hall)] == ["a", "b", None, "c"]
    for name, reply in zip(names, replies, strict=True):
        assert bool(await stored_hall(database, name)) == isinstance(reply, Hall)
    assert len(await journal_entries(database)) == 5


async def test_many_clashes_are_found_together(idle_store: HallsStore, database: Database) -> None:
    """Of 100 codes half are held and a quarter wanted twice; three transactions refuse all who lose."""
    async with running(new_halls_store(database)) as store:
        await asyncio.gather(*(commit_opening(store, new_name(), code=f"h{number}") for number in range(50)))
    fresh = [f"f{number}" for number in range(25)]
    codes = [*(f"h{number}" for number in range(50)), *fresh, *fresh]
    aborted = await transactions(database, "Aborted")
    replies = await commit_together(idle_store, *(commit_opening(idle_store, new_name(), code=code) for code in codes))
    assert [type(reply) for reply in replies] == [Taken] * 50 + [Hall] * 25 + [Taken] * 25
    assert await database.collection("halls").count_documents({}) == 75
    assert await transactions(database, "Aborted") - aborted == 2


async def test_a_value_given_up_in_a_batch_is_free(idle_store: HallsStore, database: Database) -> None:
    """A code that one command gives up can be taken by the next, even where the documents are written otherwise."""
    one, two = new_name(), new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, one, code="x")
        await commit_opening(store, two)
    replies = await commit_together(
        idle_store,
        commit_desks(idle_store, two),
        commit_desks(idle_store, one, code=None),
        commit_desks(idle_store, two, code="x"),
    )
    assert [(reply.code, reply.desks) for reply in replies] == [(None, 1), (None, 1), ("x", 2)]
    assert len(await journal_entries(database)) == 5
