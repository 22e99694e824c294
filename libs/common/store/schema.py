"""How entities are stored: the collection of each kind, its indexes, and how documents are read and written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo import IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

from libs.common.domain.entity import Entity
from libs.common.domain.errors import Taken
from libs.common.domain.sort_key import sort_key
from libs.common.store.database import Database
from libs.common.store.transaction import Document

E = TypeVar("E", bound=Entity)

#: The field of a document that holds the sort keys of its texts.
SORT_KEYS = "sort_keys"


@dataclass(frozen=True, slots=True)
class Index:
    """An ascending index.

    `where` makes it partial; `unique_reason` makes it unique and is the reason that a clash is refused with.
    """

    keys: tuple[str, ...]
    where: Mapping[str, Any] | None = None
    unique_reason: str = ""

    def clash(self) -> Taken:
        """Build the refusal of a value that another entity holds."""
        return Taken(self.unique_reason, "another resource has this value already")

    def model(self) -> IndexModel:
        """Return the index in the driver's form."""
        options: dict[str, Any] = {"unique": bool(self.unique_reason)}
        if self.where is not None:
            options["partialFilterExpression"] = self.where
        return IndexModel([(key, 1) for key in self.keys], **options)


#: By which the sweeper finds what is due; most entities wait for nothing.
DUE_TIME = Index(("due_time",), where={"due_time": {"$type": "date"}})


@dataclass(frozen=True, slots=True)
class EntitySchema:
    """How one kind of entity is stored.

    `missing` is the reason when one does not exist. A `projection` is a copy of another service's entity:
    a command that names one which has not arrived waits for it. The content of a `personal` kind never
    enters the journal. Texts in `sorted_by` get a sort key that orders them as people read them.
    """

    kind: type[Entity]
    collection: str
    missing: str
    indexes: tuple[Index, ...] = ()
    projection: bool = False
    personal: bool = False
    sorted_by: tuple[str, ...] = ()

    @property
    def single_field_uniques(self) -> tuple[Index, ...]:
        """The unique indexes over a single field whose condition, if any, is on that field alone."""
        uniques = (index for index in self.indexes if index.unique_reason and len(index.keys) == 1)
        return tuple(index for index in uniques if set(index.where or ()) <= set(index.keys))

    def unique_index(self, keys: tuple[str, ...]) -> Index | None:
        """Return the unique index over exactly these fields."""
        return next((index for index in self.indexes if index.unique_reason and index.keys == keys), None)

    def to_document(self, entity: Entity) -> Document:
        """Return the entity as it is stored: its name is the document's `_id`."""
        document = entity.model_dump()
        document = {"_id": document.pop("name"), **document}
        if self.sorted_by:
            document[SORT_KEYS] = {field: sort_key(document[field]) for field in self.sorted_by}
        return document


def from_document(kind: type[E], document: Document) -> E:
    """Return the entity that a document holds. Fields that a newer version added are ignored."""
    document["name"] = document["_id"]
    return kind.model_validate(document)


def sort_path(field: str) -> str:
    """Return the path of a text's sort key, for indexes and orders."""
    return f"{SORT_KEYS}.{field}"


async def ensure_collections(database: Database, indexes: Mapping[str, Sequence[Index]]) -> None:
    """Create missing collections and indexes, so that no transaction has to."""
    existing = set(await database.handle.list_collection_names())
    for name, wanted in indexes.items():
        if name not in existing:
            await _create(database, name)
        if wanted:
            await database.collection(name).create_indexes([index.model() for index in wanted])


async def _create(database: Database, name: str) -> None:
    try:
        await database.handle.create_collection(name)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != 48:  # another replica created it meanwhile
            raise
