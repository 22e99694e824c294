"""Lists of documents that were written before their sort key was introduced."""

import pytest

from libs.common.domain.entity import PageQuery
from libs.common.store.database import Database
from libs.common.store.listing import Order
from libs.common.store.schema import SORT_KEYS
from tests.common.sample_domain import BY_DISPLAY_NAME, HALLS, Hall, HallsStore
from tests.support.store_fixtures import insert, new_context


async def names_in_pages(store: HallsStore, order: Order, page_size: int) -> list[str]:
    """Return the names of all halls, read page by page."""
    names: list[str] = []
    token = ""
    while True:
        query = PageQuery(page_size=page_size, page_token=token)
        page = await store.list(Hall, {}, query, new_context(), order)
        names += [hall.name for hall in page]
        token = page.next_page_token
        if not token:
            return names


@pytest.mark.parametrize("page_size", [1, 2, 3, 7])
@pytest.mark.parametrize("descending", [False, True])
async def test_documents_without_a_sort_key_are_listed(
    store: HallsStore, database: Database, *, descending: bool, page_size: int
) -> None:
    """Documents from before a text was sorted come first, by name, and last in descending order; none is left out."""
    halls = [
        Hall(name=f"halls/{letter}", display_name=display_name)
        for letter, display_name in zip("abcdefg", "4215631", strict=True)
    ]
    await insert(database, HALLS, halls)
    old = ["halls/c", "halls/e", "halls/f"]
    await database.collection("halls").update_many({"_id": {"$in": old[:2]}}, {"$unset": {SORT_KEYS: 1}})
    await database.collection("halls").update_one({"_id": old[2]}, {"$set": {SORT_KEYS: {}}})
    expected = [*old, "halls/g", "halls/b", "halls/a", "halls/d"]
    found = await names_in_pages(store, Order(BY_DISPLAY_NAME, descending=descending), page_size)
    assert found == (expected[::-1] if descending else expected)
