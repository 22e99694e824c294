"""Finds the documents of a batch with a unique value that another document holds."""

from collections.abc import Mapping
from typing import Any

from libs.common.store.schema import EntitySchema, Index
from libs.common.store.transaction import Document, Transaction


async def clashes(
    transaction: Transaction, schema: EntitySchema, documents: Mapping[str, Document], removed: frozenset[str]
) -> list[tuple[str, Index]]:
    """Return the names of the documents that clash, each with the index that it would break.

    A value belongs to whoever holds it in the collection, else to the first document of the batch that
    has it; a document that clashes holds no value. Only `single_field_uniques` are checked.
    """
    leaving = removed.union(documents)
    held = [
        (index, await _holders(transaction, schema, index, documents, leaving)) for index in schema.single_field_uniques
    ]
    found: list[tuple[str, Index]] = []
    for name, document in documents.items():
        wanted = [(index, holders, document[index.keys[0]]) for index, holders in held]
        broken = next((index for index, holders, value in wanted if holders.get(value, name) != name), None)
        if broken is not None:
            found.append((name, broken))
            continue
        for _, holders, value in wanted:
            if value is not None:
                holders.setdefault(value, name)
    return found


async def _holders(
    transaction: Transaction,
    schema: EntitySchema,
    index: Index,
    documents: Mapping[str, Document],
    leaving: frozenset[str],
) -> dict[Any, str]:
    """Return who holds the documents' values, without those whose documents this batch changes or removes."""
    field = index.keys[0]
    values = [document[field] for document in documents.values() if document[field] is not None]
    if not values:
        return {}
    # A partial index serves only a query that repeats its condition.
    where = {"$and": [{field: {"$in": values}}, index.where or {}]}
    found = await transaction.find_where(schema.collection, where, len(values))
    return {document[field]: document["_id"] for document in found if document["_id"] not in leaving}
