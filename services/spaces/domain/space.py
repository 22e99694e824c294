"""The space: what it offers, and how much of it is occupied on every day."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Fact, PageQuery, Spec, UpdateMask, Value
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import DistrictName, Etag
from libs.common.domain.profile import City
from libs.common.domain.text import Line, Title
from services.spaces.domain.names import SpaceName
from services.spaces.domain.period import Period
from services.spaces.domain.quantities import Area, Desks, SquareMetres, area_text

NO_AREA = Decimal(0)


class Kind(StrEnum):
    """What a space is for (clauses 7, 23 and 34 of the policy)."""

    MAKER_SPACE = "MAKER_SPACE"
    INCUBATOR = "INCUBATOR"
    ACCELERATOR = "ACCELERATOR"
    INNOVATION_CLUB = "INNOVATION_CLUB"
    TRAINING_BASE = "TRAINING_BASE"
    APPLICATION_TECHNOLOGY_INSTITUTE = "APPLICATION_TECHNOLOGY_INSTITUTE"
    SCIENCE_PARK = "SCIENCE_PARK"


class State(StrEnum):
    """The states of a space."""

    OPERATING = "OPERATING"


class SpaceSpec(Spec):
    """The client-settable part of a space."""

    required = ("display_name", "kind", "district", "operator")

    display_name: Title = ""
    kind: Kind | None = None
    district: DistrictName = ""
    zone: DistrictName = ""
    operator: Title = ""
    desks: Desks = 0
    area_m2: Area = NO_AREA
    address: Line = ""

    def ensure_valid(self, city: City) -> None:
        """Refuse a missing required field, and a district or zone that the city does not have (MALFORMED)."""
        self.ensure_complete("space")
        if not city.is_district(self.district):
            raise Invalid.field("space.district", "MALFORMED", "not a district of the city")
        if self.zone and not city.is_zone(self.zone):
            raise Invalid.field("space.zone", "MALFORMED", "not a functional zone of the city")


class CreateSpace(Value):
    """Create a space."""

    space: SpaceSpec = SpaceSpec()


class UpdateSpace(Value):
    """Change a space."""

    name: SpaceName
    space: SpaceSpec = SpaceSpec()
    update_mask: UpdateMask
    etag: Etag = ""


class GetSpace(Value):
    """Read one space."""

    name: SpaceName


class BatchGetSpaces(Value):
    """Read several spaces."""

    names: Annotated[tuple[SpaceName, ...], Field(max_length=200)]


class ListSpaces(PageQuery):
    """Read a page of spaces."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    kind: Kind | None = None
    district: DistrictName = ""


class OccupancyStep(Value):
    """How much of a space is occupied from this day until the next step."""

    date: Day
    desks: int
    area_m2: SquareMetres


class Space(Entity):
    """A place that offers room and support. It owns its capacity: the occupancy by day from today on, as steps."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "district", "zone")

    display_name: str
    kind: Kind
    district: str
    zone: str
    operator: str
    desks: int
    area_m2: SquareMetres
    address: str
    state: State = State.OPERATING
    occupancy: tuple[OccupancyStep, ...] = ()
    desks_free: int = Field(0, exclude=True)
    area_free_m2: SquareMetres = Field(NO_AREA, exclude=True)

    def on(self, today: date) -> Self:
        """Return the space as of a day: its occupancy from then on, and what is free."""
        steps = _from(today, self.occupancy)
        now = steps[0] if steps and steps[0].date <= today else OccupancyStep(date=today, desks=0, area_m2=NO_AREA)
        return self.with_(occupancy=steps, desks_free=self.desks - now.desks, area_free_m2=self.area_m2 - now.area_m2)

    def occupy(self, desks: int, area_m2: Decimal, period: Period, today: date) -> Self:
        """Occupy more room in the period. Negative amounts free room.

        Refuses with the first day that has not enough room (NOT_ENOUGH_ROOM). Past days are ignored and dropped.
        """
        period = Period(start=max(period.start, today), end=period.end)
        if period.end is not None and period.end <= period.start:
            return self
        changed = self.with_(occupancy=_shifted(_from(today, self.occupancy), desks, area_m2, period))
        if desks > 0 or area_m2 > 0:
            changed.ensure_room(period)
        return changed

    def ensure_room(self, period: Period) -> None:
        """Refuse when more is occupied than exists on a day of the period (NOT_ENOUGH_ROOM)."""
        for step in self.occupancy:
            day = max(step.date, period.start)
            if period.contains(day) and (step.desks > self.desks or step.area_m2 > self.area_m2):
                raise Precondition(
                    "NOT_ENOUGH_ROOM",
                    f"not enough room on {day}",
                    day=day,
                    desks_missing=max(0, step.desks - self.desks),
                    area_missing_m2=area_text(max(NO_AREA, step.area_m2 - self.area_m2)),
                )


def _from(today: date, steps: tuple[OccupancyStep, ...]) -> tuple[OccupancyStep, ...]:
    """Return the steps that matter from today on: one for today if anything is occupied, and the later ones."""
    past = sum(1 for step in steps if step.date <= today)
    if not past:
        return steps
    present = steps[past - 1]
    if not present.desks and not present.area_m2:
        return steps[past:]
    return (OccupancyStep(date=today, desks=present.desks, area_m2=present.area_m2), *steps[past:])


def _shifted(
    steps: tuple[OccupancyStep, ...], desks: int, area_m2: Decimal, period: Period
) -> tuple[OccupancyStep, ...]:
    """Add the amounts on the days of the period. A step that changes nothing is left out."""
    days = sorted({step.date for step in steps} | {period.start} | ({period.end} if period.end else set()))
    shifted: list[OccupancyStep] = []
    level, rest = (0, NO_AREA), iter((*steps, None))
    upcoming = next(rest)
    for day in days:
        while upcoming is not None and upcoming.date <= day:
            level, upcoming = (upcoming.desks, upcoming.area_m2), next(rest)
        added = (desks, area_m2) if period.contains(day) else (0, NO_AREA)
        step = OccupancyStep(date=day, desks=level[0] + added[0], area_m2=level[1] + added[1])
        before = (shifted[-1].desks, shifted[-1].area_m2) if shifted else (0, NO_AREA)
        if (step.desks, step.area_m2) != before:
            shifted.append(step)
    return tuple(shifted)


class SpaceCreated(Fact):
    """A space was created."""

    display_name: str
    kind: Kind
    district: str
    zone: str
    operator: str
    desks: int
    area_m2: SquareMetres


class SpaceUpdated(SpaceCreated):
    """The description or capacity of a space changed."""


def create(command: CreateSpace, city: City, *, name: str) -> Change[Space]:
    """Create a space in a district of the city."""
    command.space.ensure_valid(city)
    space = Space(name=name, **dict(command.space))
    return Change(space, saves=(space,), facts=(SpaceCreated.of(space),))


def update(space: Space, command: UpdateSpace, city: City, *, today: date) -> Change[Space]:
    """Change the fields that the mask names.

    Refuses a capacity below what is occupied on any day from today on (NOT_ENOUGH_ROOM). While room is
    occupied, district and zone cannot change (SPACE_OCCUPIED), because tenancies are scoped by them.
    """
    space.ensure_etag(command.etag)
    changed = space.with_(occupancy=_from(today, space.occupancy), **command.space.masked(command.update_mask))
    SpaceSpec.model_validate(changed, from_attributes=True).ensure_valid(city)
    if changed.occupancy and (changed.district, changed.zone) != (space.district, space.zone):
        raise Precondition(
            "SPACE_OCCUPIED", "the district and zone of an occupied space cannot change", name=space.name
        )
    changed.ensure_room(Period(start=today))
    return Change(changed, saves=(changed,), facts=(SpaceUpdated.of(changed),))
