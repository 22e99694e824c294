"""The journal as idempotency record: repeats of a command, and other requests under the same id."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from libs.common.domain.entity import Change
from libs.common.domain.errors import Denied, Invalid, Precondition
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
    stored_hall,
)
from tests.common.store.batches import commit_together
from tests.support.store_fixtures import new_context, running
from tests.support.waiting import running_task

OnStore = Callable[[HallsStore], Awaitable[Any]]
WHEN = pytest.mark.parametrize("when", ["in one batch", "later", "after a restart"])


async def commit_twice(store: HallsStore, database: Database, when: str, first: OnStore, again: OnStore) -> list[Any]:
    """Return the replies of a command and of its repeat: in one batch, in a later one, or after a restart."""
    if when == "in one batch":
        return await commit_together(store, first(store), again(store))
    async with running_task(store.loop.run()):
        reply = await first(store)
        await commit_desks(store, reply.name, 100)
        if when == "later":
            return [reply, *await asyncio.gather(again(store), return_exceptions=True)]
    async with running(new_halls_store(database)) as restarted:
        return [reply, *await asyncio.gather(again(restarted), return_exceptions=True)]


@WHEN
async def test_a_repeat_gets_the_first_reply(idle_store: HallsStore, database: Database, when: str) -> None:
    """A request id that comes again changes nothing and gets the first reply, whatever happened since."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name, display_name="江城", code=name)

    async def command(store: HallsStore) -> Hall:
        return await commit_desks(store, name, 3, new_context(request_id="same"))

    first, second = await commit_twice(idle_store, database, when, command, command)
    assert first == second
    assert (first.desks, first.version) == (3, 2)
    document = await stored_hall(database, name)
    assert document is not None
    assert document["desks"] == (3 if when == "in one batch" else 103)


@WHEN
async def test_a_repeat_without_a_reply_has_none(idle_store: HallsStore, database: Database, when: str) -> None:
    """A command that replies nothing replies nothing again, and takes effect once."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name)

    def decide(hall: Hall) -> Change[None]:
        return Change(None, saves=(hall.with_(desks=hall.desks + 1),))

    async def command(store: HallsStore) -> None:
        await store.commit(new_context(request_id="silent"), Load(Hall, name, guard=True), decide=decide)

    if when == "in one batch":
        assert await commit_together(idle_store, command(idle_store), command(idle_store)) == [None, None]
    for _ in range(2):
        async with running(new_halls_store(database)) as store:
            assert list(await asyncio.gather(command(store), command(store))) == [None, None]
    document = await stored_hall(database, name)
    assert document is not None
    assert document["desks"] == 1


@WHEN
async def test_an_id_stands_for_one_request(idle_store: HallsStore, database: Database, when: str) -> None:
    """Another request under a request id that was used is refused, and changes nothing."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name)

    def command(more: int) -> OnStore:
        context = partial(new_context, request_id="same", digest=str(more).encode())
        return lambda store: commit_desks(store, name, more, context())

    first, second = await commit_twice(idle_store, database, when, command(3), command(4))
    assert first.desks == 3
    assert isinstance(second, Invalid)
    found = [(violation.field, violation.reason) for violation in second.violations]
    assert found == [("request_id", "REQUEST_ID_REUSED")]


async def test_request_ids_belong_to_their_caller(store: HallsStore) -> None:
    """Two callers may use the same request id for different requests."""
    name = new_name()
    await commit_opening(store, name)
    await commit_desks(store, name, 1, new_context(request_id="1", actor="one"))
    assert (await commit_desks(store, name, 1, new_context(request_id="1", actor="other", digest=b"?"))).desks == 2


async def test_a_refused_command_may_be_retried(store: HallsStore) -> None:
    """A refusal is not recorded: the same request id is decided anew."""
    name, context = new_name(), partial(new_context, request_id="again")
    await commit_opening(store, name)
    with pytest.raises(Precondition):
        await commit_desks(store, name, -1, context())
    await commit_desks(store, name, 5)
    assert (await commit_desks(store, name, -1, context())).desks == 4


@WHEN
async def test_a_repeat_in_a_narrower_scope_is_refused(idle_store: HallsStore, database: Database, when: str) -> None:
    """A repeat whose token no longer reaches the reply is refused and learns nothing of the first reply."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name)

    def command(scope: str) -> OnStore:
        context = partial(new_context, scope, request_id="same")
        return lambda store: commit_desks(store, name, 3, context())

    first, second = await commit_twice(idle_store, database, when, command(name), command(new_name()))
    assert first.desks == 3
    assert isinstance(second, Denied)
    assert second.reason == "OUT_OF_SCOPE"


async def test_an_entry_records_the_command(store: HallsStore, database: Database) -> None:
    """An entry says who did what when, which versions resulted, which facts to publish, and the reply."""
    name, ctx = new_name(), new_context(actor="mei", traceparent="00-trace")
    hall = await commit_opening(store, name, ctx, desks=2)
    (entry,) = await journal_entries(database)
    assert entry["_id"] == ctx.entry_id
    assert (entry["actor"], entry["command"], entry["traceparent"]) == ("mei", "test.Command", "00-trace")
    assert entry["at"] == hall.update_time == hall.create_time
    assert entry["entities"] == [{"name": name, "version": 1}]
    assert [(fact["type"], fact["subject"], fact["sequence"]) for fact in entry["facts"]] == [
        ("hatchery.halls.v1.HallOpened", name, 1)
    ]
    assert (entry["reply"]["kind"], entry["reply"]["document"]["desks"]) == ("Hall", 2)


async def test_an_entry_without_facts_has_none_to_publish(store: HallsStore, database: Database) -> None:
    """A command without facts leaves no `facts` field, by which the relay finds its work."""
    name = new_name()

    def decide() -> Change[Hall]:
        return Change(hall := Hall(name=name), saves=(hall,))

    await store.commit(new_context(), decide=decide)
    (entry,) = await journal_entries(database)
    assert "facts" not in entry


async def test_a_reply_that_is_not_saved_is_repeated(store: HallsStore) -> None:
    """A command that changes nothing still answers its repeat with the first reply."""
    name, context = new_name(), partial(new_context, request_id="unchanged")
    await commit_opening(store, name, desks=1)

    def decide(hall: Hall) -> Change[Hall]:
        return Change(hall)

    first = await store.commit(context(), Load(Hall, name), decide=decide)
    await commit_desks(store, name)
    assert await store.commit(context(), Load(Hall, name), decide=partial(add_desks, more=9)) == first
