"""What a space lets on every day, against a count by hand of every day."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import Precondition
from services.spaces.domain import (
    EndReason,
    EndTenancy,
    Occupant,
    Period,
    Space,
    SpaceSpec,
    Tenancy,
    end_tenancy,
    update_space,
)
from tests.spaces.examples import CITY, TODAY, ZONE, day, level, moved_in, occupant, space, update

#: Days are drawn from this many before and after today; behind the last of them nothing changes any more.
NEAR = 12
DESKS, AREA = 6, 60


@dataclass(frozen=True)
class Letting:
    """So much let on the days of a period."""

    desks: int
    area_m2: int
    start: date
    end: date | None

    def on(self, when: date) -> tuple[int, int]:
        """What it takes on a day."""
        held = self.start <= when and (self.end is None or when < self.end)
        return (self.desks, self.area_m2) if held else (0, 0)


def counted(lettings: list[Letting], when: date) -> tuple[int, int]:
    """Desks and m² let on a day, added up one by one."""
    taken = [letting.on(when) for letting in lettings]
    return sum(desks for desks, _ in taken), sum(area for _, area in taken)


def days_from(today: date) -> list[date]:
    """Every day from today to a while after the last on which anything drawn can change."""
    return [today + timedelta(days=ahead) for ahead in range(6 * NEAR)]


@st.composite
def lettings(draw: st.DrawFn, most: int = DESKS) -> Letting:
    """Some desks or area, or both, for a period in the past, the present or the future, or for good."""
    desks = draw(st.integers(0, most))
    area_m2 = draw(st.integers(0 if desks else 1, AREA // 2))
    start = draw(st.integers(-NEAR, NEAR))
    length = draw(st.one_of(st.none(), st.integers(1, NEAR)))
    return Letting(desks, area_m2, day(start), None if length is None else day(start + length))


@dataclass(frozen=True)
class Ending:
    """The tenancy of that place in the list ends some days after its first; reduced to what is allowed."""

    which: int
    after: int


@dataclass(frozen=True)
class Wait:
    """Days go by."""

    days: int


ENDINGS = st.builds(Ending, st.integers(0, 20), st.integers(0, 2 * NEAR))
STEPS = st.lists(st.one_of(lettings(), lettings(), ENDINGS, st.builds(Wait, st.integers(1, 4))), max_size=12)


some = settings(max_examples=60)


class Story:
    """A space through which tenants come and go, and beside it the list of lettings that are agreed."""

    def __init__(self) -> None:
        self.today = TODAY
        self.space = space(DESKS, AREA)
        self.agreed: list[Letting] = []
        self.tenancies: list[tuple[Occupant, Tenancy]] = []

    def take(self, step: Letting | Ending | Wait) -> None:
        """Let, end or wait."""
        if isinstance(step, Wait):
            self.today += timedelta(days=step.days)
        elif isinstance(step, Letting):
            self.let(step)
        elif self.tenancies:
            self.end(step)

    def let(self, letting: Letting) -> None:
        """Register a tenant; refused exactly when on some day from today on it would not fit."""
        with_it = [*self.agreed, letting]
        full = [
            when
            for when in days_from(self.today)
            if letting.on(when) != (0, 0) and not fits(counted(with_it, when), self.space)
        ]
        who = occupant(f"startups/a{len(self.tenancies)}")
        name = f"t{len(self.tenancies)}"
        register = partial(
            moved_in, self.space, who, letting.start, letting.end, desks=letting.desks, area_m2=letting.area_m2
        )
        if full:
            with pytest.raises(Precondition) as refused:
                register(today=self.today)
            assert refused.value.reason == "NOT_ENOUGH_ROOM"
            assert refused.value.metadata["day"] == str(full[0])
            return
        self.space, who, tenancy = register(today=self.today, name=name)
        self.agreed.append(letting)
        self.tenancies.append((who, tenancy))

    def end(self, step: Ending) -> None:
        """End a tenancy that has not ended, on a day that is allowed."""
        place = step.which % len(self.tenancies)
        who, tenancy = self.tenancies[place]
        tenancy = tenancy.at(self.today, ZONE)
        if tenancy.end_date is not None and tenancy.end_date <= max(self.today, tenancy.start_date):
            return
        end = tenancy.start_date + timedelta(days=step.after)
        end = min(end, tenancy.end_date) if tenancy.end_date else end
        ask = EndTenancy(name=tenancy.name, end_date=end, end_reason=EndReason.LEFT)
        change = end_tenancy(tenancy, self.space, who, ask, today=self.today, zone=ZONE)
        ended, house, left = change.saves
        assert isinstance(ended, Tenancy)
        assert isinstance(house, Space)
        assert isinstance(left, Occupant)
        self.space, self.tenancies[place] = house, (left, ended)
        self.agreed[place] = replace(self.agreed[place], end=end)


def fits(taken: tuple[int, int], house: Space) -> bool:
    """Whether a space has so much."""
    return taken[0] <= house.desks and taken[1] <= house.area_m2


@some
@given(STEPS)
def test_steps_equal_a_count_of_every_day(steps: list[Letting | Ending | Wait]) -> None:
    """After any lettings and endings the steps say of every day from today on what adding up by hand says."""
    story = Story()
    for step in steps:
        story.take(step)
        for when in days_from(story.today):
            taken = counted(story.agreed, when)
            assert level(story.space.lets, when) == taken, when
            assert fits(taken, story.space), when


@some
@given(STEPS)
def test_no_step_is_redundant(steps: list[Letting | Ending | Wait]) -> None:
    """Steps are in the order of their days, each changes something, and there are no more than days of change."""
    story = Story()
    for step in steps:
        story.take(step)
        for lets in (story.space.lets, story.space.on(story.today).lets):
            assert [let.day for let in lets] == sorted({let.day for let in lets})
            levels = [(0, 0), *((let.desks, let.area_m2) for let in lets)]
            assert all(one != other for one, other in pairwise(levels))
        changes = {edge for agreed in story.agreed for edge in (agreed.start, agreed.end) if edge}
        coming = {edge for edge in changes if edge > story.today}
        assert len(story.space.on(story.today).lets) <= len(coming) + 1


@some
@given(STEPS)
def test_what_is_free_today_is_what_is_not_let(steps: list[Letting | Ending | Wait]) -> None:
    """Free desks and area are the space's own less what is let on that very day."""
    story = Story()
    for step in steps:
        story.take(step)
        now = story.space.on(story.today)
        desks, area_m2 = counted(story.agreed, story.today)
        assert (now.desks_free, now.area_free_m2) == (DESKS - desks, AREA - area_m2)


@some
@given(STEPS, lettings(most=3))
def test_giving_back_restores_the_space(steps: list[Letting | Ending | Wait], letting: Letting) -> None:
    """Letting something and giving the same back leaves the space as it was."""
    story = Story()
    for step in steps:
        story.take(step)
    roomy = story.space.with_(desks=1000, area_m2=1000)
    period, today = Period(start=letting.start, end=letting.end), story.today
    let = roomy.let_out(letting.desks, letting.area_m2, period, today)
    back = let.let_out(-letting.desks, -letting.area_m2, period, today)
    assert back.on(today) == roomy.on(today)


@given(st.lists(lettings(), max_size=8), st.randoms(use_true_random=False))
def test_order_of_lettings_does_not_matter(agreed: list[Letting], chance: Random) -> None:
    """Lettings that all fit leave the same steps in whatever order they were agreed."""
    shuffled = list(agreed)
    chance.shuffle(shuffled)
    one = other = space(desks=1000, area_m2=10_000)
    for letting in agreed:
        one = one.let_out(letting.desks, letting.area_m2, Period(start=letting.start, end=letting.end), TODAY)
    for letting in shuffled:
        other = other.let_out(letting.desks, letting.area_m2, Period(start=letting.start, end=letting.end), TODAY)
    assert one == other


def test_tenants_of_the_same_days_share_a_step() -> None:
    """A thousand tenants who come and go on the same days need two steps and no more."""
    house = space(desks=1000)
    for _ in range(1000):
        house = house.let_out(1, 0, Period(start=TODAY, end=day(30)), TODAY)
    assert len(house.lets) == 2


def test_moving_out_day_is_free_again() -> None:
    """The day of moving out can be the next tenant's first, in a space without a desk to spare."""
    house, _, _ = moved_in(space(desks=1), occupant(), day(0), day(5))
    house, _, _ = moved_in(house, occupant("startups/b1"), day(5), day(9), name="t2")
    with pytest.raises(Precondition):
        moved_in(house, occupant("startups/c1"), day(8), day(9), name="t3")


def test_refusal_tells_the_first_day_and_what_is_missing() -> None:
    """NOT_ENOUGH_ROOM names the first day without room, and how many desks and m² are missing on it."""
    house, _, _ = moved_in(space(desks=10, area_m2=100), occupant(), day(3), day(6), desks=7, area_m2=90)
    with pytest.raises(Precondition) as refused:
        moved_in(house, occupant("startups/b1"), day(0), None, desks=5, area_m2=30)
    assert refused.value.reason == "NOT_ENOUGH_ROOM"
    assert refused.value.metadata == {"day": str(day(3)), "desks_missing": "2", "area_missing_m2": "20"}


@pytest.mark.parametrize(("desks", "area_m2"), [(7, 90), (10, 90), (7, 100)])
def test_capacity_may_shrink_to_what_is_let(desks: int, area_m2: int) -> None:
    """A space may shrink to just what is let on its fullest coming day."""
    house, _, _ = moved_in(space(), occupant(), day(3), day(6), desks=7, area_m2=90)
    ask = update(house, SpaceSpec(desks=desks, area_m2=area_m2), "desks", "area_m2")
    changed = update_space(house, ask, CITY, TODAY).reply
    assert (changed.desks, changed.area_m2) == (desks, area_m2)


@pytest.mark.parametrize(("desks", "area_m2", "missing"), [(6, 90, (1, 0)), (7, 89, (0, 1)), (0, 0, (7, 90))])
def test_capacity_stays_above_what_is_let(desks: int, area_m2: int, missing: tuple[int, int]) -> None:
    """A space cannot shrink below what is let on a coming day (NOT_ENOUGH_ROOM), which is named."""
    house, _, _ = moved_in(space(), occupant(), day(3), day(6), desks=7, area_m2=90)
    ask = update(house, SpaceSpec(desks=desks, area_m2=area_m2), "desks", "area_m2")
    with pytest.raises(Precondition) as refused:
        update_space(house, ask, CITY, TODAY)
    assert refused.value.reason == "NOT_ENOUGH_ROOM"
    assert refused.value.metadata["day"] == str(day(3))
    assert (refused.value.metadata["desks_missing"], refused.value.metadata["area_missing_m2"]) == tuple(
        map(str, missing)
    )


def test_shrinking_is_refused_for_a_day_to_come_or_today() -> None:
    """The day for which a space cannot shrink is today at the earliest, however long ago the tenant moved in."""
    house, _, _ = moved_in(space(), occupant(), day(-300), None, desks=7)
    ask = update(house, SpaceSpec(desks=6), "desks")
    with pytest.raises(Precondition) as refused:
        update_space(house, ask, CITY, TODAY)
    assert refused.value.metadata["day"] == str(TODAY)


def test_days_gone_by_do_not_hold_a_space_back() -> None:
    """What was let on days gone by is no reason against shrinking."""
    house, _, _ = moved_in(space(), occupant(), day(-9), day(-1), desks=10, today=day(-9))
    ask = update(house, SpaceSpec(desks=0), "desks")
    assert update_space(house, ask, CITY, TODAY).reply.desks == 0
