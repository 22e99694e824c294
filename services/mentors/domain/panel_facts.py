"""The facts of panels. Who sits on a panel is confidential before it is closed, and no fact says it earlier."""

from datetime import datetime

from libs.common.domain.entity import Fact
from services.mentors.domain.panel import LeaveReason


class PanelDrawn(Fact):
    """A panel was drawn. Neither its members nor the seed are published."""

    district: str
    subjects: tuple[str, ...]
    technology_fields: tuple[str, ...]
    size: int
    start_time: datetime | None
    end_time: datetime | None


class PanelMemberReplaced(Fact):
    """A member left a panel. The names are not published."""

    district: str
    reason: LeaveReason
    vacant_seats: int


class PanelClosed(Fact):
    """A panel has done its work. From now on it is public who sat on it."""

    district: str
    subjects: tuple[str, ...]
    technology_fields: tuple[str, ...]
    mentors: tuple[str, ...]
    mentor_display_names: tuple[str, ...]
    industry_experts: int
    start_time: datetime | None
    end_time: datetime | None


class PanelCancelled(Fact):
    """A panel was cancelled."""

    district: str
    subjects: tuple[str, ...]
