"""Coverage: how many mentors the tenants of a space or of the city have, how many they need, and who was served."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import Field

from libs.common.domain.dates import Day
from libs.common.domain.entity import Value
from libs.common.domain.names import DistrictName
from libs.common.domain.profile import Section, Slug, Text, Words
from services.mentors.domain.mentor import Appointment
from services.mentors.domain.names import SpaceName


class Ratio(Section):
    """How many mentors a rule asks for: one for so many tenants, rounded up, and at least so many."""

    name: Text
    source: Words
    tenants_per_mentor: Annotated[int, Field(ge=1, le=1000)]
    min_mentors: Annotated[int, Field(ge=0, le=1000)] = 0

    def needed(self, tenants: int) -> int:
        """Return the mentors that so many tenants need."""
        return max(self.min_mentors, -(-tenants // self.tenants_per_mentor))


class CoverageSection(Section):
    """The table `coverage` of the profile: ratios by their codes, which are reported side by side."""

    ratios: dict[Slug, Ratio]


class GetCoverage(Value):
    """Report the coverage of a space, of a district or zone, or of the city."""

    space: SpaceName | None = None
    district: DistrictName = ""


class RatioFigures(Value):
    """What one ratio asks for. None where there are no tenants, because a ratio to nothing means nothing."""

    ratio: str
    display_name_zh: str
    display_name_en: str
    source: str
    needed: int | None
    missing: int | None


class CoverageFigures(Value):
    """Tenants and mentors on a day, each counted once, and tenants with a confirmed consultation in the year.

    Shares are None without tenants: not applicable, which is neither none nor all.
    """

    tenants: int
    mentors: int
    mentors_per_ten_tenants: Decimal | None
    served_tenants: int
    served_percent: Decimal | None
    ratios: tuple[RatioFigures, ...]


class SpaceCoverage(Value):
    """The coverage of one space."""

    space: str
    display_name: str
    figures: CoverageFigures


class Coverage(Value):
    """The coverage of a selection of spaces, and of each of its spaces that has tenants or mentors."""

    date: Day
    figures: CoverageFigures
    spaces: tuple[SpaceCoverage, ...]


class Corps(Value):
    """A mentor with the appointments that count on a day: whom a space or district may call its own."""

    mentor: str
    appointments: tuple[Appointment, ...]

    def appointers_on(self, day: date) -> frozenset[str]:
        """Return the spaces and districts whose appointment is valid on the day."""
        return frozenset(each.appointer for each in self.appointments if each.is_valid(day))


def measure(
    spaces: Mapping[str, str],
    tenants: Mapping[str, Collection[str]],
    served: Collection[str],
    corps: Iterable[Corps],
    *,
    ratios: Mapping[str, Ratio],
    day: date,
    appointers: Collection[str] | None,
) -> Coverage:
    """Report the coverage of some spaces, given by name with their display names.

    `tenants` are the startups in each space on the day, `served` those with a confirmed consultation in the year.
    A mentor counts if a space of these or one of the `appointers` has a valid appointment; with None, if anybody has.
    """
    appointed = [each.appointers_on(day) for each in corps]
    own = set(spaces) | set(appointers or ())
    mentors = sum(1 for each in appointed if (each if appointers is None else each & own))
    everybody = {startup for space in spaces for startup in tenants.get(space, ())}
    served = frozenset(served)
    by_space = (
        SpaceCoverage(
            space=space,
            display_name=spaces[space],
            figures=_figures(
                len(tenants.get(space, ())),
                sum(space in each for each in appointed),
                len(served.intersection(tenants.get(space, ()))),
                ratios,
            ),
        )
        for space in sorted(spaces)
    )
    return Coverage(
        date=day,
        figures=_figures(len(everybody), mentors, len(served & everybody), ratios),
        spaces=tuple(each for each in by_space if each.figures.tenants or each.figures.mentors),
    )


def _figures(tenants: int, mentors: int, served: int, ratios: Mapping[str, Ratio]) -> CoverageFigures:
    return CoverageFigures(
        tenants=tenants,
        mentors=mentors,
        mentors_per_ten_tenants=_share(mentors * 10, tenants, "0.01"),
        served_tenants=served,
        served_percent=_share(served * 100, tenants, "0.1"),
        ratios=tuple(_ratio(code, ratio, tenants, mentors) for code, ratio in ratios.items()),
    )


def _ratio(code: str, ratio: Ratio, tenants: int, mentors: int) -> RatioFigures:
    needed = ratio.needed(tenants) if tenants else None
    return RatioFigures(
        ratio=code,
        display_name_zh=ratio.name.zh,
        display_name_en=ratio.name.en,
        source=ratio.source,
        needed=needed,
        missing=None if needed is None else max(0, needed - mentors),
    )


def _share(part: int, whole: int, places: str) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(part) / whole).quantize(Decimal(places), rounding=ROUND_HALF_UP)
