"""The working time of a mentor: how much of it the secondments take on each day."""

from collections.abc import Iterable
from datetime import date
from typing import ClassVar, Self

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value
from libs.common.domain.errors import Precondition

#: How many secondments that are not over a mentor may have.
MAX_SECONDMENTS = 50


class Engagement(Value):
    """A share of the working time in per cent, on every day from the first up to, but not including, the end."""

    secondment: str
    start_date: Day
    end_date: Day
    share_percent: int


class WorkingTime(Entity):
    """The engagements of one mentor, named `mentors/{mentor}/workingtime`. A proposal counts like an agreement."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    engagements: tuple[Engagement, ...] = ()

    @classmethod
    def of(cls, mentor: str) -> Self:
        """Build the working time of a mentor without engagements."""
        return cls(name=working_time_name(mentor), mentor=mentor)

    def with_engagement(self, wanted: Engagement, today: date) -> Self:
        """Copy with one more engagement; those that are over are dropped.

        Refuses more than 100 % on any day from today on, with the first such day (WORKING_TIME_EXCEEDED), and too many
        engagements (TOO_MANY_SECONDMENTS).
        """
        kept = tuple(each for each in self.engagements if each.end_date > today)
        if len(kept) >= MAX_SECONDMENTS:
            raise Precondition("TOO_MANY_SECONDMENTS", "too many secondments are not over yet", limit=MAX_SECONDMENTS)
        first = max(wanted.start_date, today)
        days = {first} | {each.start_date for each in kept if first < each.start_date < wanted.end_date}
        for day in sorted(days):
            used = _used(kept, day)
            if first < wanted.end_date and used + wanted.share_percent > 100:
                raise Precondition(
                    "WORKING_TIME_EXCEEDED",
                    f"more than 100 % of the working time on {day}",
                    day=day,
                    used_percent=used,
                    free_percent=100 - used,
                )
        return self.with_(engagements=tuple(sorted((*kept, wanted), key=_order)))

    def ending(self, secondment: str, end: date) -> Self:
        """Copy with an engagement that ends on a day; without days left, it is dropped."""
        return self.with_(engagements=tuple(_shortened(self.engagements, secondment, end)))

    def used_percent(self, day: date) -> int:
        """Return the share that is taken on a day."""
        return _used(self.engagements, day)


def working_time_name(mentor: str) -> str:
    """Return the name of a mentor's working time."""
    return f"{mentor}/workingtime"


def _used(engagements: Iterable[Engagement], day: date) -> int:
    return sum(each.share_percent for each in engagements if each.start_date <= day < each.end_date)


def _shortened(engagements: Iterable[Engagement], secondment: str, end: date) -> Iterable[Engagement]:
    for each in engagements:
        if each.secondment != secondment:
            yield each
        elif each.start_date < end:
            yield each.model_copy(update={"end_date": min(end, each.end_date)})


def _order(engagement: Engagement) -> tuple[date, str]:
    return engagement.start_date, engagement.secondment
