"""Page by page a list shows everything once, in its order, and a page's token fits only the query it came from."""

import base64
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Code, MinKey, ObjectId, Regex

from libs.common.asking import Reach
from libs.common.documents import Documents
from libs.common.errors import Invalid
from libs.common.listing import Order, Query, order_by, resume, seek
from libs.common.values import Listing
from tests.common.halls import Hall, Halls, asked

BY_TITLE = Order("display_name", locale="zh")
BY_DESKS = Order("create_time")
QUERY: Query = ("halls", [{"district": "districts/220203"}])
ROW = {"_id": "spaces/1", "display_name": "江城", "create_time": datetime(2026, 3, 1, tzinfo=UTC)}
TITLES = ("白山", "吉林", "江城", "Alpha", "alpha", "Beta", "松江", "蛟河")
TOWN = {f"spaces/{n:02}": TITLES[n % len(TITLES)] for n in range(30)}


@pytest.fixture
async def town(documents: Documents, still: Halls) -> Halls:
    """Thirty halls in two districts, several of each title."""
    rows: list[dict[str, Any]] = [
        {"_id": name, "display_name": title, "district": f"districts/22020{1 + n % 2}", "version": 1}
        for n, (name, title) in enumerate(TOWN.items())
    ]
    await documents.collection("halls").insert_many(rows)
    return still


async def pages(store: Halls, size: int, order: Order, **where: Any) -> list[Hall]:
    """All that is listed, page by page; every page but the last is full."""
    found: list[Hall] = []
    token = ""
    while True:
        page = await store.list(Hall, where, Listing(page_size=size, page_token=token), asked(), order)
        found += page
        token = page.next_page_token
        if not token:
            return found
        assert len(page.items) == size


@pytest.mark.parametrize("size", [1, 7, 15, 30, 31])
@pytest.mark.parametrize("order", [Order(), Order(descending=True), BY_TITLE, Order("display_name", True, "zh")])
async def test_pages_show_everything_once(town: Halls, size: int, order: Order) -> None:
    """However large the pages and whatever the order, each row is shown once, as on one page."""
    found = [row.name for row in await pages(town, size, order)]
    assert found == [row.name for row in await pages(town, 200, order)]
    assert sorted(found) == sorted(TOWN)


async def test_chinese_sorts_by_pinyin(town: Halls) -> None:
    """Chinese texts sort by their sound, as people of the language expect; large and small letters lie together."""
    titles = list(dict.fromkeys(row.display_name for row in await pages(town, 200, BY_TITLE)))
    assert [title for title in titles if not title.isascii()] == ["白山", "吉林", "江城", "蛟河", "松江"]
    assert [title for title in titles if title.isascii()] == ["alpha", "Alpha", "Beta"]


async def test_filters_that_say_nothing_are_none(town: Halls) -> None:
    """A filter that is None or empty is no filter; one that says something holds on every page."""
    assert len(await pages(town, 7, Order(), district=None, zone="")) == 30
    found = await pages(town, 4, BY_TITLE, district="districts/220201")
    assert [row.district for row in found] == ["districts/220201"] * 15


async def test_a_scope_narrows_every_page(town: Halls) -> None:
    """Rows out of reach are on no page, and a token of a narrower reach does not open a wider one."""
    narrow = asked(reach=Reach(frozenset({"spaces/05", "districts/220201"})))
    first = await town.list(Hall, {}, Listing(page_size=9), narrow)
    second = await town.list(Hall, {}, Listing(page_size=9, page_token=first.next_page_token), narrow)
    names = [row.name for row in (*first, *second)]
    assert names == [name for n, name in enumerate(TOWN) if n % 2 == 0 or n == 5]
    with pytest.raises(Invalid):
        await town.list(Hall, {}, Listing(page_token=first.next_page_token), asked())


@pytest.mark.parametrize("order", [Order(), BY_TITLE, BY_DESKS, Order(descending=True)])
def test_a_token_fits_its_query(order: Order) -> None:
    """A token resumes where its page ended; with another order, collection or filter it is refused."""
    token = seek(ROW, order, QUERY)
    assert resume(token, order, QUERY) is not None
    others: list[tuple[Order, Query]] = [
        (Order(order.path, not order.descending, order.locale), QUERY),
        (Order("district"), QUERY),
        (order, ("guests", QUERY[1])),
        (order, (QUERY[0], [{"district": "districts/220204"}])),
        (order, (QUERY[0], [])),
    ]
    for other, query in others:
        with pytest.raises(Invalid) as caught:
            resume(token, other, query)
        assert caught.value.violations[0].field == "page_token"


def altered(**place: Any) -> str:
    """A good token in which something was put that its maker did not."""
    known = bson.decode(base64.urlsafe_b64decode(seek(ROW, BY_TITLE, QUERY) + "=="))
    return base64.urlsafe_b64encode(bson.encode({**known, **place})).decode()


VALUES = (Regex("a"), Code("1"), Code("1", {}), 7, 1.5, True, b"x", MinKey(), ObjectId())
BAD = ["x", "%%%", "AAAA", "好", "A" * 999, altered(v={"$gt": ""}), altered(v=[1]), altered(i={"$ne": 1}), altered(i=7)]
BAD += [altered(v=None), altered(q=b""), altered(i=Code("1")), *(altered(v=value) for value in VALUES)]


@pytest.mark.parametrize("token", BAD, ids=range(len(BAD)))
def test_no_token_is_refused(token: str) -> None:
    """What is no token, or holds a query in the place of a value, is refused as malformed."""
    with pytest.raises(Invalid) as caught:
        resume(token, BY_TITLE, QUERY)
    assert (caught.value.violations[0].field, caught.value.violations[0].reason) == ("page_token", "MALFORMED")


def test_the_first_page_needs_no_token() -> None:
    """Without a token a list begins at its start."""
    assert resume("", Order(), QUERY) is None


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ("", Order("create_time")),
        ("create_time", Order("create_time")),
        ("create_time desc", Order("create_time", descending=True)),
        ("display_name desc", Order("display_name", descending=True, locale="zh")),
    ],
)
def test_orders_are_named(given: str, order: Order) -> None:
    """A list is sorted by what it names, the first of what is allowed when it names nothing."""
    assert order_by(given, {"create_time": BY_DESKS, "display_name": BY_TITLE}) == order


@pytest.mark.parametrize(
    "given", [" desc", "desks", "create_time asc", "create_time  desc", "create_time desc ", "_id"]
)
def test_other_orders_are_refused(given: str) -> None:
    """Anything else is refused with the names that there are."""
    with pytest.raises(Invalid) as caught:
        order_by(given, {"create_time": BY_DESKS, "display_name": BY_TITLE})
    assert "create_time, display_name" in caught.value.violations[0].description
