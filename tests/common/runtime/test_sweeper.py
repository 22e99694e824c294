"""The sweeper: what is due is handled once, by index, whatever fails beside it."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from libs.common.domain.entity import Change
from libs.common.domain.errors import Precondition
from libs.common.rpc.context import CallContext
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import (
    Hall,
    HallsStore,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
    versions_in,
)
from tests.support.clock import FixedClock
from tests.support.store_fixtures import new_context, query_plans, running
from tests.support.waiting import eventually, running_task


class Closing:
    """The method of a timer: it adds a desk to a due hall. `failures` gives the errors to raise instead."""

    def __init__(self, store: HallsStore) -> None:
        self.store = store
        self.contexts: list[CallContext] = []
        self.failures: dict[str, Exception] = {}

    async def handle(self, name: str, ctx: CallContext) -> None:
        """Handle one hall, without a reply and without a guard."""
        self.contexts.append(ctx)
        if error := self.failures.get(name):
            raise error

        def decide(hall: Hall) -> Change[None]:
            return Change(None, saves=(hall.with_(desks=hall.desks + 1, due_time=None),))

        await self.store.commit(ctx, Load(Hall, name), decide=decide)


def new_sweeper(database: Database, closing: Closing, clock: FixedClock) -> tuple[Sweeper, Timer]:
    """Create the sweeper of one replica, and its timer."""
    timer = Timer("halls", closing.handle)
    return Sweeper(database, "halls", (timer,), clock.now, 0.02), timer


@pytest.fixture
def clock() -> FixedClock:
    """A clock that the tests move."""
    return FixedClock()


@pytest.fixture
async def closing(store: HallsStore) -> Closing:
    """The timer's method."""
    return Closing(store)


async def test_what_is_due_is_handled_once(database: Database, closing: Closing, clock: FixedClock) -> None:
    """A hall is handled when its moment has come, not before, and not again; others are left alone."""
    sweeper, timer = new_sweeper(database, closing, clock)
    due, later, never = new_name(), new_name(), new_name()
    await commit_opening(closing.store, due, due_time=clock.now())
    await commit_opening(closing.store, later, due_time=clock.now() + timedelta(hours=1))
    await commit_opening(closing.store, never)
    for _ in range(2):
        await sweeper.sweep(timer)
    assert [(await closing.store.get(Hall, name, new_context())).desks for name in (due, later, never)] == [1, 0, 0]
    clock.advance(hours=1)
    await sweeper.sweep(timer)
    assert [(await closing.store.get(Hall, name, new_context())).desks for name in (due, later, never)] == [1, 1, 0]


async def test_replicas_handle_a_moment_once(database: Database, closing: Closing, clock: FixedClock) -> None:
    """However many replicas sweep at the same time, each moment of an entity takes effect once."""
    names = [new_name() for _ in range(30)]
    for name in names:
        await commit_opening(closing.store, name, due_time=clock.now())
    async with running(new_halls_store(database)) as other:
        sweepers = [new_sweeper(database, each, clock) for each in (closing, Closing(other)) for _ in range(2)]
        await asyncio.gather(*(sweeper.sweep(timer) for sweeper, timer in sweepers))
    entries = await journal_entries(database)
    assert [versions_in(entries, name) for name in names] == [[1, 2]] * 30


async def test_a_failure_fails_alone(database: Database, closing: Closing, clock: FixedClock) -> None:
    """An entity whose method fails stays due, is logged, and keeps no other waiting; it is tried again."""
    sweeper, timer = new_sweeper(database, closing, clock)
    refused, broken, sound = new_name(), new_name(), new_name()
    for name in (refused, broken, sound):
        await commit_opening(closing.store, name, due_time=clock.now())
    closing.failures = {refused: Precondition("NOT_NOW", "not now"), broken: ZeroDivisionError()}
    with capture_logs() as lines:
        await sweeper.sweep(timer)
    assert (await closing.store.get(Hall, sound, new_context())).desks == 1
    found = {line["name"]: (line["event"], line["reason"], line["exc_info"] is None) for line in lines}
    assert found == {
        refused: ("timer_failed", "NOT_NOW", True),
        broken: ("timer_failed", "ZeroDivisionError", False),
    }
    closing.failures.clear()
    await sweeper.sweep(timer)
    assert [(await closing.store.get(Hall, name, new_context())).desks for name in (refused, broken)] == [1, 1]


async def test_a_timer_acts_as_the_service(database: Database, closing: Closing, clock: FixedClock) -> None:
    """A timer's command is the service's own, with a key made of the entity and its moment."""
    sweeper, timer = new_sweeper(database, closing, clock)
    await commit_opening(closing.store, name := new_name(), due_time=clock.now())
    await sweeper.sweep(timer)
    (ctx,) = closing.contexts
    assert (ctx.actor, ctx.command, ctx.unguarded) == ("services/halls/sweeper", "timer:halls", True)
    assert ctx.request_id == f"{name}@{clock.now().isoformat()}"


async def test_due_entities_are_found_by_index(database: Database, closing: Closing, clock: FixedClock) -> None:
    """A look for what is due reads only what is due, however many entities there are."""
    sweeper, timer = new_sweeper(database, closing, clock)
    for _ in range(20):
        await commit_opening(closing.store, new_name())
    async with query_plans(database, "halls") as plans:
        await sweeper.sweep(timer)
    assert [(plan.documents, plan.keys, plan.found) for plan in plans] == [(0, 0, 0)]


async def test_sweeps_until_stopped(database: Database, closing: Closing, clock: FixedClock) -> None:
    """A running sweeper handles what becomes due while it runs."""
    sweeper, _ = new_sweeper(database, closing, clock)
    async with running_task(sweeper.run()):
        await commit_opening(closing.store, name := new_name(), due_time=clock.now() + timedelta(hours=1))
        clock.advance(hours=2)

        async def handled() -> bool:
            return (await closing.store.get(Hall, name, new_context())).desks == 1

        await eventually(handled)
