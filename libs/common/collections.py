"""How entities are kept: which collection holds a kind, what is indexed, and how a document is read and written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo import IndexModel
from pymongo.collation import Collation
from pymongo.errors import CollectionInvalid, OperationFailure

from libs.common.documents import Document, Documents
from libs.common.errors import Taken
from libs.common.values import Entity

E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class Index:
    """An index over some fields, ascending.

    `where` keeps it to the documents that match; `taken` makes it unique and is the reason a clash
    is refused for; `locale` sorts texts as people of that language do.
    """

    keys: tuple[str, ...]
    where: Mapping[str, Any] | None = None
    taken: str = ""
    locale: str = ""

    def clash(self) -> Taken:
        """The refusal of who wants what another holds."""
        return Taken(self.taken, "another one has it already")

    def model(self) -> IndexModel:
        """The index as the driver wants it."""
        options: dict[str, Any] = {"unique": bool(self.taken)}
        if self.where is not None:
            options["partialFilterExpression"] = self.where
        if self.locale:
            options["collation"] = Collation(self.locale)
        return IndexModel([(key, 1) for key in self.keys], **options)


@dataclass(frozen=True, slots=True)
class Collection:
    """Where a kind of entity is kept. `missing` is the reason when one is not there.

    A `card` is our copy of another service's entity: who names one that has not arrived waits a moment.
    """

    kind: type[Entity]
    name: str
    missing: str
    indexes: tuple[Index, ...] = ()
    card: bool = False

    @property
    def uniques(self) -> tuple[Index, ...]:
        """The indexes that give each value of a field to one entity alone."""
        return tuple(index for index in self.indexes if index.taken and len(index.keys) == 1)

    def index(self, keys: tuple[str, ...]) -> Index | None:
        """The unique index over just these fields."""
        return next((index for index in self.indexes if index.taken and index.keys == keys), None)


def to_document(entity: Entity) -> Document:
    """The entity as it is kept: its name is the document's `_id`."""
    document = entity.model_dump()
    return {"_id": document.pop("name"), **document}


def from_document(kind: type[E], document: Document) -> E:
    """The entity that a document keeps; what a newer version wrote and this one does not know is let be."""
    document["name"] = document["_id"]
    return kind.model_validate(document)


async def ensure(documents: Documents, collections: tuple[Collection, ...]) -> None:
    """Make the indexes that are not there yet, and the collections, which a transaction could not make in passing."""
    there = set(await documents.database.list_collection_names())
    for collection in collections:
        if collection.name not in there:
            await _create(documents, collection.name)
        if collection.indexes:
            await documents.collection(collection.name).create_indexes([index.model() for index in collection.indexes])


async def _create(documents: Documents, name: str) -> None:
    try:
        await documents.database.create_collection(name)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != 48:  # another replica made it meanwhile
            raise
