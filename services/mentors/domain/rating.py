"""Yearly ratings: a mentor's year judged by a rule set, with the figures behind the outcome."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Self

from libs.common.domain.entity import PageQuery, Value
from libs.common.domain.names import Code, DistrictName
from services.mentors.domain.counting import Exclusion, JudgedSession, Outcome, Verdict
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.names import MentorName, SpaceName
from services.mentors.domain.report import Year


class ListRatings(PageQuery):
    """Judge the appointed mentors of a year by a rule set, page by page."""

    year: Year | None = None
    rule_set: Code = ""
    space: SpaceName | None = None
    district: DistrictName = ""


class GetRating(Value):
    """Judge one mentor's year by a rule set, session by session."""

    mentor: MentorName
    year: Year | None = None
    rule_set: Code = ""


class Rating(Value):
    """A mentor's year judged by a rule set, with the figures behind the outcome and what startups said."""

    name: str
    mentor: str
    mentor_display_name: str
    year: int
    rule_set: str
    outcome: Outcome
    counted_sessions: int
    counted_minutes: int
    counted_services: int
    counted_tenant_services: int
    required_sessions: int
    required_tenant_services: int
    exclusions: tuple[Exclusion, ...]
    sessions: tuple[JudgedSession, ...]
    average_feedback: Decimal | None
    feedback_count: int

    @classmethod
    def of(cls, mentor: Mentor, year: MentorYear | None, verdict: Verdict, *, rule_set: str, number: int) -> Self:
        """Join a verdict on the year of that number and what startups said in it."""
        return cls(
            name=f"{mentor.name}/ratings/{number}",
            mentor=mentor.name,
            mentor_display_name=mentor.display_name,
            year=number,
            rule_set=rule_set,
            average_feedback=average(year),
            feedback_count=year.ratings if year else 0,
            **dict(verdict),
        )

    def without_sessions(self) -> Self:
        """Return the rating as a list shows it."""
        return self.model_copy(update={"sessions": ()})


def average(year: MentorYear | None) -> Decimal | None:
    """Return the average rating to 0.01; None if no startup gave one."""
    if year is None or not year.ratings:
        return None
    return (Decimal(year.rating_sum) / year.ratings).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
