"""The startup as mentors knows it, from the facts of the startups service."""

from enum import StrEnum

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity


class Stage(StrEnum):
    """The legal status of a startup: a team, or a registered firm."""

    TEAM = "TEAM"
    FIRM = "FIRM"


class Startup(Entity):
    """A projection of the startup. `sequence` is the version that was last reported."""

    display_name: str = ""
    stage: str = ""
    credit_code: str | None = None
    district: str = ""
    technology_field: str = ""
    industry_chain: str = ""
    founded_date: Day | None = None
    sequence: int = 0
