"""The store: what was committed is read, within the caller's scope; projections are waited for."""

import asyncio

import pytest

from libs.common.domain.entity import Change, PageQuery
from libs.common.domain.errors import Denied, NotFound
from libs.common.rpc.grpc_status import as_refusal, grpc_status
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import (
    HALLS,
    Guest,
    Hall,
    HallsStore,
    commit_desks,
    commit_opening,
    commit_visit,
    new_halls_store,
    new_name,
)
from tests.support.store_fixtures import insert, new_context, query_plans, running


async def test_a_commit_is_read(store: HallsStore) -> None:
    """Whoever got the reply of a change reads that change."""
    await commit_opening(store, name := new_name(), desks=3, code=name)
    changed = await commit_desks(store, name, 4)
    read = await store.get(Hall, name, new_context())
    assert read == changed
    assert (read.desks, read.version, read.code) == (7, 2, name)
    assert read.update_time.tzinfo is not None


async def test_several_are_returned_in_the_order_of_their_names(store: HallsStore) -> None:
    """Several entities are returned in the order of the names, one named twice twice; all or none."""
    names = [new_name() for _ in range(3)]
    for name in names:
        await commit_opening(store, name)
    wanted = [names[2], names[0], names[2]]
    assert [hall.name for hall in await store.get_all(Hall, wanted, new_context())] == wanted
    with pytest.raises(NotFound):
        await store.get_all(Hall, [*names, new_name()], new_context())


async def test_out_of_scope_looks_like_missing(store: HallsStore) -> None:
    """Whoever may not see an entity cannot tell whether it exists; within the scope it is read, or NOT_FOUND."""
    await commit_opening(store, existing := new_name())
    missing = new_name()
    statuses = set()
    for scope in ("halls/0", new_name()):
        for name in (existing, missing):
            with pytest.raises(Denied) as caught:
                await store.get(Hall, name, new_context(scope))
            statuses.add(grpc_status(caught.value, "test", as_refusal)[2])
    assert len(statuses) == 1
    assert (await store.get(Hall, existing, new_context(existing))).name == existing
    assert (await store.get(Hall, existing, new_context("districts/220203"))).name == existing
    with pytest.raises(NotFound):
        await store.get(Hall, missing, new_context(missing))


def note_guest(guest: Guest) -> Change[Guest]:
    """Change a guest who must be known."""
    return Change(noted := guest.with_(display_name="Noted"), saves=(noted,))


async def test_a_projection_is_waited_for(store: HallsStore) -> None:
    """A command that names a projection which arrives a moment later succeeds."""
    name = new_name("guests")
    command = asyncio.ensure_future(store.commit(new_context(), Load(Guest, name), decide=note_guest))
    for _ in range(3):  # the command has been refused at least once before the guest arrives
        with pytest.raises(NotFound):
            await store.get(Guest, name, new_context())
    await commit_visit(store, name)
    assert (await command).display_name == "Noted"


async def test_a_projection_is_not_waited_for_long(database: Database) -> None:
    """A projection that does not arrive is NOT_FOUND after the wait, or at the deadline if that is sooner."""
    clock = asyncio.get_running_loop()
    async with running(new_halls_store(database, projection_wait_seconds=0.2)) as store:
        for deadline, at_least, at_most in ((30, 0.1, 1.5), (0.05, 0.0, 0.15)):
            started = clock.time()
            ctx = new_context(deadline=started + deadline)
            with pytest.raises(NotFound) as caught:
                await store.commit(ctx, Load(Guest, new_name("guests")), decide=note_guest)
            assert caught.value.reason == "GUEST_NOT_FOUND"
            assert at_least <= clock.time() - started < at_most


async def test_other_kinds_are_not_waited_for(database: Database) -> None:
    """A missing entity of the service's own is NOT_FOUND at once."""
    clock = asyncio.get_running_loop()
    async with running(new_halls_store(database, projection_wait_seconds=20)) as store:
        started = clock.time()
        with pytest.raises(NotFound):
            await commit_desks(store, new_name())
        assert clock.time() - started < 5


async def test_a_page_is_found_by_an_index(store: HallsStore, database: Database) -> None:
    """A later page reads no more rows than it returns, however many come before it."""
    halls = (Hall(name=f"halls/{n:04}", display_name=f"Hall {n:04}", version=1) for n in range(2000))
    await insert(database, HALLS, halls)
    page = await store.list(Hall, {}, PageQuery(page_size=200), new_context())
    async with query_plans(database, "halls") as plans:
        await store.list(Hall, {}, PageQuery(page_size=20, page_token=page.next_page_token), new_context())
    assert [(plan.found, plan.documents, plan.sorted_in_memory) for plan in plans] == [(21, 21, False)]


async def test_preparing_twice_changes_nothing(store: HallsStore, database: Database) -> None:
    """Every start creates what is missing; a second one changes nothing and keeps what was written."""
    await commit_opening(store, name := new_name())
    before = await database.collection("halls").index_information()
    await store.prepare()
    assert await database.collection("halls").index_information() == before
    assert len(before) == 4
    assert (await store.get(Hall, name, new_context())).version == 1


async def test_replicas_prepare_at_the_same_time(database: Database) -> None:
    """Several replicas that start on an empty database at once all succeed."""
    stores = [new_halls_store(database) for _ in range(4)]
    await asyncio.gather(*(store.prepare() for store in stores))
    found = set(await database.handle.list_collection_names())
    assert found >= {"halls", "guests", "contacts", "journal", "parked", "checkpoints"}
