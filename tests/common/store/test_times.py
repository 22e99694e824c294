"""Times that the commit sets: from the service's clock, and never backwards for one entity."""

from datetime import UTC, datetime, timedelta

from libs.common.store.database import Database
from tests.common.sample_domain import (
    commit_closing,
    commit_desks,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
)
from tests.support.clock import FixedClock
from tests.support.store_fixtures import running


async def test_times_are_the_clocks(database: Database) -> None:
    """Creation sets both times, a change only the second; both are the service clock's."""
    clock = FixedClock(start := datetime(2026, 3, 1, 8, tzinfo=UTC))
    async with running(new_halls_store(database, clock)) as store:
        created = await commit_opening(store, name := new_name())
        clock.advance(minutes=5)
        changed = await commit_desks(store, name)
    assert (created.create_time, created.update_time) == (start, start)
    assert (changed.create_time, changed.update_time) == (start, start + timedelta(minutes=5))


async def test_time_never_runs_backwards(database: Database) -> None:
    """Where a replica's clock is behind, an entity's times and its journal entries keep their order."""
    ahead, behind = FixedClock(), FixedClock()
    ahead.advance(seconds=30)
    name = new_name()
    async with running(new_halls_store(database, ahead)) as store:
        created = await commit_opening(store, name)
    async with running(new_halls_store(database, behind)) as store:
        changed = await commit_desks(store, name)
        behind.advance(seconds=10)
        await commit_closing(store, name)
        other = await commit_opening(store, new_name())
    assert created.update_time == changed.update_time == ahead.now()
    entries = await journal_entries(database)
    assert {entry["at"] for entry in entries if entry["entities"][0]["name"] == name} == {ahead.now()}
    assert other.update_time == behind.now()
