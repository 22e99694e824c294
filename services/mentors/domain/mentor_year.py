"""What counts of a mentor's year, summed so that a city's report need not read every consultation."""

from typing import ClassVar

from libs.common.domain.entity import Entity, Value


class Tally(Value):
    """Confirmed work in one month, by kind and space; an empty space is the sum over all, tenants or not.

    `sessions` and `minutes` count the mentor's time once however many startups took part, in each row; `services`
    counts each startup.
    """

    month: int
    kind: str
    space: str
    sessions: int
    services: int
    minutes: int


class MentorYear(Entity):
    """The tallies of one mentor and calendar year, named `mentors/{mentor}/years/{year}`."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "spaces", "districts")

    mentor: str
    year: int
    spaces: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    tallies: tuple[Tally, ...] = ()
    ratings: int = 0
    rating_sum: int = 0
