"""Startups in a real MongoDB: the unique code, orders, filters, pages, and what the queries cost."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest

from libs.api.hatchery.startups.v1 import facts_pb2
from libs.common.clock import Clock
from libs.common.collections import to_document
from libs.common.documents import Documents
from libs.common.errors import Invalid, Taken
from services.startups.domain import (
    ListStartups,
    RegisterStartup,
    ResidencyState,
    Stage,
    Startup,
    register_startup,
    update_startup,
)
from services.startups.store import StartupsStore
from tests.spaces.keeping import SETTINGS, asked, keep, running, watched
from tests.startups.examples import CITY, CODES, FENGMAN, LONGTAN, TODAY, code, spec, startup, stay, update

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
EVERY = ListStartups()


def called(titles: Sequence[str]) -> list[Startup]:
    """A team for each title, by name in another order than by title."""
    return [startup(name=f"startups/{place:03d}", display_name=title) for place, title in enumerate(titles)]


async def one_page(store: StartupsStore, ask: ListStartups, *scopes: str) -> tuple[list[str], str]:
    """The names on a page, and the token of the next."""
    page = await store.startups(ask, asked(*scopes))
    return [found.name for found in page], page.next_page_token


async def all_pages(store: StartupsStore, ask: ListStartups, *scopes: str) -> list[str]:
    """The names on every page, one after another."""
    names, token = await one_page(store, ask, *scopes)
    while token:
        more, token = await one_page(store, ask.model_copy(update={"page_token": token}), *scopes)
        names += more
    return names


async def register(store: StartupsStore, name: str, credit_code: str) -> Startup:
    """Enter a firm into the register."""
    ask = RegisterStartup(startup=spec(credit_code=credit_code))
    return await store.commit(asked(), decide=partial(register_startup, ask, CITY, name=name, today=TODAY))


async def become_firm(store: StartupsStore, name: str, credit_code: str) -> Startup:
    """A team of that name takes a code."""
    ask = update(spec(credit_code=credit_code), "credit_code")
    decide = partial(update_startup, ask=ask, city=CITY, today=TODAY)
    return await store.commit(asked(), (Startup, name), decide=decide)


# --- the code is one firm's ------------------------------------------------------------------------


async def test_one_of_many_gets_a_code(store: StartupsStore, documents: Documents) -> None:
    """Of all who register with the same code at once, at two replicas, one gets it and the others are told."""
    async with running(StartupsStore(documents, facts_pb2, Clock(), SETTINGS)) as other:
        calls = (register((store, other)[number % 2], f"startups/n{number}", CODES[0]) for number in range(40))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Startup: 1, Taken: 39}
    assert {answer.reason for answer in answers if isinstance(answer, Taken)} == {"CREDIT_CODE_TAKEN"}
    assert await documents.collection("startups").count_documents({}) == 1


async def test_a_clash_fails_nobody_else(store: StartupsStore, documents: Documents) -> None:
    """Who arrives together with a clash of codes, with another code or none, is registered all the same."""
    codes = [CODES[0], *CODES, "", ""]
    calls = (register(store, f"startups/n{number}", given) for number, given in enumerate(codes))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Startup, Taken, *[Startup] * (len(codes) - 2)]
    told = documents.collection("journal").find({"facts.type": "hatchery.startups.v1.StartupRegistered"})
    assert len(await told.to_list(None)) == len(codes) - 1


async def test_a_clash_is_looked_for_by_the_index(store: StartupsStore, documents: Documents) -> None:
    """Who holds a code is found without looking at any other startup, however many there are."""
    await keep(documents, "startups", [startup(name=f"startups/t{number}") for number in range(200)])
    await register(store, "startups/first", CODES[0])
    async with watched(documents, "startups") as plans:
        with pytest.raises(Taken):
            await register(store, "startups/second", CODES[0])
    (plan,) = plans
    assert plan.summary == "IXSCAN { credit_code: 1 }"
    assert plan.documents <= 1


async def test_one_of_two_teams_becomes_the_firm(store: StartupsStore, documents: Documents) -> None:
    """Of teams that take the same code at once, one becomes the firm and the others stay teams."""
    teams = [startup(name=f"startups/n{number}") for number in range(10)]
    await keep(documents, "startups", teams)
    async with running(StartupsStore(documents, facts_pb2, Clock(), SETTINGS)) as other:
        calls = (become_firm((store, other)[n % 2], team.name, CODES[0]) for n, team in enumerate(teams))
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Startup: 1, Taken: 9}
    assert len(await all_pages(store, ListStartups(stage=Stage.TEAM))) == 9


# --- order, filters and reach ------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "way"), [("display_name", 1), ("display_name desc", -1)])
async def test_names_are_sorted_by_pinyin(store: StartupsStore, order: str, way: int) -> None:
    """Startups sorted by what they are called stand in the order of a Chinese dictionary, or in its reverse."""
    kept = called(random.Random(1).sample(BY_PINYIN, len(BY_PINYIN)))
    await keep(store.documents, "startups", kept)
    titles = {one.name: one.display_name for one in kept}
    names = await all_pages(store, ListStartups(order_by=order, page_size=5))
    assert [titles[name] for name in names] == list(BY_PINYIN)[::way]


@pytest.mark.parametrize(("order", "way"), [("", 1), ("create_time", 1), ("create_time desc", -1)])
async def test_startups_are_sorted_by_registration(store: StartupsStore, order: str, way: int) -> None:
    """Without an order, or by creation, startups stand in the order of their names, whose ids sort by time."""
    kept = called(BY_PINYIN[::-1])
    await keep(store.documents, "startups", random.Random(2).sample(kept, len(kept)))
    names = await all_pages(store, ListStartups(order_by=order, page_size=5))
    assert names == [one.name for one in kept][::way]


async def test_startups_are_filtered(store: StartupsStore) -> None:
    """Stage, district, field, code and space narrow the list together; a space only for who lives there now."""
    team, firm, gone = called(("一", "二", "三"))
    firm = firm.with_(credit_code=CODES[0], district=FENGMAN).living(stay("1", 1, 0))
    gone = gone.with_(technology_field="other").living(stay("1", 2, -9, -1, ResidencyState.ENDED))
    await keep(store.documents, "startups", (team, firm, gone))
    expected = {
        EVERY: [team, firm, gone],
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
    for ask, found in expected.items():
        assert await all_pages(store, ask) == [entity.name for entity in found], ask


async def test_startups_are_narrowed_to_the_reach(store: StartupsStore) -> None:
    """A caller whose scopes name startups or districts sees those and no others, whatever the filter."""
    one, two, three = called(("一", "二", "三"))
    two = two.with_(district=FENGMAN)
    await keep(store.documents, "startups", (one, two, three))
    expected = {
        (one.name,): [one],
        (FENGMAN,): [two],
        (LONGTAN,): [one, three],
        (three.name, FENGMAN): [two, three],
        ("spaces/s1", "startups/other"): [],
    }
    for scopes, found in expected.items():
        assert await all_pages(store, EVERY, *scopes) == [entity.name for entity in found], scopes
        filtered = await all_pages(store, ListStartups(district=LONGTAN), *scopes)
        assert filtered == [entity.name for entity in found if entity.district == LONGTAN], scopes


# --- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "create_time desc", "display_name", "display_name desc"])
async def test_pages_are_whole_while_others_are_added(store: StartupsStore, order: str) -> None:
    """Who turns pages sees each startup that was there at the beginning once, and none twice, though more arrive."""
    chance = random.Random(3)
    # Few titles for many startups: pages end in the middle of equal ones.
    kept = called([chance.choice(BY_PINYIN[:4]) for _ in range(40)])
    await keep(store.documents, "startups", kept)
    times: Counter[str] = Counter()
    names, token = await one_page(store, ListStartups(order_by=order, page_size=3))
    for number in range(100):
        times.update(names)
        if not token:
            break
        late = f"startups/{'000' if number % 2 else 'zzz'}{number:03d}"
        if number < 20:
            await keep(store.documents, "startups", [startup(name=late, display_name=chance.choice(BY_PINYIN[:4]))])
        names, token = await one_page(store, ListStartups(order_by=order, page_size=3, page_token=token))
    assert not token
    assert {one.name: times[one.name] for one in kept} == {one.name: 1 for one in kept}
    assert max(times.values()) == 1


async def test_a_page_token_is_bound_to_its_query(store: StartupsStore) -> None:
    """A token goes on with the query that it came from, at any page size, and is refused by every other."""
    await keep(store.documents, "startups", called(BY_PINYIN))
    _, token = await one_page(store, ListStartups(page_size=3))
    assert (await one_page(store, ListStartups(page_size=5, page_token=token)))[0][0] == "startups/003"
    others: list[tuple[ListStartups, tuple[str, ...]]] = [
        (ListStartups(stage=Stage.TEAM, page_token=token), ()),
        (ListStartups(district=LONGTAN, page_token=token), ()),
        (ListStartups(technology_field="other", page_token=token), ()),
        (ListStartups(credit_code=CODES[0], page_token=token), ()),
        (ListStartups(space="spaces/s1", page_token=token), ()),
        (ListStartups(order_by="display_name", page_token=token), ()),
        (ListStartups(page_token=token), (LONGTAN,)),
    ]
    for ask, scopes in others:
        with pytest.raises(Invalid) as refused:
            await one_page(store, ask, *scopes)
        assert [wrong.field for wrong in refused.value.violations] == ["page_token"], ask


# --- what queries cost ------------------------------------------------------------------------------

#: Many more than a page; one in a hundred is rare in every way.
MANY, PAGE = 3000, 20
BY_INDEX: list[tuple[ListStartups, tuple[str, ...]]] = [
    (EVERY, ()),
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
    (EVERY, ("startups/007", "startups/107")),
    (EVERY, (FENGMAN,)),
    (EVERY, ("startups/008", FENGMAN)),
]


async def test_every_list_is_read_along_an_index(store: StartupsStore) -> None:
    """Whatever the filter, order and reach, a page costs about as many entries as it has rows."""
    rare = {"district": FENGMAN, "technology_field": "other"}
    crowd = [
        one.with_(**rare, credit_code=code(n)).living(stay("1", 1, 0)) if n % 100 == 7 else one
        for n, one in enumerate(called([BY_PINYIN[n % len(BY_PINYIN)] + str(n) for n in range(MANY)]))
    ]
    await keep(store.documents, "startups", crowd)
    dear = []
    for ask, scopes in BY_INDEX:
        async with watched(store.documents, "startups") as plans:
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


async def test_what_a_newer_version_wrote_survives(store: StartupsStore, documents: Documents) -> None:
    """Fields that this version does not know stay in a document that it changes."""
    await documents.collection("startups").insert_one({**to_document(startup()), "motto": {"zh": "敢为人先"}})
    await become_firm(store, "startups/a1", CODES[0])
    kept = await documents.collection("startups").find_one({"_id": "startups/a1"})
    assert kept is not None
    assert (kept["motto"], kept["credit_code"], kept["version"]) == ({"zh": "敢为人先"}, CODES[0], 2)
