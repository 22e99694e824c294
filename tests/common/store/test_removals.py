"""Removals: the document goes, the journal and the facts say so, and names and values are free again."""

from functools import partial
from typing import Any

import pytest

from libs.common.domain.entity import Change
from libs.common.domain.errors import NotFound, Taken
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import (
    Hall,
    HallClosed,
    HallsStore,
    commit_closing,
    commit_desks,
    commit_opening,
    journal_entries,
    new_halls_store,
    new_name,
    stored_hall,
    versions_in,
)
from tests.common.store.batches import commit_together
from tests.support.store_fixtures import new_context, running


def entities_of(entries: list[dict[str, Any]], ctx_entry: str) -> list[dict[str, Any]]:
    """Return what an entry says about entities."""
    return next(list(entry["entities"]) for entry in entries if entry["_id"] == ctx_entry)


async def test_a_removal_removes_the_document(store: HallsStore, database: Database) -> None:
    """A removed entity has no document; its fact and its journal entry carry the next version."""
    await commit_opening(store, name := new_name())
    await commit_desks(store, name)
    ctx = new_context()
    await commit_closing(store, name, ctx)
    assert await stored_hall(database, name) is None
    entries = await journal_entries(database)
    assert entities_of(entries, ctx.entry_id) == [{"name": name, "version": 3, "removed": True}]
    (entry,) = [entry for entry in entries if entry["_id"] == ctx.entry_id]
    facts = [(fact["type"], fact["subject"], fact["sequence"]) for fact in entry["facts"]]
    assert facts == [("hatchery.halls.v1.HallClosed", name, 3)]


async def test_what_was_removed_is_not_found(store: HallsStore) -> None:
    """Reads and commands that name a removed entity are refused with the kind's reason."""
    await commit_opening(store, name := new_name())
    await commit_closing(store, name)
    with pytest.raises(NotFound) as read:
        await store.get(Hall, name, new_context())
    with pytest.raises(NotFound) as changed:
        await commit_desks(store, name)
    assert read.value.reason == changed.value.reason == "HALL_NOT_FOUND"


async def test_a_removal_may_reply_with_what_was_removed(store: HallsStore) -> None:
    """The reply of a removal is the entity as it was, also for a repeat."""
    await commit_opening(store, name := new_name(), desks=3)

    def decide(hall: Hall) -> Change[Hall]:
        return Change(hall, removes=(hall,), facts=(HallClosed.of(hall),))

    context = partial(new_context, request_id="once")
    replies = [await store.commit(context(), Load(Hall, name), decide=decide) for _ in range(2)]
    assert [(reply.desks, reply.version) for reply in replies] == [(3, 1), (3, 1)]


async def test_a_repeated_removal_has_no_effect(store: HallsStore, database: Database) -> None:
    """A repeat of a removal is answered as the first time, also after the name was used again."""
    name, context = new_name(), partial(new_context, request_id="once")
    await commit_opening(store, name)
    await commit_closing(store, name, context())
    await commit_closing(store, name, context())
    await commit_opening(store, name, desks=8)
    await commit_closing(store, name, context())
    document = await stored_hall(database, name)
    assert document is not None
    assert document["desks"] == 8


async def test_created_and_removed_in_one_batch(idle_store: HallsStore, database: Database) -> None:
    """An entity that one batch creates and removes leaves no document, and both facts in the order of versions."""
    name = new_name()
    replies = await commit_together(
        idle_store,
        commit_opening(idle_store, name, code="x"),
        commit_closing(idle_store, name),
        commit_desks(idle_store, name),
        commit_opening(idle_store, other := new_name(), code="x"),
    )
    assert (replies[0].version, replies[1]) == (1, None)
    assert isinstance(replies[2], NotFound)
    assert replies[3].code == "x"
    assert await stored_hall(database, name) is None
    assert await stored_hall(database, other) is not None
    assert versions_in(await journal_entries(database), name) == [1, 2]


async def test_removed_and_created_again_in_one_batch(idle_store: HallsStore, database: Database) -> None:
    """A name that one batch frees can be used again in it; the new document holds nothing of the old one."""
    name = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, name, desks=5, code="old")
        await commit_desks(store, name)
    removed, created = await commit_together(
        idle_store, commit_closing(idle_store, name), commit_opening(idle_store, name, display_name="New")
    )
    assert removed is None
    assert (created.version, created.desks, created.code) == (1, 0, None)
    document = await stored_hall(database, name)
    assert document is not None
    assert (document["version"], document["desks"], document["code"]) == (1, 0, None)
    assert document["display_name"] == "New"


async def test_a_freed_value_can_be_taken_in_the_same_batch(idle_store: HallsStore, database: Database) -> None:
    """A unique value of a removed entity is free for a new and for an existing entity of the same batch."""
    first, second, existing = new_name(), new_name(), new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, first, code="a")
        await commit_opening(store, second, code="b")
        await commit_opening(store, existing)
    replies = await commit_together(
        idle_store,
        commit_closing(idle_store, first),
        commit_opening(idle_store, new_name(), code="a"),
        commit_closing(idle_store, second),
        commit_desks(idle_store, existing, code="b"),
    )
    assert [getattr(reply, "code", reply) for reply in replies] == [None, "a", None, "b"]
    assert await database.collection("halls").count_documents({"code": {"$in": ["a", "b"]}}) == 2


async def test_a_freed_value_is_free_beside_a_clash(idle_store: HallsStore, database: Database) -> None:
    """Where another command of the batch wants a value that is held, the value of a removed entity is free still."""
    first = new_name()
    async with running(new_halls_store(database)) as store:
        await commit_opening(store, first, code="a")
        await commit_opening(store, new_name(), code="held")
    closed, taken, refused = await commit_together(
        idle_store,
        commit_closing(idle_store, first),
        commit_opening(idle_store, new_name(), code="a"),
        commit_opening(idle_store, new_name(), code="held"),
    )
    assert (closed, taken.code) == (None, "a")
    assert isinstance(refused, Taken)


async def test_a_removal_needs_the_current_version(store: HallsStore, database: Database) -> None:
    """A decision that removes something else than the loaded version is a defect and removes nothing."""
    await commit_opening(store, name := new_name())

    def decide(hall: Hall) -> Change[None]:
        return Change(None, removes=(hall.with_(version=hall.version + 1),))

    with pytest.raises(RuntimeError, match="current version"):
        await store.commit(new_context(), Load(Hall, name, guard=True), decide=decide)
    assert await stored_hall(database, name) is not None
