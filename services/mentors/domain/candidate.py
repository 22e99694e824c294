"""What a ranking reads of a mentor."""

from typing import Self

from libs.common.domain.entity import Value, construct
from services.mentors.domain.mentor import Format, Mentor
from services.mentors.domain.startup import Stage


class Candidate(Value):
    """The part of an appointed mentor on which a score rests. What a query does not seek need not be filled."""

    name: str
    district: str = ""
    technology_fields: tuple[str, ...] = ()
    industry_chains: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    formats: tuple[Format, ...] = ()
    spaces: tuple[str, ...] = ()
    offered_minutes_per_month: int = 0

    @classmethod
    def of(cls, mentor: Mentor) -> Self:
        """Return the mentor as a candidate."""
        return construct(cls, {name: getattr(mentor, name) for name in cls.model_fields})


class Record(Value):
    """What a candidate has to do this month, and has done in this and the last calendar year.

    `booked_minutes` are those of the consultations of the month that occupy its calendar, held ones included.
    """

    booked_minutes: int = 0
    sessions: int = 0
    ratings: int = 0
    rating_sum: int = 0
