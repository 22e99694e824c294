"""The order of a list, and the query for what follows a position in it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from libs.common.domain.entity import Page, PageQuery
from libs.common.domain.errors import Invalid
from libs.common.rpc.page_tokens import Position, read_token, write_token
from libs.common.store.transaction import Document

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.cursor import AsyncCursor

#: What is listed: the collection, and conditions that all hold.
Query = tuple[str, list[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Order:
    """Sorts by one field, and by name where that is equal. For texts use the path of their sort key."""

    path: str = "_id"
    descending: bool = False

    def sort(self, cursor: "AsyncCursor[Document]") -> "AsyncCursor[Document]":
        """Apply the order to a cursor."""
        direction = -1 if self.descending else 1
        keys = [(self.path, direction)] if self.path == "_id" else [(self.path, direction), ("_id", direction)]
        return cursor.sort(keys)


def parse_order_by(given: str, allowed: Mapping[str, Order]) -> Order:
    """Return the order that `order_by` names (AIP-132): a field, which `desc` may follow. Invalid for any other."""
    words = [word for word in given.split(" ") if word] or [next(iter(allowed))]
    order = allowed.get(words[0])
    if order is None or words[1:] not in ([], ["desc"]):
        raise Invalid.field("order_by", "MALFORMED", "must be one of: " + ", ".join(allowed) + "; ` desc` may follow")
    return replace(order, descending=bool(words[1:]))


async def find_page(
    collection: "AsyncCollection[Document]", clauses: list[Mapping[str, Any]], query: PageQuery, order: Order
) -> Page[Document]:
    """Return a page of the documents that match all clauses. Invalid for a page token of another query."""
    listed = collection.name, clauses
    after = condition_after(query.page_token, order, listed)
    conditions = [*clauses, after] if after else clauses
    cursor = order.sort(collection.find({"$and": conditions} if conditions else {})).limit(query.limit + 1)
    rows: list[Document] = await cursor.to_list(None)
    token = token_after(rows[query.limit - 1], order, listed) if len(rows) > query.limit else ""
    return Page(tuple(rows[: query.limit]), token)


def token_after(last: Document, order: Order, query: Query) -> str:
    """Return the token of the page that follows this row."""
    value: Any = last
    for step in order.path.split("."):
        value = value.get(step) if value else None
    return write_token(Position(value, last["_id"]), _fingerprint(order, query))


def condition_after(token: str, order: Order, query: Query) -> Mapping[str, Any] | None:
    """Return the condition for what follows the token's position. Invalid for a token of another query."""
    if not token:
        return None
    position = read_token(token, _fingerprint(order, query))
    path, value = order.path, position.value
    beyond = {"_id": {"$lt" if order.descending else "$gt": position.name}}
    if path == "_id":
        return beyond
    # A missing value sorts before all others, and `$gt` and `$lt` match no missing value.
    if value is None:
        return {path: None, **beyond} if order.descending else {"$or": [{path: {"$ne": None}}, beyond]}
    if order.descending:
        return {path: {"$not": {"$gt": value}}, "$or": [{path: {"$ne": value}}, beyond]}
    return {path: {"$gte": value}, "$or": [{path: {"$gt": value}}, beyond]}


def _fingerprint(order: Order, query: Query) -> bytes:
    return hashlib.blake2b(repr((order, query)).encode(), digest_size=9).digest()
