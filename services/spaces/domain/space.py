"""The space: what it is, and how much of it is let on every day."""

from datetime import date
from typing import ClassVar, Self

from pydantic import Field

from libs.common.errors import Precondition
from libs.common.profile import City
from libs.common.values import Change, Entity, Fact
from services.spaces.domain.asks import CreateSpace, SpaceSpec, UpdateSpace
from services.spaces.domain.words import Kind, Let, Period, SpaceState


class Space(Entity):
    """A carrier of innovation. It owns its capacity: what is let on every day from today on, as steps."""

    reached_by: ClassVar[tuple[str, ...]] = ("name", "district", "zone")

    display_name: str
    kind: Kind
    district: str
    zone: str
    operator: str
    desks: int
    area_m2: int
    address: str
    state: SpaceState = SpaceState.OPERATING
    lets: tuple[Let, ...] = ()
    desks_free: int = Field(0, exclude=True)
    area_free_m2: int = Field(0, exclude=True)

    def on(self, today: date) -> Self:
        """The space as it is on a day: what is let then and later, and what is free."""
        lets = _from(today, self.lets)
        now = lets[0] if lets and lets[0].day <= today else Let(day=today, desks=0, area_m2=0)
        return self.with_(lets=lets, desks_free=self.desks - now.desks, area_free_m2=self.area_m2 - now.area_m2)

    def let_out(self, desks: int, area_m2: int, period: Period, today: date) -> Self:
        """The space with so much more let in the period; refuses on the first day without room (NOT_ENOUGH_ROOM).

        A negative amount gives room back. Days gone by are neither counted nor kept.
        """
        period = Period(start=max(period.start, today), end=period.end)
        if period.end is not None and period.end <= period.start:
            return self
        changed = self.with_(lets=_shifted(_from(today, self.lets), desks, area_m2, period))
        if desks > 0 or area_m2 > 0:
            changed.must_hold(period)
        return changed

    def must_hold(self, period: Period) -> None:
        """Refuse when on a day of the period more is let than there is (NOT_ENOUGH_ROOM)."""
        for let in self.lets:
            if period.holds(max(let.day, period.start)) and (let.desks > self.desks or let.area_m2 > self.area_m2):
                raise Precondition(
                    "NOT_ENOUGH_ROOM",
                    f"not enough room on {max(let.day, period.start)}",
                    day=max(let.day, period.start),
                    desks_missing=max(0, let.desks - self.desks),
                    area_missing_m2=max(0, let.area_m2 - self.area_m2),
                )


def _from(today: date, lets: tuple[Let, ...]) -> tuple[Let, ...]:
    """The steps that count from today on: one for the present if anything is let, and those to come."""
    past = sum(1 for let in lets if let.day <= today)
    if not past:
        return lets
    present = lets[past - 1]
    if not present.desks and not present.area_m2:
        return lets[past:]
    return (Let(day=today, desks=present.desks, area_m2=present.area_m2), *lets[past:])


def _shifted(lets: tuple[Let, ...], desks: int, area_m2: int, period: Period) -> tuple[Let, ...]:
    """The steps with so much more on the days of the period; a step that changes nothing is left out."""
    days = sorted({let.day for let in lets} | {period.start} | ({period.end} if period.end else set()))
    steps: list[Let] = []
    level, ahead = (0, 0), iter((*lets, None))
    coming = next(ahead)
    for day in days:
        while coming is not None and coming.day <= day:
            level, coming = (coming.desks, coming.area_m2), next(ahead)
        more = (desks, area_m2) if period.holds(day) else (0, 0)
        step = Let(day=day, desks=level[0] + more[0], area_m2=level[1] + more[1])
        before = steps[-1] if steps else Let(day=day, desks=0, area_m2=0)
        if (step.desks, step.area_m2) != (before.desks, before.area_m2):
            steps.append(step)
    return tuple(steps)


class SpaceCreated(Fact):
    """A space was opened."""

    display_name: str
    kind: Kind
    district: str
    zone: str
    operator: str
    desks: int
    area_m2: int


class SpaceUpdated(SpaceCreated):
    """A space changed what it says of itself, or its capacity."""


def create_space(ask: CreateSpace, city: City, *, name: str) -> Change[Space]:
    """Open a space in a district of the city."""
    spec = ask.space
    spec.must_be_complete("space")
    spec.must_lie_in(city)
    space = Space(name=name, **dict(spec))
    return Change(space, saves=(space,), facts=(SpaceCreated.of(space),))


def update_space(space: Space, ask: UpdateSpace, city: City, today: date) -> Change[Space]:
    """Change the fields that the mask names; on no day may more be let than there is then (NOT_ENOUGH_ROOM).

    While room is let the district and the zone stay (SPACE_OCCUPIED): officials reach tenancies by them.
    """
    space.must_match(ask.etag)
    changed = space.with_(lets=_from(today, space.lets), **ask.space.chosen(ask.update_mask))
    spec = SpaceSpec.model_validate(changed, from_attributes=True)
    spec.must_be_complete("space")
    spec.must_lie_in(city)
    if changed.lets and (changed.district, changed.zone) != (space.district, space.zone):
        raise Precondition("SPACE_OCCUPIED", "a space with tenants does not move", name=space.name)
    changed.must_hold(Period(start=today))
    return Change(changed, saves=(changed,), facts=(SpaceUpdated.of(changed),))
