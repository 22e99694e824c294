"""The building blocks of every domain: values, entities, facts, changes, specs and page queries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.common.domain.errors import Invalid, Stale, Violation


class Value(BaseModel):
    """An immutable value that is equal to any other with the same fields."""

    # Input is kept out of error texts, because it may be personal data.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


V = TypeVar("V", bound=Value)


def construct(kind: type[V], fields: dict[str, Any]) -> V:
    """Build a value from fields that are known to be valid. Ten times as fast as model_construct."""
    value = kind.__new__(kind)
    put = object.__setattr__
    put(value, "__dict__", fields)
    put(value, "__pydantic_fields_set__", set(fields))
    put(value, "__pydantic_extra__", None)
    put(value, "__pydantic_private__", None)
    return value


class Entity(Value):
    """One consistency boundary, stored as one document.

    `version` counts changes from 1. The commit sets it and the times; a decision never does.
    """

    #: The fields by which a caller's scopes reach the entity.
    scoped_by: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    version: int = 0
    create_time: datetime = datetime.fromtimestamp(0, UTC)
    update_time: datetime = datetime.fromtimestamp(0, UTC)

    @property
    def etag(self) -> str:
        """The version of the entity as clients see it; it changes whenever the entity does."""
        return f"v{self.version}"

    def ensure_etag(self, etag: str) -> None:
        """Refuse a change that was decided on an older version (ETAG_MISMATCH). An empty etag matches any."""
        if etag and etag != self.etag:
            raise Stale("ETAG_MISMATCH", "the resource has changed since it was read", name=self.name, etag=self.etag)

    def with_(self, **fields: object) -> Self:
        """Copy the entity with some fields replaced, without validation. TypeError for an unknown field."""
        if unknown := fields.keys() - type(self).__pydantic_fields__.keys():
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return construct(type(self), self.__dict__ | fields)


class Fact(Value):
    """Something that happened to the entity `name`. The class is named after its message."""

    name: str

    @classmethod
    def of(cls, entity: Entity, **more: object) -> Self:
        """Build the fact from the entity's fields of the same names; `more` gives what the entity does not hold."""
        fields = cls.__pydantic_fields__
        return construct(cls, {name: more[name] if name in more else getattr(entity, name) for name in fields})


Reply = TypeVar("Reply", covariant=True)


@dataclass(frozen=True, slots=True)
class Change(Generic[Reply]):
    """What a decision produces: the reply, entities to save and to remove, facts to publish.

    ValueError when it names an entity twice, because only one of the two could be kept. A fact gets the version
    of the first entity that has its name.
    """

    reply: Reply
    saves: tuple[Entity, ...] = ()
    facts: tuple[Fact, ...] = ()
    removes: tuple[Entity, ...] = ()

    def __post_init__(self) -> None:
        changed = [(type(entity), entity.name) for entity in (*self.saves, *self.removes)]
        if len(set(changed)) < len(changed):
            raise ValueError("a change saves or removes an entity twice")


class Spec(Value):
    """The client-settable part of an entity; its fields have the names of the entity's."""

    #: Fields that must not be empty.
    required: ClassVar[tuple[str, ...]] = ()

    def ensure_complete(self, path: str) -> None:
        """Refuse an empty required field (REQUIRED)."""
        missing = [name for name in self.required if not getattr(self, name)]
        if missing:
            raise Invalid(*(Violation(f"{path}.{name}", "REQUIRED", "Field required") for name in missing))

    def masked(self, mask: "UpdateMask") -> Mapping[str, Any]:
        """Return the fields that an update mask names, `*` for all (AIP-134). Refuses unknown ones (UNKNOWN_FIELD)."""
        known = type(self).model_fields
        names = tuple(known) if mask.paths == ("*",) else mask.paths
        for index, name in enumerate(names):
            if name not in known:
                raise Invalid.field(f"update_mask.paths[{index}]", "UNKNOWN_FIELD", f"there is no field {name!r}")
        return {name: getattr(self, name) for name in names}


class UpdateMask(Value):
    """The fields that an update changes."""

    paths: Annotated[tuple[Annotated[str, StringConstraints(max_length=60)], ...], Field(max_length=50)]


class PageQuery(Value):
    """The paging fields of every list query. A page size of 0 means 50; more than 200 means 200."""

    page_size: Annotated[int, Field(ge=0)] = 0
    page_token: Annotated[str, StringConstraints(max_length=1000)] = ""

    @property
    def limit(self) -> int:
        """The largest number of items to return."""
        return min(self.page_size or 50, 200)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `next_page_token` is empty on the last page."""

    items: tuple[T, ...]
    next_page_token: str = ""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)
