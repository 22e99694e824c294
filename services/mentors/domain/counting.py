"""What counts of a mentor's year: rule sets as data of the profile, and verdicts that explain themselves."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from libs.common.domain.dates import Day
from libs.common.domain.entity import Value
from libs.common.domain.errors import Invalid
from libs.common.domain.profile import Section, Slug, Text, Words
from services.mentors.domain.evidence import EvidenceKind

Count = Annotated[int, Field(ge=0, le=1000)]

#: Lax, because TOML knows neither enums nor tuples.
ProfileEvidence = Annotated[EvidenceKind, Field(strict=False)]


class RuleSet(Section):
    """When a session counts, and how many must in a calendar year. Without dates it has always been in force."""

    name: Text
    source: Words
    valid_from: date | None = None  # the first day; sessions before it are not judged by these rules
    valid_to: date | None = None  # the first day after the last
    min_sessions: Count = 0  # in a year
    min_tenant_services: Count = 0  # in a year, to startups that were tenants of a space on the day
    min_minutes: Annotated[int, Field(ge=0, le=1440)] = 0  # of each session
    confirmed: bool = True  # by at least one of its startups
    appointed: bool = True  # a valid appointment on the day
    evidence: tuple[ProfileEvidence, ...] = Field(default=(), strict=False)  # every kind is required

    def covers(self, day: date) -> bool:
        """Whether the rules are in force on the day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)

    def ensure_in_force(self, year: int) -> None:
        """Refuse a year of which no day is covered (DATE_OUT_OF_RANGE)."""
        ended = self.valid_to is not None and self.valid_to <= date(year, 1, 1)
        if ended or (self.valid_from is not None and self.valid_from.year > year):
            raise Invalid.field("year", "DATE_OUT_OF_RANGE", "the rule set is not in force on any day of the year")


class CountingSection(Section):
    """The table `counting` of the profile: rule sets by their codes, which are used side by side."""

    default_rule_set: Slug
    rule_sets: dict[Slug, RuleSet]

    @model_validator(mode="after")
    def _ensure_default(self) -> Self:
        if self.default_rule_set not in self.rule_sets:
            raise ValueError(f"default_rule_set: there is no rule set {self.default_rule_set}")
        return self

    def rule_set(self, code: str) -> RuleSet:
        """Return a rule set, the default one for an empty code. Invalid (MALFORMED) for one that does not exist."""
        found = self.rule_sets.get(code or self.default_rule_set)
        if found is None:
            known = ", ".join(sorted(self.rule_sets))
            raise Invalid.field("rule_set", "MALFORMED", f"not a rule set of the city; it has {known}")
        return found


class Reason(StrEnum):
    """Why a session does not count."""

    NOT_CONFIRMED = "NOT_CONFIRMED"
    NOT_APPOINTED = "NOT_APPOINTED"
    TOO_SHORT = "TOO_SHORT"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    RULES_NOT_IN_FORCE = "RULES_NOT_IN_FORCE"


class RecordedSession(Value):
    """What the rules look at in a consultation on record. `services` and `tenant_services` are confirmed ones."""

    consultation: str
    date: Day
    minutes: int
    appointed: bool
    services: int
    tenant_services: int
    evidence: frozenset[EvidenceKind] = frozenset()


class JudgedSession(Value):
    """A session with the reasons for which it does not count; without any, it counts."""

    consultation: str
    date: Day
    minutes: int
    services: int
    counts: bool
    reasons: tuple[Reason, ...] = ()
    missing_evidence: tuple[EvidenceKind, ...] = ()


class Exclusion(Value):
    """How many sessions and minutes do not count for one reason. A session may have several reasons."""

    reason: Reason
    sessions: int
    minutes: int


class Outcome(StrEnum):
    """Whether the rules are met. OPEN: not yet, but the year or the rules' term is not over."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    OPEN = "OPEN"


class Verdict(Value):
    """What counted in a year, what was required, and what did not count and why."""

    outcome: Outcome
    counted_sessions: int
    counted_minutes: int
    counted_services: int
    counted_tenant_services: int
    required_sessions: int
    required_tenant_services: int
    exclusions: tuple[Exclusion, ...]
    sessions: tuple[JudgedSession, ...]


def missing_evidence(rule_set: RuleSet, evidence: Iterable[EvidenceKind]) -> tuple[EvidenceKind, ...]:
    """Return the kinds of evidence that the rules require and that are not there, in the order of the rules."""
    present = frozenset(evidence)
    return tuple(kind for kind in rule_set.evidence if kind not in present)


def judge(rule_set: RuleSet, sessions: Iterable[RecordedSession], *, year: int, today: date) -> Verdict:
    """Judge the sessions of one mentor in a calendar year. A session counts once however long it was."""
    held = sorted(sessions, key=lambda each: (each.date, each.consultation))
    judged = tuple(judge_session(rule_set, each) for each in held)
    counted = [session for session, verdict in zip(held, judged, strict=True) if verdict.counts]
    tenant_services = sum(session.tenant_services for session in counted)
    is_met = len(counted) >= rule_set.min_sessions and tenant_services >= rule_set.min_tenant_services
    is_over = today.year > year or (rule_set.valid_to is not None and rule_set.valid_to <= today)
    return Verdict(
        outcome=Outcome.MET if is_met else Outcome.NOT_MET if is_over else Outcome.OPEN,
        counted_sessions=len(counted),
        counted_minutes=sum(session.minutes for session in counted),
        counted_services=sum(session.services for session in counted),
        counted_tenant_services=tenant_services,
        required_sessions=rule_set.min_sessions,
        required_tenant_services=rule_set.min_tenant_services,
        exclusions=_exclusions(judged),
        sessions=judged,
    )


def judge_session(rule_set: RuleSet, session: RecordedSession) -> JudgedSession:
    """Judge one session, and give every reason for which it does not count."""
    missing = missing_evidence(rule_set, session.evidence)
    applies = {
        Reason.NOT_CONFIRMED: rule_set.confirmed and not session.services,
        Reason.NOT_APPOINTED: rule_set.appointed and not session.appointed,
        Reason.TOO_SHORT: session.minutes < rule_set.min_minutes,
        Reason.EVIDENCE_MISSING: bool(missing),
        Reason.RULES_NOT_IN_FORCE: not rule_set.covers(session.date),
    }
    reasons = tuple(reason for reason, holds in applies.items() if holds)
    return JudgedSession(
        consultation=session.consultation,
        date=session.date,
        minutes=session.minutes,
        services=session.services,
        counts=not reasons,
        reasons=reasons,
        missing_evidence=missing,
    )


def _exclusions(judged: Iterable[JudgedSession]) -> tuple[Exclusion, ...]:
    left_out = [(reason, session.minutes) for session in judged for reason in session.reasons]
    by_reason = ((reason, [minutes for each, minutes in left_out if each is reason]) for reason in Reason)
    return tuple(
        Exclusion(reason=reason, sessions=len(minutes), minutes=sum(minutes))
        for reason, minutes in by_reason
        if minutes
    )
