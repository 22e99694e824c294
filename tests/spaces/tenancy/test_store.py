"""Tenancies in a real MongoDB: filters, scope, races between replicas, and the cost of queries."""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from functools import partial

from google.protobuf.message import Message
from google.type.date_pb2 import Date

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.domain.errors import Precondition, Taken
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.command import Load
from libs.common.store.database import Database
from services.spaces.domain import tenancy as tenancies
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.space import Space
from services.spaces.domain.tenancy import ListTenancies, RegisterTenant, State, Tenancy
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES, SpacesStore
from tests.spaces.samples import FENGMAN, HIGH_TECH, LONGTAN, TODAY, ZONE, Area, occupant, space
from tests.support.store_fixtures import insert, new_context, new_store, query_plans, running

EVERY = ListTenancies(parent="spaces/-")


def tenancy(number: int, landlord: int, **fields: object) -> Tenancy:
    """Return a tenancy of a startup of its own in a space; `fields` replace or add."""
    made = Tenancy(
        name=f"spaces/{landlord:03d}/tenancies/t{number:05d}",
        version=1,
        space=f"spaces/{landlord:03d}",
        space_display_name="空间",
        district=LONGTAN,
        zone="",
        startup=f"startups/a{number:05d}",
        startup_display_name="松江碳材",
        desks=1,
        area_m2=Decimal(0),
        start_date=TODAY,
        state=State.ACTIVE,
    )
    return made.with_(**fields)


async def page_of(store: SpacesStore, query: ListTenancies, *scopes: str) -> tuple[list[str], str]:
    """Return the names on a page, and the token of the next."""
    page = await store.list_tenancies(query, new_context(*scopes))
    return [found.name for found in page], page.next_page_token


async def all_pages(store: SpacesStore, query: ListTenancies, *scopes: str) -> list[str]:
    """Return the names on every page, one after another."""
    names, token = await page_of(store, query, *scopes)
    while token:
        more, token = await page_of(store, query.model_copy(update={"page_token": token}), *scopes)
        names += more
    return names


# --- filters and scope ------------------------------------------------------------------------


async def test_tenancies_are_filtered_by_space_startup_and_state(store: SpacesStore) -> None:
    """Space, startup and states narrow the list together; `spaces/-` is every space."""
    first = tenancy(1, 1)
    over = tenancy(2, 1, state=State.ENDED)
    same = tenancy(3, 2, startup=first.startup, state=State.SIGNED)
    neighbour = tenancy(4, 10)
    await insert(store.database, TENANCIES, (first, over, same, neighbour))
    landlord = first.space
    expected = {
        EVERY: [first, over, same, neighbour],
        ListTenancies(parent=landlord): [first, over],
        ListTenancies(parent="spaces/00"): [],
        ListTenancies(parent="spaces/-", startup=first.startup): [first, same],
        ListTenancies(parent=landlord, startup=first.startup): [first],
        ListTenancies(parent="spaces/-", states=(State.ENDED, State.SIGNED)): [over, same],
        ListTenancies(parent=landlord, states=(State.ENDED, State.SIGNED)): [over],
    }
    for query, found in expected.items():
        assert await all_pages(store, query) == [each.name for each in found], query


async def test_lists_hold_tenancies_in_scope_only(store: SpacesStore) -> None:
    """A caller sees the tenancies of the spaces, startups, districts and zones in scope, and no others."""
    one, two = tenancy(1, 1), tenancy(2, 2, district=FENGMAN, zone=HIGH_TECH)
    await insert(store.database, TENANCIES, (one, two))
    expected = {
        (one.space,): [one],
        (two.startup,): [two],
        (LONGTAN,): [one],
        (HIGH_TECH,): [two],
        (one.startup, FENGMAN): [one, two],
        ("spaces/other", "startups/other"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, EVERY, *scopes) == [each.name for each in found], scopes


# --- what queries cost ------------------------------------------------------------------------

#: Many more than a page, in 30 spaces; one in a hundred has ended.
MANY, SPACE_COUNT, PAGE = 3000, 30, 20
QUERIES: list[tuple[ListTenancies, tuple[str, ...]]] = [
    (EVERY, ()),
    (ListTenancies(parent="spaces/007"), ()),
    (ListTenancies(parent="spaces/-", startup="startups/rare"), ()),
    (ListTenancies(parent="spaces/-", startup="startups/a00100"), ()),
    (ListTenancies(parent="spaces/-", states=(State.ENDED,)), ()),
    (ListTenancies(parent="spaces/-", states=(State.ENDED, State.SIGNED)), ()),
    (EVERY, ("spaces/007",)),
    (EVERY, ("startups/rare",)),
    (EVERY, (HIGH_TECH,)),
    (EVERY, ("spaces/007", "spaces/008", FENGMAN)),
    (ListTenancies(parent="spaces/007", states=(State.ENDED,)), ()),
    (ListTenancies(parent="spaces/007"), ("spaces/007",)),
    (ListTenancies(parent="spaces/-", states=(State.ACTIVE,)), ("spaces/008",)),
    (ListTenancies(parent="spaces/-", startup="startups/a00100"), (LONGTAN,)),
]


async def insert_many(store: SpacesStore) -> None:
    """Insert many more tenancies than fit on a page, some of them rare."""
    over = {"state": State.ENDED, "district": FENGMAN, "zone": HIGH_TECH, "startup": "startups/rare"}
    made = (tenancy(n, n % SPACE_COUNT, **(over if n % 100 == 7 else {})) for n in range(MANY))
    await insert(store.database, TENANCIES, made)


async def test_every_list_is_read_along_an_index(store: SpacesStore) -> None:
    """Whatever the filter and scope, a page examines about as many entries as it has rows."""
    await insert_many(store)
    expensive = []
    for query, scopes in QUERIES:
        async with query_plans(store.database, "tenancies") as plans:
            page, token = await page_of(store, query.model_copy(update={"page_size": PAGE}), *scopes)
            if token:
                await page_of(store, query.model_copy(update={"page_size": PAGE, "page_token": token}), *scopes)
        assert page
        assert plans
        expensive += [
            (query, scopes, plan)
            for plan in plans
            if "COLLSCAN" in plan.summary or max(plan.keys, plan.documents) > 8 * (PAGE + 1)
        ]
    assert expensive == []


async def test_due_tenancies_are_found_by_their_index(store: SpacesStore) -> None:
    """The sweeper's query examines what is due, and not the tenancies that wait for nothing."""
    await insert_many(store)
    due = [tenancy(n, n, due_time=Clock().now() - timedelta(seconds=1)) for n in (MANY, MANY + 1)]
    await insert(store.database, TENANCIES, due)
    found: list[str] = []

    async def note(name: str, _: CallContext) -> None:
        found.append(name)

    sweeper = Sweeper(store.database, "spaces", (), Clock().now, 1)
    async with query_plans(store.database, "tenancies") as plans:
        await sweeper.sweep(Timer("tenancies", note))
    assert sorted(found) == [each.name for each in due]
    assert [plan.documents for plan in plans] == [2]


# --- races and documents ----------------------------------------------------------------------


async def register(
    store: SpacesStore, landlord: Space, who: Occupant, number: int, request_id: str = "", area_m2: Area = 0
) -> Tenancy:
    """Register a tenant for one desk."""
    command = RegisterTenant.model_validate(
        {"space": landlord.name, "startup": who.name, "desks": 1, "area_m2": area_m2}
    )
    name = f"{landlord.name}/tenancies/t{number:04d}"
    return await store.commit(
        new_context(request_id=request_id),
        Load(Space, landlord.name, guard=True),
        Load(Occupant, who.name),
        decide=partial(tenancies.register, command=command, name=name, today=TODAY, zone=ZONE),
    )


async def test_two_replicas_fill_a_space_and_no_more(store: SpacesStore, database: Database) -> None:
    """However many register at two replicas at once, as many succeed as the space has desks."""
    landlord, tenants = space(desks=30), [occupant(f"startups/a{number}") for number in range(80)]
    await insert(database, SPACES, [landlord])
    await insert(database, OCCUPANTS, tenants)
    async with running(new_store(SpacesStore, database, facts_pb2)) as other:
        calls = (register((store, other)[number % 2], landlord, who, number) for number, who in enumerate(tenants))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Tenancy: 30, Precondition: 50}
    full = await store.get(Space, landlord.name, new_context())
    assert full.on(TODAY).desks_free == 0
    assert await database.collection("tenancies").count_documents({}) == 30


async def test_areas_leased_at_two_replicas_add_up_exactly(store: SpacesStore, database: Database) -> None:
    """Forty leases of 35.62 m² fill 1,424.8 m² to the last hundredth, whichever replica registers them."""
    landlord, tenants = space(100, "1424.8"), [occupant(f"startups/a{number}") for number in range(41)]
    await insert(database, SPACES, [landlord])
    await insert(database, OCCUPANTS, tenants)
    async with running(new_store(SpacesStore, database, facts_pb2)) as other:
        calls = (
            register((store, other)[number % 2], landlord, who, number, area_m2="35.62")
            for number, who in enumerate(tenants)
        )
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Tenancy: 40, Precondition: 1}
    [refusal] = [answer for answer in answers if isinstance(answer, Precondition)]
    assert refusal.metadata["area_missing_m2"] == "35.62"
    full = (await store.get(Space, landlord.name, new_context())).on(TODAY)
    assert (full.area_free_m2, full.occupancy[0].area_m2) == (Decimal(0), landlord.area_m2)


async def test_the_area_is_the_same_in_document_and_fact(store: SpacesStore, database: Database) -> None:
    """A lease of 35.62 m² is 35.62 in the tenancy's document, in the space's, and in the published fact."""
    await insert(database, SPACES, [space()])
    await insert(database, OCCUPANTS, [occupant()])
    leased = await register(store, space(), occupant(), 1, area_m2="35.62")
    document = await database.collection("tenancies").find_one({"_id": leased.name})
    landlord = await database.collection("spaces").find_one({"_id": "spaces/s1"})
    entry = await database.collection("journal").find_one({"entities.name": leased.name})
    assert document is not None
    assert landlord is not None
    assert entry is not None
    fact: Message = facts_pb2.TenancyActivated.FromString(entry["facts"][0]["body"])
    assert (document["area_m2"], landlord["occupancy"][0]["area_m2"]) == (35.62, 35.62)
    assert fact == facts_pb2.TenancyActivated(
        name=leased.name,
        space="spaces/s1",
        space_display_name="江城孵化器",
        district=LONGTAN,
        startup="startups/a1",
        desks=1,
        area_m2=35.62,
        start_date=Date(year=2026, month=11, day=24),
    )


async def test_a_startup_gets_one_of_many_spaces(store: SpacesStore, database: Database) -> None:
    """A startup registered in many spaces at once, at two replicas, becomes the tenant of one."""
    landlords, who = [space(name=f"spaces/{place:03d}") for place in range(20)], occupant()
    await insert(database, SPACES, landlords)
    await insert(database, OCCUPANTS, [who])
    async with running(new_store(SpacesStore, database, facts_pb2)) as other:
        calls = (register((store, other)[n % 2], landlord, who, n) for n, landlord in enumerate(landlords))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Tenancy: 1, Taken: 19}
    assert await database.collection("spaces").count_documents({"occupancy": {"$ne": []}}) == 1


async def test_a_repeat_at_another_replica_has_no_effect(store: SpacesStore, database: Database) -> None:
    """One request repeated at two replicas at once happens once, and every repeat gets the same answer."""
    landlord, who = space(), occupant()
    await insert(database, SPACES, [landlord])
    await insert(database, OCCUPANTS, [who])
    async with running(new_store(SpacesStore, database, facts_pb2)) as other:
        calls = (register((store, other)[number % 2], landlord, who, number, "once") for number in range(50))
        answers = await asyncio.gather(*calls)
    assert answers == [answers[0]] * 50
    assert await database.collection("tenancies").count_documents({}) == 1
    after = await store.get(Space, landlord.name, new_context())
    assert after.on(TODAY).desks_free == landlord.desks - 1


async def test_fields_of_a_newer_version_survive(store: SpacesStore, database: Database) -> None:
    """Fields that this version does not know stay in the documents of the space and the occupant."""
    await database.collection("spaces").insert_one({**SPACES.to_document(space()), "motto": {"zh": "敢为人先"}})
    await database.collection("occupants").insert_one({**OCCUPANTS.to_document(occupant()), "rating": 5})
    await register(store, space(), occupant(), 1)
    landlord = await database.collection("spaces").find_one({"_id": "spaces/s1"})
    projection = await database.collection("occupants").find_one({"_id": "startups/a1"})
    assert landlord is not None
    assert projection is not None
    assert (landlord["motto"], landlord["version"]) == ({"zh": "敢为人先"}, 2)
    assert (projection["rating"], len(projection["stays"])) == (5, 1)
