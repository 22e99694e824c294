"""Lists: page by page everything is shown once, in order, and a page token fits only the query it came from."""

from datetime import UTC, datetime
from typing import Any

import pytest

from libs.common.domain.entity import PageQuery
from libs.common.domain.errors import Invalid
from libs.common.store.database import Database
from libs.common.store.listing import Order, Query, condition_after, parse_order_by, token_after
from tests.common.sample_domain import BY_DISPLAY_NAME, HALLS, Hall, HallsStore
from tests.support.store_fixtures import insert, new_context

BY_TITLE = Order(BY_DISPLAY_NAME)
BY_TIME = Order("create_time")
QUERY: Query = ("halls", [{"district": "districts/220203"}])
ROW: dict[str, Any] = {
    "_id": "halls/1",
    "create_time": datetime(2026, 3, 1, tzinfo=UTC),
    "district": "districts/220203",
    "sort_keys": {"display_name": "jiangcheng"},
}
TITLES = ("白山", "吉林", "江城", "Alpha", "alpha", "Beta", "松江", "长春")
NAMES = [f"halls/{n:02}" for n in range(30)]


@pytest.fixture
async def town(database: Database, idle_store: HallsStore) -> HallsStore:
    """Thirty halls in two districts, several of each title."""
    rows = [
        Hall(name=name, display_name=TITLES[n % len(TITLES)], district=f"districts/22020{1 + n % 2}", version=1)
        for n, name in enumerate(NAMES)
    ]
    await insert(database, HALLS, rows)
    return idle_store


async def read_pages(store: HallsStore, size: int, order: Order, **where: Any) -> list[Hall]:
    """Return all that is listed, page by page; every page but the last is full."""
    found: list[Hall] = []
    token = ""
    while True:
        page = await store.list(Hall, where, PageQuery(page_size=size, page_token=token), new_context(), order)
        found += page
        token = page.next_page_token
        if not token:
            return found
        assert len(page.items) == size


@pytest.mark.parametrize("size", [1, 7, 15, 30, 31])
@pytest.mark.parametrize("order", [Order(), Order(descending=True), BY_TITLE, Order(BY_DISPLAY_NAME, descending=True)])
async def test_pages_show_everything_once(town: HallsStore, size: int, order: Order) -> None:
    """However large the pages and whatever the order, each row is shown once, as on a single page."""
    found = [row.name for row in await read_pages(town, size, order)]
    assert found == [row.name for row in await read_pages(town, 200, order)]
    assert sorted(found) == NAMES


async def test_descending_is_the_reverse(town: HallsStore) -> None:
    """The descending order is the ascending one reversed, also among equal titles."""
    up = [row.name for row in await read_pages(town, 7, BY_TITLE)]
    assert [row.name for row in await read_pages(town, 7, Order(BY_DISPLAY_NAME, descending=True))] == up[::-1]


async def test_titles_sort_as_people_read_them(town: HallsStore) -> None:
    """Titles sort by pinyin and without case, Chinese and Latin ones together."""
    titles = dict.fromkeys(row.display_name.casefold() for row in await read_pages(town, 200, BY_TITLE))
    assert list(titles) == ["alpha", "白山", "beta", "长春", "吉林", "江城", "松江"]


async def test_empty_filters_are_ignored(town: HallsStore) -> None:
    """A filter that is None or empty does not filter; any other holds on every page."""
    assert len(await read_pages(town, 7, Order(), district=None, zone="")) == 30
    found = await read_pages(town, 4, BY_TITLE, district="districts/220201")
    assert [row.district for row in found] == ["districts/220201"] * 15


async def test_a_scope_narrows_every_page(town: HallsStore) -> None:
    """Rows out of scope are on no page, and a token of a narrower scope does not open a wider one."""
    narrow = new_context("halls/05", "districts/220201")
    first = await town.list(Hall, {}, PageQuery(page_size=9), narrow)
    second = await town.list(Hall, {}, PageQuery(page_size=9, page_token=first.next_page_token), narrow)
    names = [row.name for row in (*first, *second)]
    assert names == [name for n, name in enumerate(NAMES) if n % 2 == 0 or n == 5]
    with pytest.raises(Invalid):
        await town.list(Hall, {}, PageQuery(page_token=first.next_page_token), new_context())


@pytest.mark.parametrize("order", [Order(), BY_TITLE, BY_TIME, Order(descending=True)])
def test_a_token_fits_its_query(order: Order) -> None:
    """A token resumes where its page ended; with another order, collection or filter it is refused."""
    token = token_after(ROW, order, QUERY)
    assert condition_after(token, order, QUERY) is not None
    others: list[tuple[Order, Query]] = [
        (Order(order.path, not order.descending), QUERY),
        (Order("district"), QUERY),
        (order, ("guests", QUERY[1])),
        (order, (QUERY[0], [{"district": "districts/220204"}])),
        (order, (QUERY[0], [])),
    ]
    for other, query in others:
        with pytest.raises(Invalid) as caught:
            condition_after(token, other, query)
        assert caught.value.violations[0].field == "page_token"


def test_the_first_page_needs_no_token() -> None:
    """Without a token a list begins at its start."""
    assert condition_after("", Order(), QUERY) is None


ORDERS = {"create_time": BY_TIME, "display_name": BY_TITLE}


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ("", BY_TIME),
        ("create_time", BY_TIME),
        ("create_time desc", Order("create_time", descending=True)),
        ("  create_time   desc ", Order("create_time", descending=True)),
        ("display_name desc", Order(BY_DISPLAY_NAME, descending=True)),
    ],
)
def test_an_order_is_named(given: str, order: Order) -> None:
    """A list is sorted by the field that it names, by the first of those allowed when it names none."""
    assert parse_order_by(given, ORDERS) == order


@pytest.mark.parametrize("given", [" desc", "desks", "create_time asc", "create_time desc desc", "_id", "a,b"])
def test_other_orders_are_refused(given: str) -> None:
    """Any other order is refused with the fields that are allowed."""
    with pytest.raises(Invalid) as caught:
        parse_order_by(given, ORDERS)
    (violation,) = caught.value.violations
    assert (violation.field, violation.reason) == ("order_by", "MALFORMED")
    assert "create_time, display_name" in violation.description
