"""What counts of a mentor's year, summed so that a city's report need not read every consultation."""

from typing import ClassVar

from libs.common.domain.entity import Entity, Value


class Tally(Value):
    """Confirmed work in one month, by kind: of the whole city, or of one space or district.

    `sessions` and `minutes` count the mentor's time once however many startups took part, in each row; `services`
    counts each startup. The `appointed` figures are the part of them on days with a valid appointment.
    """

    month: int
    kind: str
    space: str = ""
    district: str = ""
    sessions: int = 0
    services: int = 0
    minutes: int = 0
    appointed_sessions: int = 0
    appointed_services: int = 0
    appointed_minutes: int = 0


class MentorYear(Entity):
    """The tallies of one mentor and calendar year, named `mentors/{mentor}/years/{year}`.

    `tallies` are the city's, tenants or not; `places` are those of single spaces and districts, kept apart because
    they are many and the city's figures are not their sum. The figures of the whole year are the sum of `tallies`, kept
    so that a report of the city reads nothing else. `ratings` counts the startups that gave a rating.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "spaces", "districts")

    mentor: str
    year: int
    spaces: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    tallies: tuple[Tally, ...] = ()
    places: tuple[Tally, ...] = ()
    sessions: int = 0
    services: int = 0
    minutes: int = 0
    appointed_sessions: int = 0
    appointed_services: int = 0
    appointed_minutes: int = 0
    ratings: int = 0
    rating_sum: int = 0
