"""A city as data: its districts, vocabularies and kinds of space, read from a folder of TOML files."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

FILES = {
    "city.toml": {"name", "display_name", "code", "time_zone", "space_kinds"},
    "districts.toml": {"districts"},
    "industries.toml": {"technology_fields", "industry_chains"},
}
Words = Annotated[str, Field(min_length=1, max_length=120)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Division = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class BadProfile(ValueError):
    """A profile cannot be used; the message names the file and the field."""


class Text(BaseModel, frozen=True, extra="forbid", strict=True):
    """The same words in Chinese and in English."""

    zh: Words
    en: Words


class Term(Text):
    """A word of one of the city's vocabularies; documents keep its code."""

    code: Slug


class District(BaseModel, frozen=True, extra="forbid", strict=True):
    """A division of the county level, or a functional zone, by its code in the statistics."""

    code: Division
    name: Text
    kind: Literal["DISTRICT", "COUNTY", "COUNTY_LEVEL_CITY", "ZONE"]
    valid_from: date | None = None  # its first day; unset: older than anything kept here
    valid_to: date | None = None  # the first day without it; unset: it stands
    overlaps: tuple[str, ...] = Field(default=(), strict=False)  # lax, for TOML has no tuples


def _coded(tables: Any) -> Any:
    if not isinstance(tables, dict) or not all(isinstance(it, dict) for it in tables.values()):
        return tables  # for the model to refuse, by name
    return {code: {**table, "code": code} for code, table in tables.items()}


def _named(places: dict[str, District]) -> dict[str, District]:
    named = {f"districts/{place.code}": place for place in places.values()}
    divisions = {name for name, place in named.items() if place.kind != "ZONE"}
    for name, place in named.items():
        if place.overlaps and (name in divisions or not divisions.issuperset(place.overlaps)):
            raise ValueError(f"{name}: only a zone overlaps, and only divisions of the city")
        if place.valid_from and place.valid_to and place.valid_to <= place.valid_from:
            raise ValueError(f"{name}: valid_to is not after valid_from")
    return named


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no time zone is called {name}")
    return name


class City(BaseModel, frozen=True, extra="forbid", strict=True):
    """Districts by resource name (`districts/{code}`), terms by code, kinds of space by enum value."""

    name: Slug
    display_name: Text
    code: Division
    time_zone: Annotated[str, AfterValidator(_time_zone)]
    space_kinds: dict[Words, Text]
    districts: Annotated[dict[str, District], BeforeValidator(_coded), AfterValidator(_named)]
    technology_fields: Annotated[dict[str, Term], BeforeValidator(_coded)]
    industry_chains: Annotated[dict[str, Term], BeforeValidator(_coded)]

    def is_district(self, name: str) -> bool:
        """Whether this names an administrative division of the city; a zone is none."""
        return name in self.districts and self.districts[name].kind != "ZONE"

    def is_zone(self, name: str) -> bool:
        """Whether this names a functional zone of the city."""
        return name in self.districts and self.districts[name].kind == "ZONE"


def read_profile(folder: Path) -> City:
    """The city that the files of a folder describe; BadProfile when one is missing or wrong."""
    told: dict[str, Any] = {}
    for file, fields in FILES.items():
        try:
            told |= (table := tomllib.loads((folder / file).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise BadProfile(f"{folder / file}: {error}") from None
        if strange := ", ".join(sorted(fields ^ table.keys())):
            raise BadProfile(f"{folder / file}: {strange}: missing, or of another file")
    try:
        return City.model_validate(told)
    except ValidationError as error:
        home = {field: folder / file for file, fields in FILES.items() for field in fields}
        wrong = ((line["loc"], line["msg"]) for line in error.errors())
        lines = (f"{home[str(at[0])]}: {'.'.join(map(str, at))}: {what}" for at, what in wrong)
        raise BadProfile("; ".join(lines)) from None
