"""The draw of a panel: a shuffle that anybody can repeat, and the first choice in it that keeps the quotas.

1. Shuffle. Sort the candidates by the lower-case hexadecimal SHA-256 of a UTF-8 text: the seed, a line feed, and the
   resource name of the mentor. The order depends on nothing else.
2. Members. Go through the candidates that are not excluded, in this order. Take each, unless with those that follow
   the seats could no longer be filled or the quotas no longer be kept.
3. Substitutes. Go through the rest in the same way, for a choice with one of each kind that has a quota and one
   industry expert if they have a quota, as far as there are seats and candidates: kinds first, in the order of their
   codes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from libs.common.domain.entity import Value
from libs.common.domain.errors import Precondition
from libs.common.domain.names import Code

MAX_SEATS = 25


class KindQuota(Value):
    """At least so many members are of a kind of mentor."""

    kind: Annotated[Code, StringConstraints(min_length=1)]
    min_members: Annotated[int, Field(ge=1, le=MAX_SEATS)]


class Quotas(Value):
    """What a panel must be made of. The share of industry experts is in per cent of the seats, rounded up."""

    min_industry_expert_percent: int = 0
    kinds: tuple[KindQuota, ...] = ()

    def of(self, seats: int) -> "Need":
        """Return what is needed to fill all seats of a panel."""
        kinds = {quota.kind: quota.min_members for quota in self.kinds}
        return Need(seats, -(-seats * self.min_industry_expert_percent // 100), kinds)


class Candidate(Value):
    """Who may be drawn."""

    mentor: str
    kind: str
    industry_expert: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What is still needed: seats, and among them industry experts and members of some kinds."""

    seats: int
    industry_experts: int
    kinds: dict[str, int]

    def after(self, taken: Iterable[Candidate]) -> "Need":
        """Return what is needed once these are members."""
        members = list(taken)
        counts = Counter(each.kind for each in members)
        experts = sum(each.industry_expert for each in members)
        kinds = {kind: count - counts[kind] for kind, count in self.kinds.items() if count > counts[kind]}
        return Need(self.seats - len(members), max(0, self.industry_experts - experts), kinds)

    @property
    def fits_its_seats(self) -> bool:
        """Whether there are as many seats as the quotas need, whoever the candidates are."""
        return self.seats >= max(0, self.industry_experts, sum(self.kinds.values()))

    def lacking(self, pool: "Pool") -> "Need":
        """Return what the pool lacks. Industry experts of needed kinds serve both."""
        kinds = {kind: count - pool.kinds[kind] for kind, count in self.kinds.items() if count > pool.kinds[kind]}
        within = sum(min(count, pool.experts[kind]) for kind, count in self.kinds.items())
        free = self.seats - sum(self.kinds.values())
        reachable = within + max(0, min(free, pool.experts.total() - within))
        seats = self.seats - pool.kinds.total() if free >= 0 else -free
        return Need(max(0, seats), max(0, self.industry_experts - reachable), kinds)

    def is_met_by(self, pool: "Pool") -> bool:
        """Whether the pool has enough for all that is needed."""
        lacking = self.lacking(pool)
        return not (lacking.seats or lacking.industry_experts or lacking.kinds)

    @property
    def metadata(self) -> dict[str, Any]:
        """What is needed, for the metadata of a refusal."""
        return {
            "seats_missing": self.seats,
            "industry_experts_missing": self.industry_experts,
            "kinds_missing": ",".join(f"{kind}:{count}" for kind, count in sorted(self.kinds.items())),
        }


@dataclass(frozen=True, slots=True)
class Pool:
    """How many candidates there are of each kind, and how many of these are industry experts."""

    kinds: Counter[str]
    experts: Counter[str]

    @classmethod
    def of(cls, candidates: Iterable[Candidate]) -> "Pool":
        """Count candidates."""
        pool = cls(Counter(), Counter())
        for each in candidates:
            pool.add(each, 1)
        return pool

    def add(self, candidate: Candidate, count: int) -> None:
        """Count a candidate in (1) or out (-1)."""
        self.kinds[candidate.kind] += count
        if candidate.industry_expert:
            self.experts[candidate.kind] += count


@dataclass(frozen=True, slots=True)
class Drawn:
    """The result of a draw, both parts in the order of the draw."""

    members: tuple[Candidate, ...]
    substitutes: tuple[Candidate, ...]


def draw_order(seed: str, mentors: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the order of the draw."""
    return tuple(sorted(mentors, key=lambda name: hashlib.sha256(f"{seed}\n{name}".encode()).hexdigest()))


def draw(seed: str, eligible: Iterable[Candidate], quotas: Quotas, *, seats: int, substitutes: int) -> Drawn:
    """Draw a panel from those who are not excluded. Refuses when its quotas cannot be kept (QUOTA_NOT_REACHABLE).

    There are fewer substitutes than wanted when the candidates do not suffice.
    """
    by_name = {each.mentor: each for each in eligible}
    shuffled = [by_name[name] for name in draw_order(seed, by_name)]
    need = quotas.of(seats)
    if not need.is_met_by(pool := Pool.of(shuffled)):
        raise Precondition(
            "QUOTA_NOT_REACHABLE",
            "too few candidates for the seats and quotas of the panel",
            **need.lacking(pool).metadata,
        )
    members = _choose(shuffled, need)
    chosen = {each.mentor for each in members}
    rest = [each for each in shuffled if each.mentor not in chosen]
    return Drawn(members, _choose(rest, _substitutes_need(rest, quotas, substitutes)))


def _choose(shuffled: Sequence[Candidate], need: Need) -> tuple[Candidate, ...]:
    """Return the first candidates in this order that together are what is needed. The need must be met by them."""
    pool = Pool.of(shuffled)
    chosen: list[Candidate] = []
    for each in shuffled:
        pool.add(each, -1)
        after = need.after([each])
        if need.seats and after.is_met_by(pool):
            chosen.append(each)
            need = after
    return tuple(chosen)


def _substitutes_need(rest: Sequence[Candidate], quotas: Quotas, wanted: int) -> Need:
    """Return what substitutes are needed, as far as the rest of the candidates has them."""
    pool = Pool.of(rest)
    need = Need(min(wanted, len(rest)), 0, {})
    for kind in sorted(quota.kind for quota in quotas.kinds):
        more = Need(need.seats, 0, {**need.kinds, kind: 1})
        need = more if more.is_met_by(pool) else need
    if quotas.min_industry_expert_percent:
        more = Need(need.seats, 1, need.kinds)
        need = more if more.is_met_by(pool) else need
    return need


def fill(members: Sequence[Candidate], substitutes: Iterable[Candidate], need: Need) -> tuple[Candidate, ...]:
    """Return the substitutes who join, in order: each who leaves enough seats for what the quotas still need."""
    joined: list[Candidate] = []
    for each in substitutes:
        left = need.after((*members, *joined, each))
        if left.fits_its_seats:
            joined.append(each)
    return tuple(joined)
