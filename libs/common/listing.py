"""Pages of a list: where one ends and the next begins, in a token that fits only the query it came from."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import bson
from bson.errors import InvalidBSON
from pymongo.collation import Collation

from libs.common.documents import Document
from libs.common.errors import Invalid

if TYPE_CHECKING:
    from pymongo.asynchronous.cursor import AsyncCursor


#: What is listed: the collection, and the conditions that all hold.
Query = tuple[str, list[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by one field, and by name where that is equal.

    `locale` sorts texts as people of that language do (zh: by pinyin).
    """

    path: str = "_id"
    descending: bool = False
    locale: str = ""

    def sort(self, cursor: "AsyncCursor[Document]") -> "AsyncCursor[Document]":
        """The cursor in this order."""
        way = -1 if self.descending else 1
        keys = [(self.path, way)] if self.path == "_id" else [(self.path, way), ("_id", way)]
        if self.locale:
            cursor = cursor.collation(Collation(self.locale))
        return cursor.sort(keys)


def order_by(given: str, allowed: Mapping[str, Order]) -> Order:
    """The order that `order_by` names, ` desc` behind it turns it round; Invalid for any other."""
    name, _, way = (given or next(iter(allowed))).partition(" ")
    order = allowed.get(name)
    if order is None or way not in {"", "desc"}:
        raise Invalid.field("order_by", "MALFORMED", "one of: " + ", ".join(allowed) + "; ` desc` may follow")
    return Order(order.path, way == "desc", order.locale)


def seek(last: Document, order: Order, query: Query) -> str:
    """The token of the page behind this row."""
    place = {"q": _fingerprint(order, query), "v": last[order.path], "i": last["_id"]}
    return base64.urlsafe_b64encode(bson.encode(place)).decode().rstrip("=")


def resume(token: str, order: Order, query: Query) -> Mapping[str, Any] | None:
    """What comes behind the place that the token names; Invalid when it is no token of this query."""
    if not token:
        return None
    try:
        place = bson.decode(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
    except (InvalidBSON, binascii.Error, ValueError):
        place = {}
    value, name = place.get("v"), place.get("i")
    if (
        place.get("q") != _fingerprint(order, query)
        or type(value) not in {str, datetime}  # all that lists are sorted by; code, too, is a kind of str
        or type(name) is not str
    ):
        raise Invalid.field("page_token", "MALFORMED", "not a page token of this query")
    beyond = "$lt" if order.descending else "$gt"
    if order.path == "_id":
        return {"_id": {beyond: name}}
    return {
        order.path: {f"{beyond}e": value},
        "$or": [{order.path: {beyond: value}}, {"_id": {beyond: name}}],
    }


def _fingerprint(order: Order, query: Query) -> bytes:
    return hashlib.blake2b(repr((order, query)).encode(), digest_size=9).digest()
