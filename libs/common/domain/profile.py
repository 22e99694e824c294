"""A city as data: its districts and vocabularies, and the sections that services define for themselves."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

#: The files of the city itself, with the tables that each must hold.
CITY_FILES = {
    "city.toml": {"name", "display_name", "code", "time_zone"},
    "districts.toml": {"districts"},
    "industries.toml": {"technology_fields", "industry_chains"},
}
Words = Annotated[str, Field(min_length=1, max_length=120)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
DivisionCode = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class ProfileError(ValueError):
    """A profile is missing or invalid; the message names the file and the field."""


class Section(BaseModel, frozen=True, extra="forbid", strict=True):
    """A part of a profile. Unknown fields are refused, because a misspelt one would otherwise be ignored."""


class Text(Section):
    """A text in Chinese and in English."""

    zh: Words
    en: Words


class Term(Text):
    """An entry of one of the city's vocabularies; documents store its code."""

    code: Slug


class District(Section):
    """A division of the county level, or a functional zone, by its statistical code."""

    code: DivisionCode
    name: Text
    kind: Literal["DISTRICT", "COUNTY", "COUNTY_LEVEL_CITY", "ZONE"]
    valid_from: date | None = None  # the first day; unset: earlier than any stored date
    valid_to: date | None = None  # the first day after the last; unset: still valid
    overlaps: tuple[str, ...] = Field(default=(), strict=False)  # lax, because TOML has no tuples


def with_codes(tables: Any) -> Any:
    """Copy each table's key into its `code`, so that profile files need not repeat it."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        return tables  # the model refuses it and names the field
    return {code: {**table, "code": code} for code, table in tables.items()}


def _by_name(districts: dict[str, District]) -> dict[str, District]:
    named = {f"districts/{district.code}": district for district in districts.values()}
    divisions = {name for name, district in named.items() if district.kind != "ZONE"}
    for name, district in named.items():
        if district.overlaps and (name in divisions or not divisions.issuperset(district.overlaps)):
            raise ValueError(f"{name}: `overlaps` is for zones only and must name divisions of the city")
        if district.valid_from and district.valid_to and district.valid_to <= district.valid_from:
            raise ValueError(f"{name}: valid_to is not after valid_from")
    return named


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"there is no time zone {name}")
    return name


class City(Section):
    """Districts by resource name (`districts/{code}`), vocabulary terms by code."""

    name: Slug
    display_name: Text
    code: DivisionCode
    time_zone: Annotated[str, AfterValidator(_time_zone)]
    districts: Annotated[dict[str, District], BeforeValidator(with_codes), AfterValidator(_by_name)]
    technology_fields: Annotated[dict[str, Term], BeforeValidator(with_codes)]
    industry_chains: Annotated[dict[str, Term], BeforeValidator(with_codes)]

    def is_district(self, name: str) -> bool:
        """Whether the name is an administrative division of the city. A zone is not one."""
        return name in self.districts and self.districts[name].kind != "ZONE"

    def is_zone(self, name: str) -> bool:
        """Whether the name is a functional zone of the city."""
        return name in self.districts and self.districts[name].kind == "ZONE"


S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Profile:
    """A city's profile: its folder, and the validated data of the city itself."""

    folder: Path
    city: City

    def section(self, name: str, model: type[S]) -> S:
        """Read `<name>.toml`, which one service owns and defines. ProfileError when it is missing or invalid."""
        file = self.folder / f"{name}.toml"
        return _validate(model, _read(file), dict.fromkeys(model.model_fields, file), file)


def read_profile(folder: Path) -> Profile:
    """Read the city from a folder of TOML files. ProfileError when one is missing or invalid."""
    values: dict[str, Any] = {}
    for file, fields in CITY_FILES.items():
        table = _read(folder / file)
        if unexpected := ", ".join(sorted(fields ^ table.keys())):
            raise ProfileError(f"{folder / file}: {unexpected}: missing, or belongs in another file")
        values |= table
    sources = {field: folder / file for file, fields in CITY_FILES.items() for field in fields}
    return Profile(folder, _validate(City, values, sources, folder))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProfileError(f"{file}: {error}") from None


def _validate(model: type[S], values: dict[str, Any], sources: Mapping[str, Path], fallback: Path) -> S:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = ((item["loc"], item["msg"]) for item in error.errors())
        lines = (
            f"{sources.get(str(loc[0]), fallback) if loc else fallback}: {'.'.join(map(str, loc))}: {message}"
            for loc, message in found
        )
        raise ProfileError("; ".join(lines)) from None
