"""Startups in a real MongoDB: the unique code, order, filters, scope, pages, and the cost of queries."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest

from libs.api.hatchery.startups.v1 import facts_pb2
from libs.common.domain.errors import Invalid, Taken
from libs.common.store.command import Load
from libs.common.store.database import Database
from services.startups.domain import residency
from services.startups.domain import startup as startups
from services.startups.domain.startup import ListStartups, RegisterStartup, Stage, Startup
from services.startups.store import STARTUPS, StartupsStore
from tests.startups.samples import (
    CITY,
    CODES,
    FENGMAN,
    ISSUED_DIFFERENTLY,
    LONGTAN,
    TODAY,
    code,
    spec,
    startup,
    stay,
    update,
)
from tests.support.store_fixtures import insert, new_context, new_store, query_plans, running

#: As people look for names: numbers by value, then by the pinyin of phrases, Latin names among them.
#: ā běi cháng-chūn chāng-yì chuán dà fēng jí jiāng lán lóng nán pán shū sōng yǒng zhǎng-dà zhōng.
IN_ORDER = (
    "2号工坊",
    "10号工坊",
    "阿城",
    "北山",
    "Beta 生物",
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


def startups_named(titles: Sequence[str]) -> list[Startup]:
    """Return a team for each title, whose resource names are in another order than the titles."""
    return [startup(name=f"startups/{place:03d}", display_name=title) for place, title in enumerate(titles)]


async def page_of(store: StartupsStore, query: ListStartups, *scopes: str) -> tuple[list[str], str]:
    """Return the names on a page, and the token of the next."""
    page = await store.list_startups(query, new_context(*scopes))
    return [found.name for found in page], page.next_page_token


async def all_pages(store: StartupsStore, query: ListStartups, *scopes: str) -> list[str]:
    """Return the names on every page, one after another."""
    names, token = await page_of(store, query, *scopes)
    while token:
        more, token = await page_of(store, query.model_copy(update={"page_token": token}), *scopes)
        names += more
    return names


async def register(store: StartupsStore, name: str, credit_code: str) -> Startup:
    """Register a startup under a name."""
    command = RegisterStartup(startup=spec(credit_code=credit_code))
    return await store.commit(new_context(), decide=partial(startups.register, command, CITY, name=name, today=TODAY))


async def become_firm(store: StartupsStore, name: str, credit_code: str) -> Startup:
    """Give a team a code."""
    command = update(spec(credit_code=credit_code), "credit_code")
    decide = partial(startups.update, command=command, city=CITY, today=TODAY)
    return await store.commit(new_context(), Load(Startup, name, guard=True), decide=decide)


# --- one startup has a code -------------------------------------------------------------------


async def test_one_of_many_gets_a_code(store: StartupsStore, database: Database) -> None:
    """Of all that register with the same code at once, at two replicas, one succeeds (CREDIT_CODE_TAKEN)."""
    async with running(new_store(StartupsStore, database, facts_pb2)) as other:
        calls = (register((store, other)[number % 2], f"startups/n{number}", CODES[0]) for number in range(40))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Startup: 1, Taken: 39}
    assert {answer.reason for answer in answers if isinstance(answer, Taken)} == {"CREDIT_CODE_TAKEN"}
    assert await database.collection("startups").count_documents({}) == 1


async def test_a_clash_fails_nobody_else(store: StartupsStore, database: Database) -> None:
    """Startups with another code or none that arrive together with a clash of codes are registered."""
    codes = [CODES[0], *CODES, "", ""]
    calls = (register(store, f"startups/n{number}", given) for number, given in enumerate(codes))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Startup, Taken, *[Startup] * (len(codes) - 2)]
    entries = database.collection("journal").find({"facts.type": "hatchery.startups.v1.StartupRegistered"})
    assert len(await entries.to_list(None)) == len(codes) - 1


async def test_a_clash_is_found_by_the_index(store: StartupsStore, database: Database) -> None:
    """The holder of a code is found without examining any other startup, however many there are."""
    await insert(database, STARTUPS, [startup(name=f"startups/t{number}") for number in range(200)])
    await register(store, "startups/first", CODES[0])
    async with query_plans(database, "startups") as plans:
        with pytest.raises(Taken):
            await register(store, "startups/second", CODES[0])
    (plan,) = plans
    assert plan.summary == "IXSCAN { credit_code: 1 }"
    assert plan.documents <= 1


async def test_one_of_many_teams_becomes_the_firm(store: StartupsStore, database: Database) -> None:
    """Of teams that are given the same code at once, one becomes the firm and the others stay teams."""
    teams = [startup(name=f"startups/n{number}") for number in range(10)]
    await insert(database, STARTUPS, teams)
    async with running(new_store(StartupsStore, database, facts_pb2)) as other:
        calls = (become_firm((store, other)[n % 2], team.name, CODES[0]) for n, team in enumerate(teams))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Startup: 1, Taken: 9}
    assert len(await all_pages(store, ListStartups(stage=Stage.TEAM))) == 9


# --- order ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "direction"), [("display_name", 1), ("display_name desc", -1), ("  display_name   desc ", -1)]
)
async def test_startups_are_sorted_by_display_name(store: StartupsStore, order: str, direction: int) -> None:
    """Sorted by display name they stand as people look for them, across pages, or in reverse; spaces do not matter."""
    inserted = startups_named(random.Random(1).sample(IN_ORDER, len(IN_ORDER)))
    await insert(store.database, STARTUPS, inserted)
    titles = {each.name: each.display_name for each in inserted}
    names = await all_pages(store, ListStartups(order_by=order, page_size=5))
    assert [titles[name] for name in names] == list(IN_ORDER)[::direction]


@pytest.mark.parametrize(("order", "direction"), [("", 1), ("create_time", 1), ("create_time desc", -1)])
async def test_startups_are_sorted_by_registration(store: StartupsStore, order: str, direction: int) -> None:
    """Without an order, or by creation, startups stand in the order of their names, whose ids sort by time."""
    inserted = startups_named(IN_ORDER[::-1])
    await insert(store.database, STARTUPS, random.Random(2).sample(inserted, len(inserted)))
    names = await all_pages(store, ListStartups(order_by=order, page_size=5))
    assert names == [each.name for each in inserted][::direction]


# --- filters and scope ------------------------------------------------------------------------


async def test_startups_are_filtered(store: StartupsStore) -> None:
    """Stage, district, field, code and space narrow the list together; a space for those that stay there now."""
    team, firm, gone = startups_named(("一", "二", "三"))
    firm = firm.with_code(CODES[0]).with_(district=FENGMAN).with_residency(stay("1", 1, 0))
    gone = gone.with_(technology_field="other").with_residency(stay("1", 2, -9, -1, residency.State.ENDED))
    await insert(store.database, STARTUPS, (team, firm, gone))
    expected = {
        ListStartups(): [team, firm, gone],
        ListStartups(stage=Stage.TEAM): [team, gone],
        ListStartups(stage=Stage.FIRM): [firm],
        ListStartups(district=FENGMAN): [firm],
        ListStartups(technology_field="other"): [gone],
        ListStartups(credit_code=CODES[0]): [firm],
        ListStartups(credit_code=CODES[1]): [],
        ListStartups(credit_code=CODES[0], stage=Stage.TEAM): [],
        ListStartups(space="spaces/s1"): [firm],
        ListStartups(space="spaces/s1", district=LONGTAN): [],
        ListStartups(stage=Stage.TEAM, technology_field="new-materials", district=LONGTAN): [team],
    }
    for query, found in expected.items():
        assert await all_pages(store, query) == [each.name for each in found], query


async def test_a_startup_is_found_by_a_confirmed_code(store: StartupsStore) -> None:
    """A code whose 18th character does not fit finds the startup that it was confirmed for."""
    inserted = startups_named([str(place) for place in range(len(ISSUED_DIFFERENTLY))])
    firms = [each.with_code(issued) for each, issued in zip(inserted, ISSUED_DIFFERENTLY, strict=True)]
    await insert(store.database, STARTUPS, firms)
    for firm, issued in zip(firms, ISSUED_DIFFERENTLY, strict=True):
        assert await all_pages(store, ListStartups(credit_code=issued)) == [firm.name]


async def test_lists_hold_startups_in_scope_only(store: StartupsStore) -> None:
    """A caller whose scopes name startups or districts sees those and no others, whatever the filter."""
    one, two, three = startups_named(("一", "二", "三"))
    two = two.with_(district=FENGMAN)
    await insert(store.database, STARTUPS, (one, two, three))
    expected = {
        (one.name,): [one],
        (FENGMAN,): [two],
        (LONGTAN,): [one, three],
        (three.name, FENGMAN): [two, three],
        ("spaces/s1", "startups/other"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, ListStartups(), *scopes) == [each.name for each in found], scopes
        filtered = await all_pages(store, ListStartups(district=LONGTAN), *scopes)
        assert filtered == [each.name for each in found if each.district == LONGTAN], scopes


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "create_time desc", "display_name", "display_name desc"])
async def test_pages_miss_and_repeat_nothing_while_others_are_added(store: StartupsStore, order: str) -> None:
    """Each startup that was there at the beginning is on one page, and none is on two, though more are registered."""
    chance = random.Random(3)
    titles = ("长春", "ＡＩ", "ai", "2号")  # few for many startups: pages end in the middle of equal sort keys
    inserted = startups_named([chance.choice(titles) for _ in range(40)])
    await insert(store.database, STARTUPS, inserted)
    times: Counter[str] = Counter()
    names, token = await page_of(store, ListStartups(order_by=order, page_size=3))
    for number in range(100):
        times.update(names)
        if not token:
            break
        late = f"startups/{'000' if number % 2 else 'zzz'}{number:03d}"
        if number < 20:
            await insert(store.database, STARTUPS, [startup(name=late, display_name=chance.choice(titles))])
        names, token = await page_of(store, ListStartups(order_by=order, page_size=3, page_token=token))
    assert not token
    assert {each.name: times[each.name] for each in inserted} == {each.name: 1 for each in inserted}
    assert max(times.values()) == 1


async def test_a_page_token_is_bound_to_its_query(store: StartupsStore) -> None:
    """A token continues the query that it came from, at any page size, and every other query refuses it."""
    await insert(store.database, STARTUPS, startups_named(IN_ORDER))
    _, token = await page_of(store, ListStartups(page_size=3))
    assert (await page_of(store, ListStartups(page_size=5, page_token=token)))[0][0] == "startups/003"
    others: list[tuple[ListStartups, tuple[str, ...]]] = [
        (ListStartups(stage=Stage.TEAM, page_token=token), ()),
        (ListStartups(district=LONGTAN, page_token=token), ()),
        (ListStartups(technology_field="other", page_token=token), ()),
        (ListStartups(credit_code=CODES[0], page_token=token), ()),
        (ListStartups(space="spaces/s1", page_token=token), ()),
        (ListStartups(order_by="display_name", page_token=token), ()),
        (ListStartups(page_token=token), (LONGTAN,)),
    ]
    for query, scopes in others:
        with pytest.raises(Invalid) as refusal:
            await page_of(store, query, *scopes)
        assert [violation.field for violation in refusal.value.violations] == ["page_token"], query


# --- what queries cost ------------------------------------------------------------------------

#: Many more than a page; one in a hundred is rare in every way.
MANY, PAGE = 3000, 20
QUERIES: list[tuple[ListStartups, tuple[str, ...]]] = [
    (ListStartups(), ()),
    (ListStartups(order_by="create_time desc"), ()),
    (ListStartups(order_by="display_name"), ()),
    (ListStartups(order_by="display_name desc"), ()),
    (ListStartups(stage=Stage.TEAM), ()),
    (ListStartups(stage=Stage.FIRM), ()),
    (ListStartups(district=FENGMAN), ()),
    (ListStartups(technology_field="other"), ()),
    (ListStartups(credit_code=code(7)), ()),
    (ListStartups(space="spaces/s1"), ()),
    (ListStartups(district=FENGMAN, technology_field="other"), ()),
    (ListStartups(), ("startups/007", "startups/107")),
    (ListStartups(), (FENGMAN,)),
    (ListStartups(), ("startups/008", FENGMAN)),
]
#: Queries without filter and scope, in every order.
PLAIN = {ListStartups(order_by=order) for order in ("", "create_time desc", "display_name", "display_name desc")}


async def test_every_list_is_read_along_an_index(store: StartupsStore) -> None:
    """Whatever the filter, order and scope, a page examines about as many entries as it has rows.

    Without filter and scope nothing is sorted in memory either.
    """
    rare = {"district": FENGMAN, "technology_field": "other"}
    crowd = [
        each.with_code(code(place)).with_(**rare).with_residency(stay("1", 1, 0)) if place % 100 == 7 else each
        for place, each in enumerate(startups_named([IN_ORDER[n % len(IN_ORDER)] + str(n) for n in range(MANY)]))
    ]
    await insert(store.database, STARTUPS, crowd)
    expensive = []
    for query, scopes in QUERIES:
        async with query_plans(store.database, "startups") as plans:
            page, token = await page_of(store, query.model_copy(update={"page_size": PAGE}), *scopes)
            if token:
                await page_of(store, query.model_copy(update={"page_size": PAGE, "page_token": token}), *scopes)
        assert page
        assert plans
        expensive += [
            (query, scopes, plan)
            for plan in plans
            if "COLLSCAN" in plan.summary
            or max(plan.keys, plan.documents) > 8 * (PAGE + 1)
            or (plan.sorted_in_memory and not scopes and query in PLAIN)
        ]
    assert expensive == []


async def test_fields_of_a_newer_version_survive(store: StartupsStore, database: Database) -> None:
    """Fields that this version does not know stay in a document that it changes."""
    await database.collection("startups").insert_one({**STARTUPS.to_document(startup()), "motto": {"zh": "敢为人先"}})
    await become_firm(store, "startups/a1", CODES[0])
    document = await database.collection("startups").find_one({"_id": "startups/a1"})
    assert document is not None
    assert (document["motto"], document["credit_code"], document["version"]) == ({"zh": "敢为人先"}, CODES[0], 2)
