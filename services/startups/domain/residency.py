"""Residency: where a startup stays, as spaces reports it."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from libs.common.domain.dates import Day
from libs.common.domain.entity import Value


class State(StrEnum):
    """The states of a residency."""

    CURRENT = "CURRENT"
    ENDED = "ENDED"


class Residency(Value):
    """A stay in a space. `sequence` is the version of the tenancy that was last reported."""

    tenancy: str
    sequence: int
    space: str
    space_display_name: str
    start_date: Day
    end_date: Day | None = None
    state: State

    @property
    def has_begun(self) -> bool:
        """Whether the stay had at least one day. A tenancy that was ended before it began had none."""
        return self.end_date != self.start_date


def latest(stays: Iterable[Residency]) -> Residency | None:
    """Return the stay with the latest start among those that began; None if there is none."""
    return max((stay for stay in stays if stay.has_begun), key=_start, default=None)


def _start(stay: Residency) -> tuple[date, str]:
    return stay.start_date, stay.tenancy
