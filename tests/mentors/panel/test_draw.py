"""The draw: the same for everybody, whatever the order of the input; the quotas are kept; everybody has a chance."""

import hashlib
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.errors import Precondition
from services.mentors.domain.draw import Candidate, Quotas, draw, draw_order, fill
from tests.mentors.panel.samples import candidate, quotas

KINDS = ("finance", "investor", "technology")
SEEDS = st.text("0123456789abcdef.-_", min_size=1, max_size=20)


@st.composite
def pools(draw_: Any, max_size: int = 9) -> list[Candidate]:
    """Return candidates of three kinds."""
    drawn = draw_(st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), max_size=max_size))
    return [candidate(number, kind, expert=expert) for number, (kind, expert) in enumerate(drawn)]


@st.composite
def needs(draw_: Any) -> tuple[int, Quotas]:
    """Return a size and quotas for it."""
    size = draw_(st.integers(1, 5))
    kinds = draw_(st.dictionaries(st.sampled_from(KINDS), st.integers(1, 3), max_size=2))
    return size, quotas(draw_(st.integers(0, 100)), **kinds)


def keeps(members: tuple[Candidate, ...], wanted: Quotas, size: int) -> bool:
    """Whether the members fill the seats and keep the quotas, by their definition."""
    experts = sum(member.industry_expert for member in members)
    counts = Counter(member.kind for member in members)
    return (
        len(members) == size
        and experts * 100 >= size * wanted.min_industry_expert_percent
        and all(counts[quota.kind] >= quota.min_members for quota in wanted.kinds)
    )


@given(SEEDS, pools(), st.randoms(use_true_random=False))
def test_the_order_depends_on_the_seed_and_the_names_only(seed: str, pool: list[Candidate], random: Any) -> None:
    """The order is that of the SHA-256 of seed, line feed and name, however the candidates are given."""
    names = [each.mentor for each in pool]
    expected = sorted(names, key=lambda name: hashlib.sha256((seed + "\n" + name).encode()).hexdigest())
    random.shuffle(names)
    assert draw_order(seed, names) == tuple(expected)


def test_the_order_never_changes() -> None:
    """The shuffle is part of the contract: a draw of today can be repeated in years, with no more than `sha256sum`."""
    names = [f"mentors/m{number}" for number in range(6)]
    expected = [f"mentors/m{number}" for number in (4, 3, 5, 0, 2, 1)]
    assert draw_order("2026-11-24", names) == tuple(expected)


@given(SEEDS, pools(), needs(), st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_same_seed_draws_the_same_panel(
    seed: str, pool: list[Candidate], need: tuple[int, Quotas], substitutes: int, random: Any
) -> None:
    """The result does not depend on the order in which the candidates are given."""
    size, wanted = need
    shuffled = list(pool)
    random.shuffle(shuffled)
    outcomes: list[Any] = []
    for each in (pool, shuffled):
        try:
            outcomes.append(draw(seed, each, wanted, seats=size, substitutes=substitutes))
        except Precondition as refused:
            outcomes.append(refused.metadata)
    assert outcomes[0] == outcomes[1]


@given(SEEDS, pools(), needs(), st.integers(0, 4))
def test_the_first_panel_that_keeps_the_quotas_is_drawn(
    seed: str, pool: list[Candidate], need: tuple[int, Quotas], substitutes: int
) -> None:
    """Of all panels that keep the quotas, the first in the order of the draw is taken; if there is none, it is refused.

    Compared with all possible panels.
    """
    size, wanted = need
    by_name = {each.mentor: each for each in pool}
    shuffled = [by_name[name] for name in draw_order(seed, by_name)]
    possible = [panel for panel in combinations(shuffled, size) if keeps(panel, wanted, size)]
    if not possible:
        with pytest.raises(Precondition, match="too few candidates"):
            draw(seed, pool, wanted, seats=size, substitutes=substitutes)
        return
    drawn = draw(seed, pool, wanted, seats=size, substitutes=substitutes)
    assert drawn.members == possible[0]
    rest = [each for each in shuffled if each not in drawn.members]
    assert len(drawn.substitutes) == min(substitutes, len(rest))
    assert list(drawn.substitutes) == [each for each in rest if each in drawn.substitutes]


@given(SEEDS, pools(12), st.integers(1, 4))
def test_substitutes_can_stand_in_for_the_quotas(seed: str, pool: list[Candidate], substitutes: int) -> None:
    """Among the substitutes is one of each kind with a quota, and an expert, as far as seats and candidates suffice."""
    wanted = quotas(50, technology=1, investor=1)
    try:
        drawn = draw(seed, pool, wanted, seats=3, substitutes=substitutes)
    except Precondition:
        return
    rest = [each for each in pool if each not in drawn.members]
    left = {each.kind for each in rest} & {"technology", "investor"}
    have = {each.kind for each in drawn.substitutes}
    assert len(have & left) >= min(len(left), substitutes)
    if any(each.industry_expert for each in rest) and substitutes > len(left):
        assert any(each.industry_expert for each in drawn.substitutes)


@pytest.mark.parametrize(
    ("pool", "wanted", "missing"),
    [
        ([candidate(1), candidate(2)], quotas(), ("1", "0", "")),
        ([candidate(1), candidate(2), candidate(3)], quotas(50), ("0", "2", "")),
        (
            [candidate(1, "technology"), candidate(2), candidate(3, "finance")],
            quotas(investor=2),
            ("0", "0", "investor:1"),
        ),
        (
            [candidate(1, "finance"), candidate(2, "finance"), candidate(3, "finance")],
            quotas(investor=2, technology=1),
            ("0", "0", "investor:2,technology:1"),
        ),
        # Two experts would be there, but the quota of the kind leaves one seat for them.
        (
            [candidate(1), candidate(2), candidate(3, "finance", expert=True), candidate(4, "finance", expert=True)],
            quotas(60, investor=2),
            ("0", "1", ""),
        ),
    ],
)
def test_a_refusal_says_what_is_missing(pool: list[Candidate], wanted: Quotas, missing: tuple[str, str, str]) -> None:
    """Too few candidates are refused with the seats, the industry experts and the kinds that are missing."""
    with pytest.raises(Precondition) as refused:
        draw("seed", pool, wanted, seats=3, substitutes=0)
    assert refused.value.reason == "QUOTA_NOT_REACHABLE"
    names = ("seats_missing", "industry_experts_missing", "kinds_missing")
    assert tuple(refused.value.metadata[name] for name in names) == missing


@pytest.mark.parametrize(("size", "percent", "experts"), [(3, 50, 2), (3, 34, 2), (3, 33, 1), (5, 100, 5), (4, 0, 0)])
def test_the_share_of_industry_experts_is_rounded_up(size: int, percent: int, experts: int) -> None:
    """A share of at least so many per cent of the seats needs the next whole number of experts."""
    assert quotas(percent).of(size).industry_experts == experts


def test_everybody_has_a_fair_chance() -> None:
    """Over many seeds each of ten candidates is drawn about as often: in 3 of 10 draws, give or take a sixth."""
    pool = [candidate(number) for number in range(10)]
    counts: Counter[str] = Counter()
    for seed in range(3000):
        counts.update(each.mentor for each in draw(f"{seed}", pool, quotas(), seats=3, substitutes=0).members)
    assert len(counts) == 10
    assert all(750 <= count <= 1050 for count in counts.values())


def test_quotas_are_fair_within_a_kind() -> None:
    """Where a quota favours a kind, those of the kind still have equal chances."""
    pool = [candidate(number, KINDS[number % 3]) for number in range(9)]
    counts: Counter[str] = Counter()
    for seed in range(3000):
        members = draw(f"{seed}", pool, quotas(technology=2), seats=3, substitutes=0).members
        counts.update(each.mentor for each in members if each.kind == "technology")
    assert all(count > sum(counts.values()) * 0.3 for count in counts.values())


@given(SEEDS, pools(), needs(), st.data())
def test_substitutes_who_join_keep_the_quotas(
    seed: str, pool: list[Candidate], need: tuple[int, Quotas], data: st.DataObject
) -> None:
    """When a member leaves, the first substitutes join with whom the vacant seats suffice for what is missing."""
    size, wanted = need
    try:
        drawn = draw(seed, pool, wanted, seats=size, substitutes=4)
    except Precondition:
        return
    leaving = data.draw(st.sampled_from(drawn.members))
    rest = [each for each in drawn.members if each is not leaving]
    joined = fill(rest, drawn.substitutes, wanted.of(size))
    alone = [each for each in drawn.substitutes if keeps((*rest, each), wanted, size)]
    assert list(joined) == alone[:1]
