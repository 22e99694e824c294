"""What can be asked of spaces: one value for each request, with the limits of its fields."""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from libs.common.errors import Invalid
from libs.common.profile import City
from libs.common.values import DistrictName, Etag, Line, Listing, Mask, SpaceName, Spec, StartupName, Title, Value
from services.spaces.domain.words import EndReason, Kind, Period, TenancyState

Desks = Annotated[int, Field(ge=0, le=100_000)]
Area = Annotated[int, Field(ge=0, le=10_000_000)]
TenancyName = Annotated[
    str, StringConstraints(pattern=r"^spaces/[0-9a-z]{1,40}/tenancies/[0-9a-z]{1,40}$", max_length=120)
]

#: How far ahead a tenancy may begin, and how long it may last, in days.
AHEAD, LONGEST = timedelta(days=3653), timedelta(days=18263)


class SpaceSpec(Spec):
    """What may be said of a space."""

    required = ("display_name", "kind", "district", "operator")

    display_name: Title = ""
    kind: Kind | None = None
    district: DistrictName = ""
    zone: DistrictName = ""
    operator: Title = ""
    desks: Desks = 0
    area_m2: Area = 0
    address: Line = ""

    def must_lie_in(self, city: City) -> None:
        """Refuse a district or zone that the city's profile does not have (MALFORMED)."""
        if not city.is_district(self.district):
            raise Invalid.field("space.district", "MALFORMED", "not a district of the city")
        if self.zone and not city.is_zone(self.zone):
            raise Invalid.field("space.zone", "MALFORMED", "not a functional zone of the city")


class CreateSpace(Value):
    """Asks for a new space."""

    space: SpaceSpec = SpaceSpec()


class UpdateSpace(Value):
    """Asks to change a space."""

    name: SpaceName
    space: SpaceSpec = SpaceSpec()
    update_mask: Mask
    etag: Etag = ""


def must_not_last(start: date, end: date | None) -> None:
    """Refuse a tenancy that would last longer than any does (DATE_OUT_OF_RANGE)."""
    if end is not None and end > start + LONGEST:
        raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "more than fifty years after the first day")


class RegisterTenant(Value):
    """Asks to let room to a startup."""

    space: SpaceName
    startup: StartupName
    desks: Desks = 0
    area_m2: Area = 0
    start_date: date | None = None
    end_date: date | None = None

    def period(self, today: date) -> Period:
        """The period asked for, from today if no day is given; refuses an empty or endless one."""
        start = self.start_date or today
        if start > today + AHEAD:
            raise Invalid.field("start_date", "DATE_OUT_OF_RANGE", "more than ten years ahead")
        if self.end_date is not None and self.end_date <= start:
            raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not after the first day")
        must_not_last(start, self.end_date)
        return Period(start=start, end=self.end_date)


class EndTenancy(Value):
    """Asks to end a tenancy."""

    name: TenancyName
    end_date: date | None = None
    end_reason: EndReason
    etag: Etag = ""


class GetSpace(Value):
    """Asks for one space."""

    name: SpaceName


class BatchGetSpaces(Value):
    """Asks for several spaces."""

    names: Annotated[tuple[SpaceName, ...], Field(max_length=200)]


class ListSpaces(Listing):
    """Asks for a page of spaces."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    kind: Kind | None = None
    district: DistrictName = ""


class GetTenancy(Value):
    """Asks for one tenancy."""

    name: TenancyName


class ListTenancies(Listing):
    """Asks for a page of tenancies, of one space or with `spaces/-` of all."""

    parent: Annotated[str, StringConstraints(pattern=r"^spaces/([0-9a-z]{1,40}|-)$", max_length=80)]
    states: Annotated[tuple[TenancyState, ...], Field(max_length=10)] = ()
    startup: StartupName | None = None
