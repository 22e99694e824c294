"""What counts of a startup's mentoring: its relations to mentors and its confirmed services by year."""

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value


class Relation(Value):
    """The confirmed services of one mentor. `sequence` counts its changes, so that copies keep the newest."""

    mentor: str
    mentor_display_name: str
    sessions: int
    minutes: int
    last_date: Day
    sequence: int


class YearTotal(Value):
    """Confirmed services in a calendar year of the city."""

    year: int
    sessions: int
    minutes: int


class Mentee(Entity):
    """The relations of one startup, under the startup's name."""

    relations: tuple[Relation, ...] = ()
    years: tuple[YearTotal, ...] = ()
