"""Reads by name: those made together are found together, and one that fails harms no other."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from libs.common.domain.errors import Exhausted, NotFound
from libs.common.store import reader
from libs.common.store.database import Database
from tests.common.sample_domain import HALLS, Hall, HallsStore, commit_opening, new_name
from tests.support.store_fixtures import insert, new_context


def finds() -> float:
    """Return how many finds this process has made for reads by name."""
    return REGISTRY.get_sample_value("hatchery_read_names_count") or 0.0


async def test_reads_are_coalesced(store: HallsStore, database: Database) -> None:
    """A thousand reads at once need few finds, and each gets what it named."""
    names = [new_name() for _ in range(50)]
    await insert(database, HALLS, (Hall(name=name, version=1, desks=n) for n, name in enumerate(names)))
    before = finds()
    found = await asyncio.gather(*(store.get(Hall, name, new_context()) for name in names * 20))
    assert [(hall.name, hall.desks) for hall in found] == [(name, n) for n, name in enumerate(names)] * 20
    assert finds() - before <= 3


async def test_a_missing_entity_fails_alone(store: HallsStore) -> None:
    """Among reads that are found together, one of a missing entity is NOT_FOUND with its kind's reason and name."""
    await commit_opening(store, name := new_name())
    missing = new_name()
    found, error = await asyncio.gather(
        store.get(Hall, name, new_context()), store.get(Hall, missing, new_context()), return_exceptions=True
    )
    assert isinstance(found, Hall)
    assert isinstance(error, NotFound)
    assert (error.reason, error.metadata) == ("HALL_NOT_FOUND", {"name": missing})


async def test_an_unreadable_document_fails_its_readers(store: HallsStore, database: Database) -> None:
    """A document that is no valid entity fails the reads that named it; those of the same find succeed."""
    await commit_opening(store, good := new_name())
    bad = new_name()
    await database.collection("halls").insert_one({"_id": bad, "version": 1, "desks": {"odd": 1}})
    before = finds()
    replies: list[Any] = await asyncio.gather(
        *(store.get(Hall, name, new_context()) for name in (good, bad, good)), return_exceptions=True
    )
    assert finds() - before == 1
    assert [isinstance(reply, Hall) for reply in replies] == [True, False, True]
    assert not isinstance(replies[1], Hall | NotFound)


async def test_a_caller_who_left_harms_nobody(store: HallsStore) -> None:
    """A read whose caller has gone leaves the others of its find, and later ones, as they are."""
    await commit_opening(store, name := new_name())
    reads = [asyncio.ensure_future(store.get(Hall, name, new_context())) for _ in range(5)]
    await asyncio.sleep(0)
    reads[0].cancel()
    replies = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(replies[0], asyncio.CancelledError)
    assert all(isinstance(reply, Hall) for reply in replies[1:])
    assert (await store.get(Hall, name, new_context())).name == name


async def test_waiting_reads_are_bounded(store: HallsStore) -> None:
    """More names than may wait are refused at once with a time to retry after; the others are answered."""
    names = [f"halls/{number:06}" for number in range(reader.MAX_QUEUED + 1)]
    replies = await asyncio.gather(*(store.get(Hall, name, new_context()) for name in names), return_exceptions=True)
    refused = [reply for reply in replies if isinstance(reply, Exhausted)]
    assert [(refusal.reason, refusal.retry_after) for refusal in refused] == [("TOO_BUSY", 0.5)]
    assert sum(isinstance(reply, NotFound) for reply in replies) == reader.MAX_QUEUED
    with pytest.raises(NotFound):
        await store.get(Hall, names[0], new_context())
