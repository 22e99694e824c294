"""How much of a space is occupied on every day, against a count of every day."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.domain.errors import Precondition
from services.spaces.domain import tenancy as tenancies
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.period import Period
from services.spaces.domain.space import Space, SpaceSpec
from services.spaces.domain.space import update as update_space
from services.spaces.domain.tenancy import EndReason, EndTenancy, Tenancy
from tests.spaces.samples import CITY, TODAY, ZONE, day, moved_in, occupant, occupied_on, space, update

#: Days are drawn from this many before and after today; behind the last of them nothing changes any more.
NEAR = 12
DESKS, AREA = 6, 60
NOTHING = (0, Decimal(0))


@dataclass(frozen=True)
class Lease:
    """So much occupied on the days of a period."""

    desks: int
    area_m2: Decimal
    start: date
    end: date | None

    @property
    def period(self) -> Period:
        """The days of the lease."""
        return Period(start=self.start, end=self.end)

    def on(self, when: date) -> tuple[int, Decimal]:
        """Return what it takes on a day."""
        held = self.start <= when and (self.end is None or when < self.end)
        return (self.desks, self.area_m2) if held else NOTHING


def counted(leases: list[Lease], when: date) -> tuple[int, Decimal]:
    """Add up the desks and m² occupied on a day."""
    taken = [lease.on(when) for lease in leases]
    return sum(desks for desks, _ in taken), sum((area for _, area in taken), Decimal(0))


def days_from(today: date) -> list[date]:
    """Return every day from today to a while after the last on which anything drawn can change."""
    return [today + timedelta(days=ahead) for ahead in range(6 * NEAR)]


@st.composite
def leases(draw: st.DrawFn, max_desks: int = DESKS) -> Lease:
    """Desks or area, or both, for a period in the past, the present or the future, with or without an end."""
    desks = draw(st.integers(0, max_desks))
    area_m2 = draw(st.decimals(0 if desks else "0.01", AREA // 2, places=2))
    start = draw(st.integers(-NEAR, NEAR))
    length = draw(st.one_of(st.none(), st.integers(1, NEAR)))
    return Lease(desks, area_m2, day(start), None if length is None else day(start + length))


@dataclass(frozen=True)
class Ending:
    """End the tenancy at this index some days after its first day, within what is allowed."""

    which: int
    after: int


@dataclass(frozen=True)
class Wait:
    """Move the calendar forward."""

    days: int


ENDINGS = st.builds(Ending, st.integers(0, 20), st.integers(0, 2 * NEAR))
STEPS = st.lists(st.one_of(leases(), leases(), ENDINGS, st.builds(Wait, st.integers(1, 4))), max_size=12)
some = settings(max_examples=60)


class History:
    """A space in which tenants come and go, and beside it the list of leases that are agreed."""

    def __init__(self) -> None:
        self.today = TODAY
        self.space = space(DESKS, AREA)
        self.agreed: list[Lease] = []
        self.tenancies: list[tuple[Occupant, Tenancy]] = []

    def take(self, step: Lease | Ending | Wait) -> None:
        """Lease, end or wait."""
        if isinstance(step, Wait):
            self.today += timedelta(days=step.days)
        elif isinstance(step, Lease):
            self.lease(step)
        elif self.tenancies:
            self.end(step)

    def lease(self, lease: Lease) -> None:
        """Register a tenant; refused exactly when the lease does not fit on some day from today on."""
        with_it = [*self.agreed, lease]
        full = [
            when
            for when in days_from(self.today)
            if lease.on(when) != NOTHING and not fits(counted(with_it, when), self.space)
        ]
        number = len(self.tenancies)
        register = partial(
            moved_in,
            self.space,
            occupant(f"startups/a{number}"),
            lease.start,
            lease.end,
            desks=lease.desks,
            area_m2=lease.area_m2,
        )
        if full:
            with pytest.raises(Precondition) as refusal:
                register(today=self.today)
            assert refusal.value.reason == "NOT_ENOUGH_ROOM"
            assert refusal.value.metadata["day"] == str(full[0])
            return
        self.space, who, registered = register(today=self.today, name=f"t{number}")
        self.agreed.append(lease)
        self.tenancies.append((who, registered))

    def end(self, step: Ending) -> None:
        """End a tenancy that has not ended, on a day that is allowed."""
        place = step.which % len(self.tenancies)
        who, tenancy = self.tenancies[place]
        tenancy = tenancy.at(self.today, ZONE)
        if tenancy.end_date is not None and tenancy.end_date <= max(self.today, tenancy.start_date):
            return
        end = tenancy.start_date + timedelta(days=step.after)
        end = min(end, tenancy.end_date) if tenancy.end_date else end
        command = EndTenancy(name=tenancy.name, end_date=end, end_reason=EndReason.LEFT)
        change = tenancies.end(tenancy, self.space, who, command, today=self.today, zone=ZONE)
        ended, vacated, left = change.saves
        assert isinstance(ended, Tenancy)
        assert isinstance(vacated, Space)
        assert isinstance(left, Occupant)
        self.space, self.tenancies[place] = vacated, (left, ended)
        self.agreed[place] = replace(self.agreed[place], end=end)


def fits(taken: tuple[int, Decimal], offered: Space) -> bool:
    """Return whether a space has so much."""
    return taken[0] <= offered.desks and taken[1] <= offered.area_m2


# --- steps ------------------------------------------------------------------------------------


@some
@given(STEPS)
def test_steps_equal_a_count_of_every_day(steps: list[Lease | Ending | Wait]) -> None:
    """After any leases and endings the steps give for every day from today on what adding up the leases gives."""
    history = History()
    for step in steps:
        history.take(step)
        for when in days_from(history.today):
            taken = counted(history.agreed, when)
            assert occupied_on(history.space.occupancy, when) == taken, when
            assert fits(taken, history.space), when


@some
@given(STEPS)
def test_no_step_is_redundant(steps: list[Lease | Ending | Wait]) -> None:
    """Steps are in the order of their days, each changes something, and there are no more than days of change."""
    history = History()
    for step in steps:
        history.take(step)
        for occupancy in (history.space.occupancy, history.space.on(history.today).occupancy):
            assert [each.date for each in occupancy] == sorted({each.date for each in occupancy})
            levels = [NOTHING, *((each.desks, each.area_m2) for each in occupancy)]
            assert all(one != other for one, other in pairwise(levels))
        changes = {edge for agreed in history.agreed for edge in (agreed.start, agreed.end) if edge}
        later = {edge for edge in changes if edge > history.today}
        assert len(history.space.on(history.today).occupancy) <= len(later) + 1


@some
@given(STEPS)
def test_what_is_free_today_is_what_is_not_occupied(steps: list[Lease | Ending | Wait]) -> None:
    """Free desks and area are those of the space less what is occupied today."""
    history = History()
    for step in steps:
        history.take(step)
        now = history.space.on(history.today)
        desks, area_m2 = counted(history.agreed, history.today)
        assert (now.desks_free, now.area_free_m2) == (DESKS - desks, AREA - area_m2)


@some
@given(STEPS, leases(max_desks=3))
def test_freeing_what_was_occupied_restores_the_space(steps: list[Lease | Ending | Wait], lease: Lease) -> None:
    """Occupying something and freeing the same leaves the space as it was."""
    history = History()
    for step in steps:
        history.take(step)
    roomy, today = history.space.with_(desks=1000, area_m2=Decimal(1000)), history.today
    occupied = roomy.occupy(lease.desks, lease.area_m2, lease.period, today)
    freed = occupied.occupy(-lease.desks, -lease.area_m2, lease.period, today)
    assert freed.on(today) == roomy.on(today)


@given(st.lists(leases(), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_leases_does_not_matter(agreed: list[Lease], chance: Random) -> None:
    """Leases that all fit give the same steps in whatever order they were agreed."""
    shuffled = list(agreed)
    chance.shuffle(shuffled)
    one = other = space(desks=1000, area_m2=10_000)
    for lease in agreed:
        one = one.occupy(lease.desks, lease.area_m2, lease.period, TODAY)
    for lease in shuffled:
        other = other.occupy(lease.desks, lease.area_m2, lease.period, TODAY)
    assert one == other


def test_tenants_of_the_same_days_share_a_step() -> None:
    """A thousand tenants who come and go on the same days need two steps."""
    shared = space(desks=1000)
    for _ in range(1000):
        shared = shared.occupy(1, Decimal(0), Period(start=TODAY, end=day(30)), TODAY)
    assert len(shared.occupancy) == 2


# --- room -------------------------------------------------------------------------------------


def test_the_day_of_moving_out_is_free() -> None:
    """The day of moving out can be the next tenant's first, in a space without a desk to spare."""
    full, _, _ = moved_in(space(desks=1), occupant(), day(0), day(5))
    full, _, _ = moved_in(full, occupant("startups/b1"), day(5), day(9), name="t2")
    with pytest.raises(Precondition):
        moved_in(full, occupant("startups/c1"), day(8), day(9), name="t3")


def test_a_refusal_names_the_first_day_and_what_is_missing() -> None:
    """NOT_ENOUGH_ROOM names the first day without room, and how many desks and m² are missing on it."""
    occupied, _, _ = moved_in(space(desks=10, area_m2=100), occupant(), day(3), day(6), desks=7, area_m2="90.5")
    with pytest.raises(Precondition) as refusal:
        moved_in(occupied, occupant("startups/b1"), day(0), None, desks=5, area_m2=30)
    assert refusal.value.reason == "NOT_ENOUGH_ROOM"
    assert refusal.value.metadata == {"day": str(day(3)), "desks_missing": "2", "area_missing_m2": "20.5"}


@pytest.mark.parametrize(("desks", "area_m2"), [(7, 90), (10, 90), (7, 100)])
def test_capacity_may_shrink_to_what_is_occupied(desks: int, area_m2: int) -> None:
    """A space may shrink to what is occupied on its fullest day from today on."""
    occupied, _, _ = moved_in(space(), occupant(), day(3), day(6), desks=7, area_m2=90)
    command = update(occupied, SpaceSpec(desks=desks, area_m2=Decimal(area_m2)), "desks", "area_m2")
    changed = update_space(occupied, command, CITY, today=TODAY).reply
    assert (changed.desks, changed.area_m2) == (desks, Decimal(area_m2))


@pytest.mark.parametrize(("desks", "area_m2", "missing"), [(6, 90, (1, 0)), (7, 89, (0, 1)), (0, 0, (7, 90))])
def test_capacity_stays_above_what_is_occupied(desks: int, area_m2: int, missing: tuple[int, int]) -> None:
    """A space cannot shrink below what is occupied on a later day (NOT_ENOUGH_ROOM), which is named."""
    occupied, _, _ = moved_in(space(), occupant(), day(3), day(6), desks=7, area_m2=90)
    command = update(occupied, SpaceSpec(desks=desks, area_m2=Decimal(area_m2)), "desks", "area_m2")
    with pytest.raises(Precondition) as refusal:
        update_space(occupied, command, CITY, today=TODAY)
    assert refusal.value.reason == "NOT_ENOUGH_ROOM"
    assert refusal.value.metadata["day"] == str(day(3))
    assert (refusal.value.metadata["desks_missing"], refusal.value.metadata["area_missing_m2"]) == tuple(
        map(str, missing)
    )


def test_shrinking_is_refused_for_today_at_the_earliest() -> None:
    """The day for which a space cannot shrink is today at the earliest, however long ago the tenant moved in."""
    occupied, _, _ = moved_in(space(), occupant(), day(-300), None, desks=7)
    with pytest.raises(Precondition) as refusal:
        update_space(occupied, update(occupied, SpaceSpec(desks=6), "desks"), CITY, today=TODAY)
    assert refusal.value.metadata["day"] == str(TODAY)


def test_past_days_do_not_keep_a_space_from_shrinking() -> None:
    """What was occupied on past days does not count against a smaller capacity."""
    occupied, _, _ = moved_in(space(), occupant(), day(-9), day(-1), desks=10, today=day(-9))
    command = update(occupied, SpaceSpec(desks=0), "desks")
    assert update_space(occupied, command, CITY, today=TODAY).reply.desks == 0


def test_past_days_take_no_room() -> None:
    """A tenancy wholly in the past occupies nothing, even of a full space."""
    full, _, _ = moved_in(space(desks=1), occupant(), day(-30), None)
    after, _, tenancy = moved_in(full, occupant("startups/b1"), day(-9), day(-3), name="t2")
    assert tenancy.state is tenancies.State.ENDED
    assert after.on(TODAY).occupancy == full.on(TODAY).occupancy
