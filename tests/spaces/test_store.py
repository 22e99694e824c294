"""Spaces and tenancies in a real MongoDB: orders, filters, pages, races, and what the queries cost."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from pydantic import ValidationError

from libs.api.hatchery.spaces.v1 import facts_pb2
from libs.common.asking import Asked
from libs.common.clock import Clock
from libs.common.collections import to_document
from libs.common.documents import Documents
from libs.common.errors import Invalid, Precondition, Taken
from libs.common.sweeper import Due, Sweeper
from services.spaces.domain import (
    Kind,
    ListSpaces,
    ListTenancies,
    Occupant,
    RegisterTenant,
    Space,
    SpaceSpec,
    Tenancy,
    TenancyState,
    register_tenant,
    update_space,
)
from services.spaces.store import SpacesStore
from tests.spaces.examples import CITY, FENGMAN, HIGH_TECH, LONGTAN, TODAY, ZONE, occupant, space, update
from tests.spaces.keeping import SETTINGS, asked, keep, running, watched

#: In the order of their pinyin: ā běi chāng chuán dà fēng jí jiāng lán lóng nán pán shū sōng yǒng zhōng.
BY_PINYIN = (
    "阿城",
    "北山",
    "昌邑",
    "船营",
    "大仝",
    "丰满",
    "吉林",
    "江城",
    "蓝天",
    "龙潭",
    "南山",
    "磐石",
    "舒兰",
    "松江",
    "永吉",
    "中新",
)
EVERY_SPACE, EVERY_TENANCY = ListSpaces(), ListTenancies(parent="spaces/-")


def spaces_called(titles: Sequence[str]) -> list[Space]:
    """A space for each title, by name in another order than by title."""
    return [space(name=f"spaces/{place:03d}").with_(display_name=title) for place, title in enumerate(titles)]


def tenancy(number: int, house: int, **fields: object) -> Tenancy:
    """A tenancy of a startup of its own in a space, with some fields otherwise."""
    made = Tenancy(
        name=f"spaces/{house:03d}/tenancies/t{number:05d}",
        version=1,
        space=f"spaces/{house:03d}",
        space_display_name="空间",
        district=LONGTAN,
        zone="",
        startup=f"startups/a{number:05d}",
        startup_display_name="松江碳材",
        desks=1,
        area_m2=0,
        start_date=TODAY,
        state=TenancyState.ACTIVE,
    )
    return made.with_(**fields)


async def all_pages(store: SpacesStore, ask: ListSpaces | ListTenancies, *scopes: str) -> list[str]:
    """The names on every page, one after another."""
    names: list[str] = []
    while True:
        page = await one_page(store, ask, *scopes)
        names += page[0]
        if not page[1]:
            return names
        ask = ask.model_copy(update={"page_token": page[1]})


async def one_page(store: SpacesStore, ask: ListSpaces | ListTenancies, *scopes: str) -> tuple[list[str], str]:
    """The names on a page, and the token of the next."""
    if isinstance(ask, ListSpaces):
        spaces = await store.spaces(ask, asked(*scopes))
        return [found.name for found in spaces], spaces.next_page_token
    tenancies = await store.tenancies(ask, asked(*scopes))
    return [found.name for found in tenancies], tenancies.next_page_token


# --- order -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "way"), [("display_name", 1), ("display_name desc", -1)])
async def test_names_are_sorted_by_pinyin(store: SpacesStore, order: str, way: int) -> None:
    """Spaces sorted by what they are called stand in the order of a Chinese dictionary, or in its reverse."""
    shuffled = random.Random(1).sample(BY_PINYIN, len(BY_PINYIN))
    kept = spaces_called(shuffled)
    await keep(store.documents, "spaces", kept)
    titles = {one.name: one.display_name for one in kept}
    names = await all_pages(store, ListSpaces(order_by=order, page_size=5))
    assert [titles[name] for name in names] == list(BY_PINYIN)[::way]


@pytest.mark.parametrize(("order", "way"), [("", 1), ("create_time", 1), ("create_time desc", -1)])
async def test_spaces_are_sorted_by_creation(store: SpacesStore, order: str, way: int) -> None:
    """Without an order, or by creation, spaces stand in the order of their names, whose ids sort by time."""
    kept = spaces_called(BY_PINYIN[::-1])
    await keep(store.documents, "spaces", random.Random(2).sample(kept, len(kept)))
    assert await all_pages(store, ListSpaces(order_by=order, page_size=5)) == [one.name for one in kept][::way]


@pytest.mark.parametrize(
    "order", ["name", "display_name up", "DISPLAY_NAME", "create_time desc desc", " desc", "$where"]
)
async def test_another_order_is_refused(store: SpacesStore, order: str) -> None:
    """Only the orders that the contract names can be asked for."""
    with pytest.raises(Invalid) as refused:
        await store.spaces(ListSpaces(order_by=order), asked())
    assert [wrong.field for wrong in refused.value.violations] == ["order_by"]


# --- filters and reach ----------------------------------------------------------------------------


async def test_spaces_are_filtered_by_kind_and_place(store: SpacesStore) -> None:
    """A kind and a place narrow the list together; a place is a district or a zone."""
    one, two, three = spaces_called(("一", "二", "三"))
    two = two.with_(district=FENGMAN, zone=HIGH_TECH)
    three = three.with_(district=FENGMAN, kind=Kind.ACCELERATOR)
    await keep(store.documents, "spaces", (one, two, three))
    expected = {
        ListSpaces(kind=Kind.INCUBATOR): [one, two],
        ListSpaces(district=FENGMAN): [two, three],
        ListSpaces(district=HIGH_TECH): [two],
        ListSpaces(kind=Kind.ACCELERATOR, district=FENGMAN): [three],
        ListSpaces(kind=Kind.ACCELERATOR, district=LONGTAN): [],
    }
    for ask, found in expected.items():
        assert await all_pages(store, ask) == [entity.name for entity in found], ask


async def test_spaces_are_narrowed_to_the_reach(store: SpacesStore) -> None:
    """A caller whose scopes name spaces, a district or a zone sees those and no others, whatever the filter."""
    one, two, three = spaces_called(("一", "二", "三"))
    two, three = two.with_(district=FENGMAN, zone=HIGH_TECH), three.with_(district=FENGMAN)
    await keep(store.documents, "spaces", (one, two, three))
    expected = {
        (one.name,): [one],
        (FENGMAN,): [two, three],
        (HIGH_TECH,): [two],
        (one.name, HIGH_TECH): [one, two],
        ("spaces/other", "startups/a1"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, EVERY_SPACE, *scopes) == [entity.name for entity in found], scopes
        filtered = await all_pages(store, ListSpaces(district=FENGMAN), *scopes)
        assert filtered == [entity.name for entity in found if entity.district == FENGMAN], scopes


async def test_tenancies_are_filtered_by_space_startup_and_state(store: SpacesStore) -> None:
    """A space, a startup and states narrow the list together; `spaces/-` is every space."""
    first = tenancy(1, 1)
    over = tenancy(2, 1, state=TenancyState.ENDED)
    same = tenancy(3, 2, startup=first.startup, state=TenancyState.SIGNED)
    neighbour = tenancy(4, 10)
    await keep(store.documents, "tenancies", (first, over, same, neighbour))
    states, house = TenancyState, first.space
    expected = {
        EVERY_TENANCY: [first, over, same, neighbour],
        ListTenancies(parent=house): [first, over],
        ListTenancies(parent="spaces/00"): [],
        ListTenancies(parent="spaces/-", startup=first.startup): [first, same],
        ListTenancies(parent=house, startup=first.startup): [first],
        ListTenancies(parent="spaces/-", states=(states.ENDED, states.SIGNED)): [over, same],
        ListTenancies(parent=house, states=(states.ENDED, states.SIGNED)): [over],
    }
    for ask, found in expected.items():
        assert await all_pages(store, ask) == [entity.name for entity in found], ask


async def test_tenancies_are_narrowed_to_the_reach(store: SpacesStore) -> None:
    """A caller sees the tenancies of the spaces, startups, districts and zones in scope, and no others."""
    one, two = tenancy(1, 1), tenancy(2, 2, district=FENGMAN, zone=HIGH_TECH)
    await keep(store.documents, "tenancies", (one, two))
    expected = {
        (one.space,): [one],
        (two.startup,): [two],
        (LONGTAN,): [one],
        (HIGH_TECH,): [two],
        (one.startup, FENGMAN): [one, two],
        ("spaces/other", "startups/other"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, EVERY_TENANCY, *scopes) == [entity.name for entity in found], scopes


# --- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "create_time desc", "display_name", "display_name desc"])
async def test_pages_are_whole_while_others_are_added(store: SpacesStore, order: str) -> None:
    """Who turns pages sees each space that was there at the beginning once, and none twice, though more arrive."""
    chance = random.Random(3)
    # Few titles for many spaces: pages end in the middle of equal ones.
    kept = spaces_called([chance.choice(BY_PINYIN[:4]) for _ in range(40)])
    await keep(store.documents, "spaces", kept)
    ask, names, number = ListSpaces(order_by=order, page_size=3), list[str](), 0
    while True:
        found, token = await one_page(store, ask)
        names += found
        if not token:
            break
        ask = ask.model_copy(update={"page_token": token})
        number += 1
        before, behind = f"spaces/000{number:03d}", f"spaces/zzz{number:03d}"
        title = chance.choice(BY_PINYIN[:4])
        late = [space(name=name).with_(display_name=title) for name in (before, behind)][: 1 + (number < 5)]
        await keep(store.documents, "spaces", late)
    times = Counter(names)
    assert {one.name: times[one.name] for one in kept} == {one.name: 1 for one in kept}
    assert max(times.values()) == 1


@pytest.mark.parametrize(("size", "given"), [(0, 50), (1, 1), (200, 200), (201, 200), (10_000, 200)])
async def test_a_page_has_so_many(store: SpacesStore, size: int, given: int) -> None:
    """None asked for stands for 50, and more than 200 for 200; a full last page has no next."""
    await keep(store.documents, "spaces", spaces_called(["一"] * given))
    found, token = await one_page(store, ListSpaces(page_size=size))
    assert (len(found), token) == (given, "")
    await keep(store.documents, "spaces", [space(name="spaces/zzz")])
    found, token = await one_page(store, ListSpaces(page_size=size))
    assert len(found) == given
    assert token


async def test_a_page_token_is_bound_to_its_query(store: SpacesStore) -> None:
    """A token goes on with the query that it came from, at any page size, and is refused by every other."""
    await keep(store.documents, "spaces", spaces_called(BY_PINYIN))
    _, token = await one_page(store, ListSpaces(page_size=3))
    assert (await one_page(store, ListSpaces(page_size=5, page_token=token)))[0][0] == "spaces/003"
    others: list[tuple[ListSpaces | ListTenancies, tuple[str, ...]]] = [
        (ListSpaces(kind=Kind.INCUBATOR, page_token=token), ()),
        (ListSpaces(district=LONGTAN, page_token=token), ()),
        (ListSpaces(order_by="display_name", page_token=token), ()),
        (ListSpaces(order_by="create_time desc", page_token=token), ()),
        (ListSpaces(page_token=token), (LONGTAN,)),
        (ListTenancies(parent="spaces/-", page_token=token), ()),
        (ListTenancies(parent="spaces/001", page_token=token), ()),
    ]
    for ask, scopes in others:
        with pytest.raises(Invalid) as refused:
            await one_page(store, ask, *scopes)
        assert [wrong.field for wrong in refused.value.violations] == ["page_token"], ask


@pytest.mark.parametrize("token", ["x", "AAAA", "e30", "吉", "=", "A" * 999, "BQAAAAA"])
async def test_what_is_no_token_is_refused(store: SpacesStore, token: str) -> None:
    """Anything that no page gave is refused as a page token, and nothing worse."""
    with pytest.raises(Invalid) as refused:
        await one_page(store, ListSpaces(page_token=token))
    assert [wrong.field for wrong in refused.value.violations] == ["page_token"]


# --- what queries cost ------------------------------------------------------------------------------

#: Many more than a page, in 30 spaces; one in a hundred has ended.
MANY, HOUSES, PAGE = 3000, 30, 20


async def crowd(store: SpacesStore) -> None:
    """Spaces and tenancies, many more than fit on a page, some of each rare."""
    houses = spaces_called([BY_PINYIN[place % len(BY_PINYIN)] + str(place) for place in range(MANY)])
    rare = {"district": FENGMAN, "zone": HIGH_TECH, "kind": Kind.ACCELERATOR}
    await keep(store.documents, "spaces", [one.with_(**rare) if n % 100 == 7 else one for n, one in enumerate(houses)])
    over = {"state": TenancyState.ENDED, "district": FENGMAN, "zone": HIGH_TECH, "startup": "startups/rare"}
    tenants = (tenancy(n, n % HOUSES, **(over if n % 100 == 7 else {})) for n in range(MANY))
    await keep(store.documents, "tenancies", tenants)


BY_INDEX: list[tuple[ListSpaces | ListTenancies, tuple[str, ...]]] = [
    (EVERY_SPACE, ()),
    (ListSpaces(order_by="create_time desc"), ()),
    (ListSpaces(order_by="display_name"), ()),
    (ListSpaces(order_by="display_name desc"), ()),
    (ListSpaces(kind=Kind.ACCELERATOR), ()),
    (ListSpaces(district=FENGMAN), ()),
    (ListSpaces(district=HIGH_TECH), ()),
    (EVERY_SPACE, ("spaces/007", "spaces/008")),
    (EVERY_SPACE, (FENGMAN,)),
    (EVERY_SPACE, (HIGH_TECH, "spaces/007")),
    (EVERY_TENANCY, ()),
    (ListTenancies(parent="spaces/007"), ()),
    (ListTenancies(parent="spaces/-", startup="startups/rare"), ()),
    (ListTenancies(parent="spaces/-", startup="startups/a00100"), ()),
    (ListTenancies(parent="spaces/-", states=(TenancyState.ENDED,)), ()),
    (ListTenancies(parent="spaces/-", states=(TenancyState.ENDED, TenancyState.SIGNED)), ()),
    (EVERY_TENANCY, ("spaces/007",)),
    (EVERY_TENANCY, ("startups/rare",)),
    (EVERY_TENANCY, (HIGH_TECH,)),
    (EVERY_TENANCY, ("spaces/007", "spaces/008", FENGMAN)),
    (ListSpaces(kind=Kind.ACCELERATOR, district=FENGMAN), ()),
    (ListTenancies(parent="spaces/007", states=(TenancyState.ENDED,)), ()),
    (ListTenancies(parent="spaces/007"), ("spaces/007",)),
    (ListTenancies(parent="spaces/-", states=(TenancyState.ACTIVE,)), ("spaces/008",)),
    (ListTenancies(parent="spaces/-", startup="startups/a00100"), (LONGTAN,)),
]


async def test_every_list_is_read_along_an_index(store: SpacesStore) -> None:
    """Whatever the filter, order and reach, a page costs about as many entries as it has rows."""
    await crowd(store)
    dear = []
    for ask, scopes in BY_INDEX:
        name = "spaces" if isinstance(ask, ListSpaces) else "tenancies"
        async with watched(store.documents, name) as plans:
            page, token = await one_page(store, ask.model_copy(update={"page_size": PAGE}), *scopes)
            if token:
                await one_page(store, ask.model_copy(update={"page_size": PAGE, "page_token": token}), *scopes)
        assert page
        assert plans
        dear += [
            (ask, scopes, plan)
            for plan in plans
            if "COLLSCAN" in plan.summary or max(plan.keys, plan.documents) > 8 * (PAGE + 1)
        ]
    assert dear == []


async def test_what_is_due_is_found_by_its_index(store: SpacesStore) -> None:
    """The look for what is due touches what is due, and not the tenancies that wait for nothing."""
    await crowd(store)
    due = [tenancy(n, n, due_time=Clock().now() - timedelta(seconds=1)) for n in (MANY, MANY + 1)]
    await keep(store.documents, "tenancies", due)
    found: list[str] = []

    async def note(name: str, _: Asked) -> None:
        found.append(name)

    sweeper = Sweeper(store.documents, "spaces", (), Clock(), every=1)
    async with watched(store.documents, "tenancies") as plans:
        await sweeper.sweep(Due("tenancies", note))
    assert sorted(found) == [one.name for one in due]
    assert [plan.documents for plan in plans] == [2]


# --- races and other versions -------------------------------------------------------------------------


async def register(store: SpacesStore, house: Space, who: Occupant, number: int, request_id: str = "") -> Tenancy:
    """Register a tenant for one desk."""
    ask = RegisterTenant(space=house.name, startup=who.name, desks=1)
    name = f"{house.name}/tenancies/t{number:04d}"
    decide = partial(register_tenant, ask=ask, name=name, today=TODAY, zone=ZONE)
    asking = asked(request_id=request_id)
    return await store.commit(asking, (Space, house.name), (Occupant, who.name), decide=decide)


async def test_two_replicas_fill_a_space_and_no_more(store: SpacesStore, documents: Documents) -> None:
    """However many register at two replicas at once, just as many get in as the space has desks."""
    house, guests = space(desks=30), [occupant(f"startups/a{number}") for number in range(80)]
    await keep(documents, "spaces", [house])
    await keep(documents, "occupants", guests)
    async with running(SpacesStore(documents, facts_pb2, Clock(), SETTINGS)) as other:
        calls = (register((store, other)[number % 2], house, who, number) for number, who in enumerate(guests))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    in_now = [answer for answer in answers if isinstance(answer, Tenancy)]
    refused = [answer for answer in answers if isinstance(answer, Precondition)]
    assert (len(in_now), len(refused)) == (30, 50)
    kept = await store.get(Space, house.name, asked())
    assert kept.on(TODAY).desks_free == 0
    assert await documents.collection("tenancies").count_documents({}) == 30


async def test_a_startup_gets_one_of_two_spaces(store: SpacesStore, documents: Documents) -> None:
    """A startup registered in many spaces at once, at two replicas, sits in one of them."""
    houses, who = spaces_called(["一"] * 20), occupant()
    await keep(documents, "spaces", houses)
    await keep(documents, "occupants", [who])
    async with running(SpacesStore(documents, facts_pb2, Clock(), SETTINGS)) as other:
        calls = (register((store, other)[number % 2], house, who, number) for number, house in enumerate(houses))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Tenancy: 1, Taken: 19}
    taken = await documents.collection("spaces").count_documents({"lets": {"$ne": []}})
    assert taken == 1


async def test_a_repeat_at_another_replica_is_the_same(store: SpacesStore, documents: Documents) -> None:
    """One request repeated at two replicas at once is done once, and every repeat gets the same answer."""
    house, who = space(), occupant()
    await keep(documents, "spaces", [house])
    await keep(documents, "occupants", [who])
    async with running(SpacesStore(documents, facts_pb2, Clock(), SETTINGS)) as other:
        calls = (register((store, other)[number % 2], house, who, number, "once") for number in range(50))
        answers = await asyncio.gather(*calls)
    assert answers == [answers[0]] * 50
    assert await documents.collection("tenancies").count_documents({}) == 1
    assert (await store.get(Space, house.name, asked())).on(TODAY).desks_free == house.desks - 1


async def test_what_cannot_be_read_fails_alone(store: SpacesStore, documents: Documents) -> None:
    """A document that this version cannot read fails who asks for it, and nobody who asks at the same time."""
    one, strange, two = spaces_called(("一", "二", "三"))
    await keep(documents, "spaces", [one, two])
    await documents.collection("spaces").insert_one({**to_document(strange), "kind": "CASTLE"})
    calls = (store.get(Space, entity.name, asked()) for entity in (one, strange, two))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in found] == [Space, ValidationError, Space]


async def test_what_a_newer_version_wrote_survives(store: SpacesStore, documents: Documents) -> None:
    """Fields that this version does not know stay in a document that it changes."""
    house, who = space(), occupant()
    await documents.collection("spaces").insert_one({**to_document(house), "motto": {"zh": "敢为人先"}})
    await documents.collection("occupants").insert_one({**to_document(who), "rating": 5})
    spec = update(house, SpaceSpec(desks=20), "desks")
    await store.commit(asked(), (Space, house.name), decide=partial(update_space, ask=spec, city=CITY, today=TODAY))
    await register(store, house, who, 1)
    kept = await documents.collection("spaces").find_one({"_id": house.name})
    card = await documents.collection("occupants").find_one({"_id": who.name})
    assert kept is not None
    assert card is not None
    assert (kept["motto"], kept["desks"], kept["version"]) == ({"zh": "敢为人先"}, 20, 3)
    assert (card["rating"], len(card["stays"])) == (5, 1)
