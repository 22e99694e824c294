"""The commit loop: batches, their order and limits, and when callers are answered."""

import asyncio
import math
from functools import partial
from typing import Any

import pytest

from libs.common.domain.entity import Change
from libs.common.domain.errors import Exhausted, NotFound, Precondition, TooLate, Unavailable
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import (
    Hall,
    HallsStore,
    add_desks,
    commit_desks,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
    open_hall,
    stored_hall,
)
from tests.common.store.batches import commit_together, transactions
from tests.support.store_fixtures import new_context, running


@pytest.mark.parametrize(("commands", "batches"), [(1, 1), (50, 1), (256, 1), (257, 2)])
async def test_commands_that_wait_together_share_a_transaction(
    idle_store: HallsStore, database: Database, commands: int, batches: int
) -> None:
    """Commands that wait at the same time share one transaction, 256 of them at most."""
    before = await transactions(database)
    names = [new_name() for _ in range(commands)]
    replies = await commit_together(idle_store, *(commit_opening(idle_store, name) for name in names))
    assert [reply.name for reply in replies] == names
    assert await transactions(database) - before == batches
    assert await database.collection("halls").count_documents({"version": 1}) == commands
    assert len(await journal_entries(database)) == commands


async def test_next_batch_gathers_during_a_commit(store: HallsStore, database: Database) -> None:
    """Commands that arrive while a batch is being committed go together into the next one."""
    name, decided = new_name(), asyncio.Event()
    await commit_opening(store, name)
    before = await transactions(database)

    def decide(hall: Hall) -> Change[Hall]:
        decided.set()
        return add_desks(hall)

    first = asyncio.ensure_future(store.commit(new_context(), Load(Hall, name), decide=decide))
    await decided.wait()
    rest = await asyncio.gather(*(commit_desks(store, name) for _ in range(40)))
    assert (await first).desks == 1
    assert [reply.desks for reply in rest] == list(range(2, 42))
    assert await transactions(database) - before == 2


async def test_decisions_see_the_ones_before_them(idle_store: HallsStore, database: Database) -> None:
    """Decisions of one batch run in the order of arrival, each on what the one before it decided."""
    name = new_name()
    replies = await commit_together(
        idle_store,
        commit_opening(idle_store, name, desks=1),
        *(commit_desks(idle_store, name, more) for more in (2, 3, 4)),
    )
    assert [(reply.desks, reply.version) for reply in replies] == [(1, 1), (3, 2), (6, 3), (10, 4)]
    document = await stored_hall(database, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (10, 4)


async def test_a_refusal_fails_alone(idle_store: HallsStore, database: Database) -> None:
    """A refused command changes nothing and is not recorded; the others of its batch are committed."""
    name = new_name()
    replies = await commit_together(
        idle_store,
        commit_opening(idle_store, name, desks=1),
        commit_desks(idle_store, name, -5),
        commit_desks(idle_store, "halls/nowhere"),
        commit_desks(idle_store, name),
    )
    assert isinstance(replies[1], Precondition)
    assert (replies[1].reason, replies[1].metadata) == ("NOT_ENOUGH_DESKS", {"desks": "1"})
    assert isinstance(replies[2], NotFound)
    assert (replies[2].reason, replies[2].metadata) == ("HALL_NOT_FOUND", {"name": "halls/nowhere"})
    assert (replies[3].desks, replies[3].version) == (2, 2)
    assert len(await journal_entries(database)) == 2


async def test_a_caller_who_left_before_the_batch_is_dropped(idle_store: HallsStore, database: Database) -> None:
    """A command whose caller has gone before its batch began is not committed."""
    dropped, kept = new_name(), new_name()
    leaving = asyncio.ensure_future(commit_opening(idle_store, dropped))
    await asyncio.sleep(0)
    leaving.cancel()
    (reply,) = await commit_together(idle_store, commit_opening(idle_store, kept))
    assert reply.name == kept
    assert [document["_id"] for document in await database.collection("halls").find({}).to_list(None)] == [kept]


async def test_a_caller_who_left_during_the_batch_finds_the_reply(store: HallsStore, database: Database) -> None:
    """A command whose batch has begun is committed, and a repeat gets its reply."""
    name, decided = new_name(), asyncio.Event()
    await commit_opening(store, name)

    def decide(hall: Hall) -> Change[Hall]:
        decided.set()
        return add_desks(hall, 7)

    context = partial(new_context, request_id="once")
    leaving = asyncio.ensure_future(store.commit(context(), Load(Hall, name), decide=decide))
    await decided.wait()
    leaving.cancel()
    repeated = await store.commit(context(), Load(Hall, name), decide=decide)
    assert (repeated.desks, repeated.version) == (7, 2)
    document = await stored_hall(database, name)
    assert document is not None
    assert document["desks"] == 7


async def test_nothing_begins_after_the_deadline(idle_store: HallsStore, database: Database) -> None:
    """A command whose deadline passed before its batch began is refused and changes nothing."""
    late, name = new_name(), new_name()
    past = new_context(deadline=asyncio.get_running_loop().time() - 1)
    replies = await commit_together(
        idle_store, commit_opening(idle_store, late, past), commit_opening(idle_store, name)
    )
    assert isinstance(replies[0], TooLate)
    assert replies[0].reason == "DEADLINE_EXCEEDED"
    assert replies[1].name == name
    assert await stored_hall(database, late) is None
    assert len(await journal_entries(database)) == 1


async def test_the_queue_is_bounded(database: Database) -> None:
    """A command that finds the queue full is refused at once, with a time to retry after; the others are served."""
    async with running(new_halls_store(database, max_queued=3)) as store:
        names = [new_name() for _ in range(5)]
        replies = await asyncio.gather(*(commit_opening(store, name) for name in names), return_exceptions=True)
        assert [type(reply) for reply in replies] == [Hall, Hall, Hall, Exhausted, Exhausted]
        refused = replies[4]
        assert isinstance(refused, Exhausted)
        assert refused.reason == "TOO_BUSY"
        assert refused.retry_after
        assert refused.retry_after > 0
        assert (await commit_opening(store, names[4])).name == names[4]


@pytest.mark.parametrize("size", [1, 3, 256])
async def test_a_batch_is_bounded(database: Database, size: int) -> None:
    """No more commands than `max_batch` share a transaction, and none is left behind."""
    async with running(new_halls_store(database, max_batch=size)) as store:
        name = new_name()
        await commit_opening(store, name)
        before = await transactions(database)
        replies = await asyncio.gather(*(commit_desks(store, name) for _ in range(10)))
        assert [reply.desks for reply in replies] == list(range(1, 11))
        assert await transactions(database) - before == math.ceil(10 / size)


async def test_replies_are_durable(store: HallsStore, other_client: Any) -> None:
    """When a caller has its reply, a majority has the change and its journal entry, as another client sees."""

    async def open_and_look(name: str) -> None:
        ctx = new_context()
        reply = await store.commit(ctx, decide=partial(open_hall, Hall(name=name, desks=4)))
        document, entry = await asyncio.gather(
            other_client["halls"].find_one({"_id": name}), other_client["journal"].find_one({"_id": ctx.entry_id})
        )
        assert (document["version"], document["desks"]) == (reply.version, 4)
        assert entry["entities"] == [{"name": name, "version": 1}]

    await asyncio.gather(*(open_and_look(new_name()) for _ in range(60)))


async def test_closing_refuses_what_waits(idle_store: HallsStore, database: Database) -> None:
    """When the loop closes, waiting commands are refused with a time to retry after, and change nothing."""
    waiting = [asyncio.ensure_future(commit_opening(idle_store, new_name())) for _ in range(3)]
    await asyncio.sleep(0)
    await idle_store.loop.close()
    for reply in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(reply, Unavailable)
        assert reply.reason == "STOPPING"
        assert reply.retry_after == 1.0
    assert await journal_entries(database) == []
