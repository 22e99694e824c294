"""What counts of a startup's mentoring: its relations to mentors and its confirmed services by year."""

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value


class Relation(Value):
    """The confirmed services of one mentor.

    `sequence` counts its changes, so that copies keep the newest; a relation that has lost all of its sessions stays
    for that reason, and its `last_date` says nothing then. `dates` are the days of the sessions in order.
    """

    mentor: str
    mentor_display_name: str
    sessions: int
    minutes: int
    last_date: Day
    sequence: int
    dates: tuple[Day, ...] = ()


class YearTotal(Value):
    """Confirmed services in a calendar year of the city, and the part on days with a valid appointment."""

    year: int
    sessions: int
    minutes: int
    appointed_sessions: int = 0
    appointed_minutes: int = 0


class Mentee(Entity):
    """The relations of one startup, under the startup's name."""

    relations: tuple[Relation, ...] = ()
    years: tuple[YearTotal, ...] = ()
