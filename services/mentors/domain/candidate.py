"""What matching reads of a mentor."""

from typing import Self

from libs.common.domain.entity import Value, construct
from services.mentors.domain.mentor import Affiliation, Format, Holding, Mentor
from services.mentors.domain.startup import Stage


class Candidate(Value):
    """The part of an appointed mentor on which matching and conflicts of interest rest."""

    name: str
    display_name: str
    kind: str
    district: str = ""
    organisation: str = ""
    affiliations: tuple[Affiliation, ...] = ()
    holdings: tuple[Holding, ...] = ()
    technology_fields: tuple[str, ...] = ()
    industry_chains: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    formats: tuple[Format, ...] = ()
    offered_minutes_per_month: int = 0
    spaces: tuple[str, ...] = ()

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
