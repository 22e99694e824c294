"""Spaces in a real MongoDB: order, filters, scope, pages, the cost of queries, and documents of other versions."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from functools import partial

import pytest
from pydantic import ValidationError

from libs.common.domain.errors import Invalid
from libs.common.store.command import Load
from libs.common.store.database import Database
from services.spaces.domain.space import Kind, ListSpaces, Space, SpaceSpec, update
from services.spaces.domain.tenancy import ListTenancies
from services.spaces.store import SPACES, SpacesStore
from tests.spaces import samples
from tests.spaces.samples import CITY, FENGMAN, HIGH_TECH, LONGTAN, TODAY, space
from tests.support.store_fixtures import insert, new_context, query_plans

#: As people look for names: numbers by value, then by the pinyin of phrases, Latin names among them.
#: ā běi cháng-chūn chāng-yì chuán dà fēng jí jiāng lán lóng nán pán shū sōng yǒng zhǎng-dà zhōng.
IN_ORDER = (
    "2号楼",
    "10号楼",
    "阿城",
    "北山",
    "Beta 工坊",
    "长春",
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
    "长大",
    "中新",
)


def spaces_named(titles: Sequence[str]) -> list[Space]:
    """Return a space for each title, whose resource names are in another order than the titles."""
    return [space(name=f"spaces/{place:03d}").with_(display_name=title) for place, title in enumerate(titles)]


async def page_of(store: SpacesStore, query: ListSpaces, *scopes: str) -> tuple[list[str], str]:
    """Return the names on a page, and the token of the next."""
    page = await store.list_spaces(query, new_context(*scopes))
    return [found.name for found in page], page.next_page_token


async def all_pages(store: SpacesStore, query: ListSpaces, *scopes: str) -> list[str]:
    """Return the names on every page, one after another."""
    names, token = await page_of(store, query, *scopes)
    while token:
        more, token = await page_of(store, query.model_copy(update={"page_token": token}), *scopes)
        names += more
    return names


# --- order ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "direction"), [("display_name", 1), ("display_name desc", -1), ("  display_name   desc ", -1)]
)
async def test_spaces_are_sorted_by_display_name(store: SpacesStore, order: str, direction: int) -> None:
    """Sorted by display name they stand as people look for them, across pages, or in reverse; spaces do not matter."""
    inserted = spaces_named(random.Random(1).sample(IN_ORDER, len(IN_ORDER)))
    await insert(store.database, SPACES, inserted)
    titles = {each.name: each.display_name for each in inserted}
    names = await all_pages(store, ListSpaces(order_by=order, page_size=5))
    assert [titles[name] for name in names] == list(IN_ORDER)[::direction]


@pytest.mark.parametrize(
    ("order", "direction"), [("", 1), ("create_time", 1), ("create_time desc", -1), (" create_time  desc", -1)]
)
async def test_spaces_are_sorted_by_creation(store: SpacesStore, order: str, direction: int) -> None:
    """Without an order, or by creation, spaces stand in the order of their names, whose ids sort by time."""
    inserted = spaces_named(IN_ORDER[::-1])
    await insert(store.database, SPACES, random.Random(2).sample(inserted, len(inserted)))
    names = await all_pages(store, ListSpaces(order_by=order, page_size=5))
    assert names == [each.name for each in inserted][::direction]


@pytest.mark.parametrize(
    "order", ["name", "display_name up", "DISPLAY_NAME", "create_time desc desc", " desc", "$where"]
)
async def test_another_order_is_refused(store: SpacesStore, order: str) -> None:
    """Only the orders of the contract are accepted."""
    with pytest.raises(Invalid) as refusal:
        await store.list_spaces(ListSpaces(order_by=order), new_context())
    assert [violation.field for violation in refusal.value.violations] == ["order_by"]


async def test_an_update_moves_a_space_in_the_order(store: SpacesStore, database: Database) -> None:
    """A renamed space stands where its new name belongs."""
    inserted = spaces_named(("北山", "长春", "中新"))
    await insert(database, SPACES, inserted)
    command = samples.update(inserted[0], SpaceSpec(display_name="长大"), "display_name")
    decide = partial(update, command=command, city=CITY, today=TODAY)
    await store.commit(new_context(), Load(Space, inserted[0].name, guard=True), decide=decide)
    names = await all_pages(store, ListSpaces(order_by="display_name"))
    assert names == ["spaces/001", "spaces/000", "spaces/002"]


# --- filters and scope ------------------------------------------------------------------------


async def test_spaces_are_filtered_by_kind_and_place(store: SpacesStore) -> None:
    """Kind and place narrow the list together; a place is a district or a zone."""
    one, two, three = spaces_named(("一", "二", "三"))
    two = two.with_(district=FENGMAN, zone=HIGH_TECH)
    three = three.with_(district=FENGMAN, kind=Kind.ACCELERATOR)
    await insert(store.database, SPACES, (one, two, three))
    expected = {
        ListSpaces(): [one, two, three],
        ListSpaces(kind=Kind.INCUBATOR): [one, two],
        ListSpaces(district=FENGMAN): [two, three],
        ListSpaces(district=HIGH_TECH): [two],
        ListSpaces(kind=Kind.ACCELERATOR, district=FENGMAN): [three],
        ListSpaces(kind=Kind.ACCELERATOR, district=LONGTAN): [],
    }
    for query, found in expected.items():
        assert await all_pages(store, query) == [each.name for each in found], query


async def test_lists_hold_spaces_in_scope_only(store: SpacesStore) -> None:
    """A caller whose scopes name spaces, a district or a zone sees those and no others, whatever the filter."""
    one, two, three = spaces_named(("一", "二", "三"))
    two, three = two.with_(district=FENGMAN, zone=HIGH_TECH), three.with_(district=FENGMAN)
    await insert(store.database, SPACES, (one, two, three))
    expected = {
        (one.name,): [one],
        (FENGMAN,): [two, three],
        (HIGH_TECH,): [two],
        (one.name, HIGH_TECH): [one, two],
        ("spaces/other", "startups/a1"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, ListSpaces(), *scopes) == [each.name for each in found], scopes
        filtered = await all_pages(store, ListSpaces(district=FENGMAN), *scopes)
        assert filtered == [each.name for each in found if each.district == FENGMAN], scopes


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "create_time desc", "display_name", "display_name desc"])
async def test_pages_miss_and_repeat_nothing_while_others_are_added(store: SpacesStore, order: str) -> None:
    """Each space that was there at the beginning is on one page, and none is on two, though more are created."""
    chance = random.Random(3)
    # Few titles for many spaces: pages end in the middle of equal sort keys.
    inserted = spaces_named([chance.choice(("长春", "ＡＩ", "ai", "2号")) for _ in range(40)])
    await insert(store.database, SPACES, inserted)
    query, names, number = ListSpaces(order_by=order, page_size=3), list[str](), 0
    while True:
        found, token = await page_of(store, query)
        names += found
        if not token:
            break
        query = query.model_copy(update={"page_token": token})
        number += 1
        before, behind = f"spaces/000{number:03d}", f"spaces/zzz{number:03d}"
        title = chance.choice(("长春", "ＡＩ", "ai", "2号"))
        late = [space(name=name).with_(display_name=title) for name in (before, behind)][: 1 + (number < 5)]
        await insert(store.database, SPACES, late)
    times = Counter(names)
    assert {each.name: times[each.name] for each in inserted} == {each.name: 1 for each in inserted}
    assert max(times.values()) == 1


@pytest.mark.parametrize(("size", "count"), [(0, 50), (1, 1), (200, 200), (201, 200), (10_000, 200)])
async def test_a_page_has_a_size(store: SpacesStore, size: int, count: int) -> None:
    """0 means 50, and more than 200 means 200; a full last page has no next."""
    await insert(store.database, SPACES, spaces_named(["一"] * count))
    found, token = await page_of(store, ListSpaces(page_size=size))
    assert (len(found), token) == (count, "")
    await insert(store.database, SPACES, [space(name="spaces/zzz")])
    found, token = await page_of(store, ListSpaces(page_size=size))
    assert len(found) == count
    assert token


async def test_a_page_token_is_bound_to_its_query(store: SpacesStore) -> None:
    """A token continues the query that it came from, at any page size, and every other query refuses it."""
    await insert(store.database, SPACES, spaces_named(IN_ORDER))
    _, token = await page_of(store, ListSpaces(page_size=3))
    assert (await page_of(store, ListSpaces(page_size=5, page_token=token)))[0][0] == "spaces/003"
    others: list[tuple[ListSpaces, tuple[str, ...]]] = [
        (ListSpaces(kind=Kind.INCUBATOR, page_token=token), ()),
        (ListSpaces(district=LONGTAN, page_token=token), ()),
        (ListSpaces(order_by="display_name", page_token=token), ()),
        (ListSpaces(order_by="create_time desc", page_token=token), ()),
        (ListSpaces(page_token=token), (LONGTAN,)),
    ]
    for query, scopes in others:
        with pytest.raises(Invalid) as refusal:
            await page_of(store, query, *scopes)
        assert [violation.field for violation in refusal.value.violations] == ["page_token"], query
    for parent in ("spaces/-", "spaces/001"):
        with pytest.raises(Invalid) as refusal:
            await store.list_tenancies(ListTenancies(parent=parent, page_token=token), new_context())
        assert [violation.field for violation in refusal.value.violations] == ["page_token"], parent


@pytest.mark.parametrize("token", ["x", "AAAA", "e30", "吉", "=", "A" * 999, "BQAAAAA", "W10", "bnVsbA"])
async def test_anything_else_is_no_page_token(store: SpacesStore, token: str) -> None:
    """A page token that no page gave is refused as bad input."""
    with pytest.raises(Invalid) as refusal:
        await page_of(store, ListSpaces(page_token=token))
    assert [violation.field for violation in refusal.value.violations] == ["page_token"]


# --- what queries cost ------------------------------------------------------------------------

#: Many more than a page; one in a hundred is rare in every way.
MANY, PAGE = 3000, 20
QUERIES: list[tuple[ListSpaces, tuple[str, ...]]] = [
    (ListSpaces(), ()),
    (ListSpaces(order_by="create_time desc"), ()),
    (ListSpaces(order_by="display_name"), ()),
    (ListSpaces(order_by="display_name desc"), ()),
    (ListSpaces(kind=Kind.ACCELERATOR), ()),
    (ListSpaces(district=FENGMAN), ()),
    (ListSpaces(district=HIGH_TECH), ()),
    (ListSpaces(), ("spaces/007", "spaces/008")),
    (ListSpaces(), (FENGMAN,)),
    (ListSpaces(), (HIGH_TECH, "spaces/007")),
    (ListSpaces(kind=Kind.ACCELERATOR, district=FENGMAN), ()),
]


async def test_every_list_is_read_along_an_index(store: SpacesStore) -> None:
    """Whatever the filter, order and scope, a page examines about as many entries as it has rows.

    Without filter and scope nothing is sorted in memory either.
    """
    rare = {"district": FENGMAN, "zone": HIGH_TECH, "kind": Kind.ACCELERATOR}
    titles = spaces_named([IN_ORDER[place % len(IN_ORDER)] + str(place) for place in range(MANY)])
    crowd = [each.with_(**rare) if place % 100 == 7 else each for place, each in enumerate(titles)]
    await insert(store.database, SPACES, crowd)
    expensive = []
    for query, scopes in QUERIES:
        async with query_plans(store.database, "spaces") as plans:
            page, token = await page_of(store, query.model_copy(update={"page_size": PAGE}), *scopes)
            if token:
                await page_of(store, query.model_copy(update={"page_size": PAGE, "page_token": token}), *scopes)
        assert page
        assert plans
        is_plain = not (scopes or query.kind or query.district)
        expensive += [
            (query, scopes, plan)
            for plan in plans
            if "COLLSCAN" in plan.summary
            or max(plan.keys, plan.documents) > 8 * (PAGE + 1)
            or (is_plain and plan.sorted_in_memory)
        ]
    assert expensive == []


# --- documents --------------------------------------------------------------------------------


async def test_an_area_is_stored_as_the_nearest_double(store: SpacesStore, database: Database) -> None:
    """A document holds 35.62 as the number that every client of MongoDB reads, and it is read as that decimal."""
    await insert(database, SPACES, [space(area_m2="35.62")])
    document = await database.collection("spaces").find_one({"_id": "spaces/s1"})
    assert document is not None
    assert (type(document["area_m2"]), document["area_m2"]) == (float, 35.62)
    assert (await store.get(Space, "spaces/s1", new_context())).area_m2 == Decimal("35.62")


async def test_an_unreadable_document_fails_alone(store: SpacesStore, database: Database) -> None:
    """A document that this version cannot read fails whoever names it, and nobody who reads at the same time."""
    one, unreadable, two = spaces_named(("一", "二", "三"))
    await insert(database, SPACES, [one, two])
    await database.collection("spaces").insert_one({**SPACES.to_document(unreadable), "kind": "CASTLE"})
    calls = (store.get(Space, each.name, new_context()) for each in (one, unreadable, two))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in found] == [Space, ValidationError, Space]


async def test_fields_of_a_newer_version_survive(store: SpacesStore, database: Database) -> None:
    """Fields that this version does not know stay in a document that it changes."""
    known = space()
    await database.collection("spaces").insert_one({**SPACES.to_document(known), "motto": {"zh": "敢为人先"}})
    command = samples.update(known, SpaceSpec(desks=20), "desks")
    decide = partial(update, command=command, city=CITY, today=TODAY)
    await store.commit(new_context(), Load(Space, known.name, guard=True), decide=decide)
    document = await database.collection("spaces").find_one({"_id": known.name})
    assert document is not None
    assert (document["motto"], document["desks"], document["version"]) == ({"zh": "敢为人先"}, 20, 2)
