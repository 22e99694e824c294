"""Commands of one batch: what is refused, and why, is decided by what is stored in the end."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from libs.common.domain.entity import Change, Entity
from libs.common.store.database import Database
from libs.common.store.schema import EntitySchema, Index
from libs.common.store.store import Store
from tests.common.sample_contract import halls
from tests.common.sample_domain import (
    Guest,
    Hall,
    HallOpened,
    HallsStore,
    commit_opening,
    journal_entries,
    new_name,
    open_hall,
    stored_hall,
    versions_in,
)
from tests.common.store.batches import commit_together
from tests.support.store_fixtures import new_context, new_store, running


class Lease(Entity):
    """An entity of which only one that is current may have the same tenant."""

    tenant: str = ""
    state: str = "CURRENT"


class LeaseStore(Store):
    """Leases."""

    schemas = (
        EntitySchema(
            Lease,
            "leases",
            missing="LEASE_NOT_FOUND",
            indexes=(Index(("tenant",), where={"state": "CURRENT"}, unique_reason="TENANT_HAS_LEASE"),),
        ),
    )


def open_lease(new: Lease) -> Change[Lease]:
    """Store a new lease."""
    return Change(new, saves=(new,))


async def test_a_value_is_free_when_the_command_that_wanted_it_first_is_given_up(
    idle_store: HallsStore, database: Database
) -> None:
    """A command that lost a unique value to another of its batch gets it when the other's caller is gone."""
    loop, decided, first, second = asyncio.get_running_loop(), 0, new_name(), new_name()

    def decide() -> Change[Hall]:
        nonlocal decided
        decided += 1
        if decided == 2:  # the run that finds the clash
            loop.call_soon_threadsafe(winner.cancel)
        return open_hall(Hall(name=first, code="wanted"))

    winner = asyncio.ensure_future(idle_store.commit(new_context(), decide=decide))
    loser = commit_opening(idle_store, second, code="wanted")
    replies = await commit_together(idle_store, winner, loser)
    assert isinstance(replies[0], asyncio.CancelledError)
    assert isinstance(replies[1], Hall), replies[1]
    assert await stored_hall(database, first) is None


async def test_entities_of_one_name_and_several_kinds_are_all_saved(store: HallsStore, database: Database) -> None:
    """A decision may save entities of different kinds that have the same name, as projections of one entity do."""
    hall = Hall(name=new_name())
    change = Change(hall, saves=(hall, Guest(name=hall.name)), facts=(HallOpened.of(hall),))
    assert (await store.commit(new_context(), decide=lambda: change)).version == 1
    assert await stored_hall(database, hall.name)
    assert await database.collection("guests").find_one({"_id": hall.name})
    (entry,) = await journal_entries(database)
    assert versions_in([entry], hall.name) == [1, 1]


def test_a_change_names_an_entity_once() -> None:
    """A change that saves an entity twice, or saves and removes it, is a mistake and would lose one of the two."""
    hall = Hall(name=new_name())
    with pytest.raises(ValueError, match="twice"):
        Change(None, saves=(hall, hall.with_(desks=1)))
    with pytest.raises(ValueError, match="twice"):
        Change(None, saves=(hall,), removes=(hall,))


async def test_a_partial_index_refuses_only_what_it_holds(database: Database) -> None:
    """A value that is unique among some documents is free for others, also when the batch runs again."""
    store = new_store(LeaseStore, database, halls)
    await store.prepare()
    async with running(new_store(LeaseStore, database, halls)) as earlier:
        held = Lease(name="leases/held", tenant="mei")
        await earlier.commit(new_context(), decide=partial(open_lease, held))
    past = Lease(name="leases/past", tenant="mei", state="ENDED")
    clash = Lease(name="leases/clash", tenant="mei")
    replies: list[Any] = await commit_together(
        cast("HallsStore", store),
        store.commit(new_context(), decide=partial(open_lease, clash)),
        store.commit(new_context(), decide=partial(open_lease, past)),
    )
    assert getattr(replies[0], "reason", "") == "TENANT_HAS_LEASE"
    assert isinstance(replies[1], Lease), replies[1]


async def test_a_command_needs_a_request_id(store: HallsStore) -> None:
    """Without a request id every command of a caller would get the first one's reply, so none is run."""
    ctx = replace(new_context(), request_id="")
    with pytest.raises(RuntimeError, match="request id"):
        await commit_opening(store, new_name(), ctx)
