"""One commit per call context; a further one takes a step with an idempotency key of its own."""

import asyncio
from functools import partial

import pytest

from libs.common.rpc.context import CallContext
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import Hall, HallsStore, add_desks, commit_opening, journal_entries, new_name
from tests.support.store_fixtures import new_context


async def test_a_second_commit_under_one_context_fails(store: HallsStore, database: Database) -> None:
    """A second commit under the same context is an error at once and stores nothing."""
    await commit_opening(store, name := new_name())
    ctx = new_context()
    await store.commit(ctx, Load(Hall, name), decide=add_desks)
    with pytest.raises(RuntimeError, match=r"test\.Command commits twice under one context"):
        await store.commit(ctx, Load(Hall, name), decide=partial(add_desks, more=50))
    assert (await store.get(Hall, name, new_context())).desks == 1
    assert len(await journal_entries(database)) == 2


async def test_a_second_commit_fails_while_the_first_waits(store: HallsStore, database: Database) -> None:
    """The second commit fails also where both are started at the same time."""
    await commit_opening(store, name := new_name())
    ctx = new_context()
    commits = (store.commit(ctx, Load(Hall, name), decide=add_desks) for _ in range(2))
    first, second = await asyncio.gather(*commits, return_exceptions=True)
    assert isinstance(first, Hall)
    assert isinstance(second, RuntimeError)
    assert len(await journal_entries(database)) == 2


async def book_and_announce(store: HallsStore, name: str, ctx: CallContext) -> tuple[Hall, Hall]:
    """Commit twice within one call."""
    booked = await store.commit(ctx, Load(Hall, name), decide=partial(add_desks, more=10))
    announce = partial(add_desks, more=0, display_name="Announced")
    return booked, await store.commit(ctx.step("announce"), Load(Hall, name), decide=announce)


async def test_a_step_has_its_own_entry(store: HallsStore, database: Database) -> None:
    """Each step has its own journal entry, under the caller's actor and command."""
    await commit_opening(store, name := new_name())
    booked, announced = await book_and_announce(store, name, new_context(request_id="once", actor="mei"))
    assert (booked.version, announced.version, announced.display_name) == (2, 3, "Announced")
    entries = [entry for entry in await journal_entries(database) if entry["actor"] == "mei"]
    assert sorted(entry["entities"][0]["version"] for entry in entries) == [2, 3]
    assert len({entry["_id"] for entry in entries}) == 2


async def test_a_repeat_of_the_call_gets_both_replies(store: HallsStore, database: Database) -> None:
    """When the whole call comes again with its request id, each step gets its first reply and nothing changes."""
    await commit_opening(store, name := new_name())
    first = await book_and_announce(store, name, new_context(request_id="once"))
    await store.commit(new_context(), Load(Hall, name), decide=add_desks)
    assert await book_and_announce(store, name, new_context(request_id="once")) == first
    assert (await store.get(Hall, name, new_context())).version == 4
    assert len(await journal_entries(database)) == 4


async def test_a_call_that_stopped_between_its_steps_is_completed(store: HallsStore) -> None:
    """A repeat of a call whose second step was never committed gets the first reply and commits the second."""
    await commit_opening(store, name := new_name())
    ctx = new_context(request_id="once")
    booked = await store.commit(ctx, Load(Hall, name), decide=partial(add_desks, more=10))
    again, announced = await book_and_announce(store, name, new_context(request_id="once"))
    assert again == booked
    assert (announced.desks, announced.version) == (10, 3)


async def test_a_step_name_is_used_once() -> None:
    """The same step twice in one call is an error; its second commit would get the first one's reply."""
    ctx = new_context()
    ctx.step("announce")
    ctx.step("notify")
    with pytest.raises(RuntimeError, match="has a step 'announce' already"):
        ctx.step("announce")


async def test_a_step_commits_once(store: HallsStore) -> None:
    """A step is a context of its own: it too commits once."""
    await commit_opening(store, name := new_name())
    step = new_context().step("announce")
    await store.commit(step, Load(Hall, name), decide=add_desks)
    with pytest.raises(RuntimeError, match="commits twice"):
        await store.commit(step, Load(Hall, name), decide=add_desks)
