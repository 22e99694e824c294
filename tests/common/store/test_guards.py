"""Guards: every command names what must be in the caller's scope, and nothing is revealed about the rest."""

import pytest

from libs.common.domain.entity import Change
from libs.common.domain.errors import Denied, NotFound
from libs.common.store.command import Load, optional
from libs.common.store.database import Database
from tests.common.sample_domain import (
    Guest,
    Hall,
    HallsStore,
    commit_closing,
    commit_opening,
    journal_entries,
    new_name,
    stored_hall,
)
from tests.support.store_fixtures import new_context


def take_desk(hall: Hall) -> Change[None]:
    """Take a desk away, without a reply."""
    return Change(None, saves=(hall.with_(desks=hall.desks - 1),))


async def test_a_command_needs_a_guard_or_an_entity_reply(store: HallsStore, database: Database) -> None:
    """A command with neither fails at its first run, whoever calls, and stores nothing."""
    await commit_opening(store, name := new_name(), desks=5)
    with pytest.raises(RuntimeError, match=r"test\.Command names no guard"):
        await store.commit(new_context(), Load(Hall, name), decide=take_desk)
    document = await stored_hall(database, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (5, 1)
    assert len(await journal_entries(database)) == 1


async def test_a_guard_is_enough(store: HallsStore) -> None:
    """A command without a reply commits when one of its loads is a guard in the caller's scope."""
    await commit_opening(store, name := new_name(), desks=5)
    await store.commit(new_context(name), Load(Hall, name, guard=True), decide=take_desk)
    assert (await store.get(Hall, name, new_context())).desks == 4


async def test_an_unguarded_context_needs_no_guard(store: HallsStore) -> None:
    """The service's own work, and permissions that no role holds in its own scope only, need no guard."""
    await commit_opening(store, name := new_name(), desks=5)
    await store.commit(new_context(unguarded=True), Load(Hall, name), decide=take_desk)
    assert (await store.get(Hall, name, new_context())).desks == 4


async def test_a_guard_out_of_scope_reveals_nothing(store: HallsStore, database: Database) -> None:
    """A guard that the scopes do not reach is refused in the same words whether the entity exists or not."""
    await commit_opening(store, existing := new_name(), desks=5)
    texts = set()
    for name in (existing, new_name()):
        for scope in (new_name(), "districts/220204"):
            with pytest.raises(Denied) as caught:
                await commit_closing(store, name, new_context(scope))
            texts.add((caught.value.reason, caught.value.message, str(caught.value.metadata)))
    assert texts == {("OUT_OF_SCOPE", "the token's scopes do not reach this resource", "{}")}
    assert len(await journal_entries(database)) == 1


async def test_a_guard_is_checked_before_other_loads(store: HallsStore) -> None:
    """A caller out of scope does not learn that another entity of the command is missing."""
    await commit_opening(store, name := new_name())

    def decide(guest: Guest, hall: Hall) -> Change[None]:
        return Change(None, saves=(hall, guest))

    loads = Load(Guest, new_name("guests")), Load(Hall, name, guard=True)
    with pytest.raises(Denied):
        await store.commit(new_context(new_name()), *loads, decide=decide)


async def test_a_missing_guard_in_scope_is_not_found(store: HallsStore) -> None:
    """A guard whose name is in scope and that does not exist is NOT_FOUND with the kind's reason."""
    name = new_name()
    with pytest.raises(NotFound) as caught:
        await commit_closing(store, name, new_context(name))
    assert caught.value.reason == "HALL_NOT_FOUND"


async def test_an_optional_guard_may_be_missing(store: HallsStore) -> None:
    """An optional guard that does not exist is given to the decision as None when its name is in scope."""
    name = new_name()

    def decide(hall: Hall | None) -> Change[None]:
        return Change(None, saves=() if hall else (Hall(name=name),))

    with pytest.raises(Denied):
        await store.commit(new_context(new_name()), optional(Hall, name, guard=True), decide=decide)
    await store.commit(new_context(name), optional(Hall, name, guard=True), decide=decide)
    assert (await store.get(Hall, name, new_context())).version == 1


async def test_other_loads_are_not_checked(store: HallsStore) -> None:
    """A load that is no guard may be out of scope, as long as the guard is within."""
    await commit_opening(store, mine := new_name(), desks=1)
    await commit_opening(store, other := new_name(), desks=7)

    def copy_desks(to: Hall, source: Hall) -> Change[None]:
        return Change(None, saves=(to.with_(desks=source.desks),))

    await store.commit(new_context(mine), Load(Hall, mine, guard=True), Load(Hall, other), decide=copy_desks)
    assert (await store.get(Hall, mine, new_context())).desks == 7


async def test_a_reply_out_of_scope_is_refused(store: HallsStore, database: Database) -> None:
    """A command whose reply the scopes do not reach is refused and stores nothing."""
    name = new_name()
    with pytest.raises(Denied) as caught:
        await commit_opening(store, name, new_context("districts/220204"))
    assert caught.value.reason == "OUT_OF_SCOPE"
    assert await stored_hall(database, name) is None
    assert (await commit_opening(store, name, new_context("districts/220203"))).version == 1
