"""Service hours: the confirmed service of a period, by what it is grouped by, and as a file."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field

from libs.common.domain.dates import Day, midnight
from libs.common.domain.entity import Value, construct
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import Code, DistrictName
from libs.common.domain.profile import City
from services.mentors.domain.names import MentorName, SpaceName

#: The years that a report may be about.
Year = Annotated[int, Field(ge=2000, le=2200)]
Month = Annotated[int, Field(ge=1, le=12)]
#: The rows of one report or export at most.
MAX_ROWS = 10_000


class GroupBy(StrEnum):
    """What the rows of a report stand for."""

    MENTOR = "MENTOR"
    SPACE = "SPACE"
    STARTUP = "STARTUP"
    KIND = "KIND"
    MONTH = "MONTH"


class Months(Value):
    """A period of months within a calendar year of the city."""

    year: int
    first_month: int = 1
    last_month: int = 12

    @property
    def is_whole_year(self) -> bool:
        """Whether all months belong to the period."""
        return (self.first_month, self.last_month) == (1, 12)

    @property
    def start_date(self) -> date:
        """The first day."""
        return date(self.year, self.first_month, 1)

    @property
    def end_date(self) -> date:
        """The first day after the last one."""
        return date(self.year + self.last_month // 12, self.last_month % 12 + 1, 1)

    def instants(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the instants between which the period lies."""
        return midnight(self.start_date, zone).astimezone(UTC), midnight(self.end_date, zone).astimezone(UTC)


class Selection(Value):
    """Whose service is meant, and in which months. All filters hold together."""

    year: Year | None = None
    first_month: Month | None = None
    last_month: Month | None = None
    mentor: MentorName | None = None
    space: SpaceName | None = None
    district: DistrictName = ""

    def months(self, today: date) -> Months:
        """Return the period: this year, and all of its months, where nothing else is given."""
        first, last = self.first_month or 1, self.last_month or 12
        if last < first:
            raise Invalid.field("last_month", "OUT_OF_RANGE", "the last month is before the first one")
        return Months(year=self.year or today.year, first_month=first, last_month=last)

    def ensure_valid(self, city: City) -> None:
        """Refuse a district or zone that the city does not have (MALFORMED)."""
        ensure_district(self.district, city)


def ensure_district(district: str, city: City) -> None:
    """Refuse a filter by a district or zone that the city does not have (MALFORMED)."""
    if district and district not in city.districts:
        raise Invalid.field("district", "MALFORMED", "not a district or zone of the city")


class GetServiceHours(Selection):
    """Sum the confirmed service of a period, and group it."""

    group_by: GroupBy | None = None


class HoursFigures(Value):
    """Confirmed service. Sessions and minutes count a mentor's time once, services count each startup.

    The appointed figures are the part on days with a valid appointment.
    """

    sessions: int = 0
    services: int = 0
    minutes: int = 0
    appointed_sessions: int = 0
    appointed_services: int = 0
    appointed_minutes: int = 0

    @classmethod
    def sum(cls, parts: Iterable["HoursFigures"]) -> Self:
        """Add up figures that share no session."""
        total = dict.fromkeys(cls.model_fields, 0)
        for part in parts:
            for name, figure in part.__dict__.items():
                total[name] += figure
        return construct(cls, total)


class HoursRow(Value):
    """The service of one group: `key` names the mentor, space or startup, the kind, or the month as `2026-03`."""

    key: str
    display_name: str = ""
    figures: HoursFigures


class ServiceHours(Value):
    """The service of a period, as a whole and by group."""

    start_date: Day
    end_date: Day
    total: HoursFigures
    rows: tuple[HoursRow, ...]


def ensure_bounded(rows: int) -> None:
    """Refuse more rows than one answer may hold (TOO_MANY_ROWS)."""
    if rows > MAX_ROWS:
        raise Precondition(
            "TOO_MANY_ROWS", f"more than {MAX_ROWS} rows; choose fewer months or a narrower filter", max_rows=MAX_ROWS
        )


# --- exports ----------------------------------------------------------------------------------


class ExportFormat(StrEnum):
    """The file formats of an export."""

    CSV = "CSV"
    XLSX = "XLSX"


class ExportServiceHours(Selection):
    """Export the confirmed service of a period, one row for each startup of each session."""

    format: ExportFormat
    rule_set: Code = ""


class ServiceHoursFile(Value):
    """An exported file."""

    file_name: str
    media_type: str
    content: bytes
    row_count: int
