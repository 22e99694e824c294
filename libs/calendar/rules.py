"""The rules that a city or a resource sets for bookings: when they may start and how long they may last."""

from datetime import datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from libs.calendar.interval import Interval
from libs.calendar.local_time import instant_text, local_day, midnight
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.profile import Section

MINUTES_A_DAY, MINUTES_A_WEEK = 1440, 10080
#: An entry lies on at most two pages of a calendar, or three with its gaps.
MAX_INTERVAL = timedelta(minutes=MINUTES_A_WEEK)

WeekMinutes = Annotated[int, Field(ge=0, le=MINUTES_A_WEEK)]


class BookingRules(Section):
    """What is allowed; 0 means no limit. Without values, anything is that starts in the future and overlaps nothing."""

    #: Starts are whole blocks after the local midnight, as clocks show it, and lengths are whole blocks.
    block_minutes: int = Field(1, ge=1, le=MINUTES_A_DAY)
    min_minutes: WeekMinutes = 0
    max_minutes: WeekMinutes = 0
    #: How long before the start a booking must be made.
    notice_minutes: int = Field(0, ge=0, le=525_600)
    #: The last day on which a booking may start, counted from today.
    horizon_days: int = Field(0, ge=0, le=3660)
    #: The time between two entries.
    gap_minutes: int = Field(0, ge=0, le=MINUTES_A_DAY)
    #: What is counted on one person's account for one resource, by local day and by ISO week.
    max_minutes_per_person_day: int = Field(0, ge=0, le=MINUTES_A_DAY)
    max_minutes_per_person_week: WeekMinutes = 0
    #: How many entries may have the same time; 1 means that they do not overlap.
    max_overlap: int = Field(1, ge=1, le=1000)

    @model_validator(mode="after")
    def _ensure_satisfiable(self) -> Self:
        if self.max_minutes and self.max_minutes < max(self.min_minutes, self.block_minutes):
            raise ValueError("max_minutes is less than min_minutes or block_minutes")
        return self

    @property
    def gap(self) -> timedelta:
        """The time between two entries."""
        return timedelta(minutes=self.gap_minutes)

    def first_start(self, now: datetime) -> datetime:
        """Return the earliest start that the notice allows."""
        return now + timedelta(minutes=self.notice_minutes)

    def horizon(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the midnight before which a booking must start; None without a limit."""
        if not self.horizon_days:
            return None
        return midnight(local_day(now, zone) + timedelta(days=self.horizon_days + 1), zone)

    def allows_length(self, minutes: int) -> bool:
        """Whether a booking may last this many minutes."""
        longest = self.max_minutes or MINUTES_A_WEEK
        return minutes > 0 and minutes % self.block_minutes == 0 and self.min_minutes <= minutes <= longest


def ensure_allowed(interval: Interval, rules: BookingRules, *, now: datetime, zone: ZoneInfo, path: str = "") -> None:
    """Refuse a booking that breaks a rule. What needs the calendar's pages is checked by `Pages.occupy`.

    Invalid for the form, at the fields `start_time` and `end_time` of the message at `path`: NOT_ON_A_BLOCK,
    DURATION_TOO_SHORT, DURATION_TOO_LONG. Precondition for the moment: TOO_SHORT_NOTICE (also for the past),
    BEYOND_HORIZON.
    """
    ensure_form(interval, rules, zone, path=path)
    first = rules.first_start(now)
    if interval.start < first:
        raise Precondition(
            "TOO_SHORT_NOTICE",
            f"must start at least {rules.notice_minutes} minutes from now",
            notice_minutes=rules.notice_minutes,
            first_start=instant_text(first),
        )
    horizon = rules.horizon(now, zone)
    if horizon is not None and interval.start >= horizon:
        raise Precondition(
            "BEYOND_HORIZON",
            f"must start at most {rules.horizon_days} days from today",
            horizon_days=rules.horizon_days,
            last_day=local_day(horizon, zone) - timedelta(days=1),
        )


def ensure_form(interval: Interval, rules: BookingRules, zone: ZoneInfo, *, path: str = "") -> None:
    """Refuse a start that is not on a block, and a length that the rules do not allow, whatever the time is."""
    fields = f"{path}." if path else ""
    block = rules.block_minutes
    if not is_on_block(interval.start, block, zone):
        raise Invalid.field(
            f"{fields}start_time", "NOT_ON_A_BLOCK", f"not a multiple of {block} minutes after midnight ({zone.key})"
        )
    length = interval.end - interval.start
    if length < timedelta(minutes=max(rules.min_minutes, 1)):
        raise Invalid.field(
            f"{fields}end_time", "DURATION_TOO_SHORT", f"less than {max(rules.min_minutes, 1)} minutes after the start"
        )
    if length > timedelta(minutes=rules.max_minutes or MINUTES_A_WEEK):
        longest = rules.max_minutes or MINUTES_A_WEEK
        raise Invalid.field(f"{fields}end_time", "DURATION_TOO_LONG", f"more than {longest} minutes after the start")
    if length % timedelta(minutes=block):
        raise Invalid.field(f"{fields}end_time", "NOT_ON_A_BLOCK", f"not a multiple of {block} minutes after the start")


def is_on_block(instant: datetime, block_minutes: int, zone: ZoneInfo) -> bool:
    """Whether clocks of the zone show a whole number of blocks since midnight."""
    return not _since_block(instant, block_minutes, zone)


def next_block(instant: datetime, block_minutes: int, zone: ZoneInfo) -> datetime:
    """Return the first start of a block at or after the instant."""
    block = timedelta(minutes=block_minutes)
    while passed := _since_block(instant, block_minutes, zone):
        # The last block of a day may be shorter, and a change of the clocks may move the boundary: look again there.
        tomorrow = midnight(local_day(instant, zone) + timedelta(days=1), zone)
        instant = min(instant + block - passed, tomorrow)
    return instant


def _since_block(instant: datetime, block_minutes: int, zone: ZoneInfo) -> timedelta:
    """Return how much of a block has passed, as clocks show it."""
    wall = instant.astimezone(zone)
    passed = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    return passed % timedelta(minutes=block_minutes)
