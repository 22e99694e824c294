"""A clock that tests set."""

from datetime import UTC, datetime, timedelta

from libs.common.runtime.clock import Clock


class FixedClock(Clock):
    """Stands still until it is moved."""

    def __init__(self, instant: datetime = datetime(2026, 3, 1, 8, tzinfo=UTC)) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def advance(self, **amount: float) -> None:
        """Move forward by the arguments of a timedelta."""
        self.instant += timedelta(**amount)
