"""The commands on panels, and what is wrong with them whatever is stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from libs.calendar.interval import FIRST_INSTANT, LAST_INSTANT, Instant, Interval
from libs.common.domain.entity import Value
from libs.common.domain.errors import Invalid
from libs.common.domain.names import DistrictName, Etag
from libs.common.domain.profile import City
from libs.common.domain.text import Line, Title
from services.mentors.domain.draw import MAX_SEATS, KindQuota
from services.mentors.domain.mentor import Codes
from services.mentors.domain.names import MentorName, PanelName, StartupName
from services.mentors.domain.panel import ConflictGround, LeaveReason, PanelsSection
from services.mentors.domain.panel_duty import MAX_DAYS

#: How long a review lasts at most, and how far ahead it begins at most.
MAX_REVIEW, MAX_LEAD = timedelta(days=7), timedelta(days=731)


@dataclass(frozen=True, slots=True)
class PanelRules:
    """What holds for all panels of the city."""

    city: City
    zone: ZoneInfo
    kinds: Collection[str]
    officer_roles: Collection[str]
    section: PanelsSection


class DeclaredExclusion(Value):
    """A mentor who must not be drawn, because of a conflict that was declared before."""

    mentor: MentorName
    ground: ConflictGround


class DrawPanel(Value):
    """Draw a panel."""

    district: Annotated[DistrictName, StringConstraints(min_length=1)]
    title: Annotated[Title, StringConstraints(min_length=1)]
    subjects: Annotated[tuple[StartupName, ...], Field(max_length=50)] = ()
    technology_fields: Codes = ()
    size: Annotated[int, Field(ge=1, le=MAX_SEATS)]
    substitute_count: Annotated[int, Field(ge=0, le=MAX_SEATS)] = 0
    min_industry_expert_percent: Annotated[int | None, Field(ge=0, le=100)] = None
    kinds: Annotated[tuple[KindQuota, ...], Field(max_length=10)] = ()
    start_time: Instant | None = None
    end_time: Instant | None = None
    exclusions: Annotated[tuple[DeclaredExclusion, ...], Field(max_length=100)] = ()
    max_panels: Annotated[int | None, Field(ge=1, le=100)] = None
    within_days: Annotated[int | None, Field(ge=1, le=MAX_DAYS)] = None
    seed: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]*$", max_length=64)] = ""

    @property
    def period(self) -> Interval | None:
        """The period of the review as far as it is a valid one."""
        if self.start_time is None or self.end_time is None:
            return None
        if not FIRST_INSTANT <= self.start_time < self.end_time <= min(LAST_INSTANT, self.start_time + MAX_REVIEW):
            return None
        return Interval(start=self.start_time, end=self.end_time)

    def ensure_valid(self, rules: PanelRules, now: datetime) -> None:
        """Refuse what the city's profile does not have, what is named twice, and a review in the past."""
        self._ensure_known(rules)
        _ensure_distinct("kinds[{}].kind", [quota.kind for quota in self.kinds])
        _ensure_distinct("subjects[{}]", self.subjects)
        _ensure_distinct("exclusions[{}].mentor", [each.mentor for each in self.exclusions])
        if sum(quota.min_members for quota in self.kinds) > self.size:
            raise Invalid.field("kinds", "OUT_OF_RANGE", "need more members together than the panel has seats")
        self._ensure_period(now)

    def _ensure_period(self, now: datetime) -> None:
        if self.start_time is None and self.end_time is None:
            return
        if self.start_time is None or self.end_time is None:
            missing = "end_time" if self.end_time is None else "start_time"
            raise Invalid.field(missing, "REQUIRED", "give both ends of the review, or none")
        if not now <= self.start_time <= now + MAX_LEAD:
            raise Invalid.field("start_time", "DATE_OUT_OF_RANGE", "not within two years from now")
        if self.period is None:
            raise Invalid.field("end_time", "DATE_OUT_OF_RANGE", "not within seven days after the start")

    def _ensure_known(self, rules: PanelRules) -> None:
        if not (rules.city.is_district(self.district) or rules.city.is_zone(self.district)):
            raise Invalid.field("district", "MALFORMED", "not a district or zone of the city")
        for index, code in enumerate(self.technology_fields):
            if code not in rules.city.technology_fields:
                raise Invalid.field(f"technology_fields[{index}]", "MALFORMED", "not a code of the city's profile")
        for index, quota in enumerate(self.kinds):
            if quota.kind not in rules.kinds:
                raise Invalid.field(f"kinds[{index}].kind", "MALFORMED", "not a code of the city's profile")


def _ensure_distinct(path: str, values: Sequence[str]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise Invalid.field(path.format(index), "MALFORMED", "named twice")


class DeclareConflict(Value):
    """Declare a conflict of interest of a member or substitute."""

    name: PanelName
    mentor: MentorName
    startup: StartupName | None = None
    ground: ConflictGround
    explanation: Line = ""
    etag: Etag = ""


class ReplaceMember(Value):
    """Replace a member by a substitute."""

    name: PanelName
    mentor: MentorName
    reason: LeaveReason
    etag: Etag = ""


class ClosePanel(Value):
    """Close a panel whose work is done."""

    name: PanelName
    etag: Etag = ""


class CancelPanel(Value):
    """Cancel a panel."""

    name: PanelName
    cancel_reason: Annotated[Line, StringConstraints(min_length=1)]
    etag: Etag = ""
