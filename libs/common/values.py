"""The words that every domain is written in: values, entities, facts, changes, and the texts and days in them."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from libs.common.errors import Invalid, Stale, Violation, wrong


class Value(BaseModel):
    """Something that is what it says, and never changes."""

    model_config = ConfigDict(frozen=True, extra="ignore")


V = TypeVar("V", bound=Value)


def built(kind: type[V], fields: dict[str, Any]) -> V:
    """A value from fields that are known to be valid: what model_copy and model_construct do, ten times as fast."""
    value = kind.__new__(kind)
    put = object.__setattr__
    put(value, "__dict__", fields)
    put(value, "__pydantic_fields_set__", set(fields))
    put(value, "__pydantic_extra__", None)
    put(value, "__pydantic_private__", None)
    return value


class Entity(Value):
    """One aggregate: one document with one owner of its invariants.

    `version` counts its changes from 1; the commit sets it and the times, never a decision.
    """

    #: The fields through which a caller whose scope is narrowed may reach the entity.
    reached_by: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    version: int = 0
    create_time: datetime = datetime.fromtimestamp(0, UTC)
    update_time: datetime = datetime.fromtimestamp(0, UTC)

    @property
    def etag(self) -> str:
        """Changes with every change of the entity."""
        return f"v{self.version}"

    def must_match(self, etag: str) -> None:
        """Refuse a change that was decided on an older version (ETAG_MISMATCH)."""
        if etag and etag != self.etag:
            raise Stale("ETAG_MISMATCH", "it has changed since it was read", name=self.name, etag=self.etag)

    def with_(self, **fields: object) -> Self:
        """The same entity with some fields changed; they are not validated again."""
        return built(type(self), self.__dict__ | fields)


class Fact(Value):
    """Something that happened to the entity called `name`; its class is named as its message."""

    name: str

    @classmethod
    def of(cls, entity: Entity) -> Self:
        """The fact that tells the entity's fields of the same names."""
        return built(cls, {name: getattr(entity, name) for name in cls.__pydantic_fields__})


Reply = TypeVar("Reply", covariant=True)


@dataclass(frozen=True, slots=True)
class Change(Generic[Reply]):
    """All that a decision can want: what to answer, which entities to keep, which facts to tell."""

    reply: Reply
    saves: tuple[Entity, ...] = ()
    facts: tuple[Fact, ...] = field(default=())


class Spec(Value):
    """What people may say of an entity; its fields bear the names of the entity's."""

    #: Fields that an entity cannot be without.
    required: ClassVar[tuple[str, ...]] = ()

    def must_be_complete(self, path: str) -> None:
        """Refuse a required field that is empty (REQUIRED)."""
        missing = [name for name in self.required if not getattr(self, name)]
        if missing:
            raise Invalid(*(Violation(f"{path}.{name}", "REQUIRED", "Field required") for name in missing))

    def chosen(self, mask: "Mask") -> Mapping[str, Any]:
        """The fields that an update mask names, `*` for all (AIP-134); an unknown one is UNKNOWN_FIELD."""
        known = type(self).model_fields
        names = tuple(known) if mask.paths == ("*",) else mask.paths
        for place, name in enumerate(names):
            if name not in known:
                raise Invalid.field(f"update_mask.paths[{place}]", "UNKNOWN_FIELD", f"no field is called {name!r}")
        return {name: getattr(self, name) for name in names}


class Mask(Value):
    """The fields that an update is about."""

    paths: Annotated[tuple[Annotated[str, StringConstraints(max_length=60)], ...], Field(max_length=50)]


class Listing(Value):
    """What every list is asked with: 0 stands for 50 on a page, more than 200 for 200."""

    page_size: Annotated[int, Field(ge=0)] = 0
    page_token: Annotated[str, StringConstraints(max_length=1000)] = ""

    @property
    def limit(self) -> int:
        """How many to give at the most."""
        return min(self.page_size or 50, 200)


E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Paged(Generic[E]):
    """A page, and the token of the next one, empty on the last."""

    items: tuple[E, ...]
    next_page_token: str = ""

    def __iter__(self) -> Iterator[E]:
        return iter(self.items)


# Days are kept as instants at midnight UTC, because BSON knows no day.
Day = Annotated[date, PlainSerializer(lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC))]

# Alphabets whose letters look alike, so that a word which mixes them deceives the eye.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
# What nobody sees: controls, formats (they turn the reading direction), surrogates, private and unassigned ones.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Formats that some scripts and signs are spelled with, and letters that are blank.
_JOINERS, _BLANKS = frozenset("\u200c\u200d"), frozenset("\u115f\u1160\u3164\uffa0")


def plain(text: str) -> str:
    """The text trimmed, in one normal form (NFC); refuses what deceives: unseen characters, mixed alphabets."""
    text = text.strip()
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    scripts: set[str] = set()
    for letter in text:
        kind = unicodedata.category(letter)
        if (kind in _UNSEEN and letter not in _JOINERS) or letter in _BLANKS:
            raise wrong("CONTROL_CHARACTER", "holds a character that cannot be seen")
        if kind[0] == "M":
            continue  # a mark belongs to the letter before it
        if kind[0] != "L":
            scripts.clear()
            continue
        scripts.add(unicodedata.name(letter, "").partition(" ")[0])
        if len(scripts & _ALIKE) > 1:
            raise wrong("MIXED_SCRIPTS", "mixes alphabets that look alike in one word")
    return text


def _kept(most: int) -> AfterValidator:
    """The text as it is kept; the normal form of a text may be longer than what was sent."""

    def shorten(text: str) -> str:
        kept = plain(text)
        if len(kept) > most:
            raise wrong("TOO_LONG", "is too long in its normal form")
        return kept

    return AfterValidator(shorten)


#: A name that people read, at most 120 characters; Chinese and Latin may mix.
Title = Annotated[str, StringConstraints(max_length=120), _kept(120)]
#: A line of text, at most 200 characters.
Line = Annotated[str, StringConstraints(max_length=200), _kept(200)]
#: A code of a city's profile, at most 60 characters.
Code = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$", max_length=60)]
#: A district or zone of a city's profile.
DistrictName = Annotated[str, StringConstraints(pattern=r"^(districts/[0-9]{6})?$", max_length=40)]
#: An entity's version as its reader saw it.
Etag = Annotated[str, StringConstraints(pattern=r"^(v[0-9]{1,18})?$", max_length=64)]
SpaceName = Annotated[str, StringConstraints(pattern=r"^spaces/[0-9a-z]{1,40}$", max_length=80)]
StartupName = Annotated[str, StringConstraints(pattern=r"^startups/[0-9a-z]{1,40}$", max_length=80)]
