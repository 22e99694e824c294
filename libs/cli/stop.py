"""Stopping `hatchery up`: signals request it, and every wait checks for the request."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLICE_SECONDS = 0.05


class StopRequested(Exception):
    """Unwinds to the place that stops everything. Raised by waits only, never by a signal handler."""


class PendingCall(Protocol):
    """The part of a gRPC future that is needed here."""

    def done(self) -> bool: ...
    def result(self) -> Any: ...
    def cancel(self) -> Any: ...


class Stop:
    """A request to stop. It is never withdrawn, so a second signal changes nothing."""

    def __init__(self) -> None:
        # A plain flag. A handler that sets a threading.Event can deadlock: the wait which it interrupts may hold
        # the event's lock.
        self.requested = False

    def listen(self) -> None:
        """Make signals request the stop from now on. Call it from the main thread."""
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started with nohup
            signal.signal(number, self._request)

    @staticmethod
    def ignore() -> None:
        """Ignore the signals from now on, so that none interrupts the last steps of the process."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def wait(self, seconds: float) -> None:
        """Sleep. StopRequested as soon as a stop is requested, also when it was before."""
        deadline = time.monotonic() + seconds
        while not self.requested:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            time.sleep(min(remaining, SLICE_SECONDS))
        raise StopRequested

    def wait_until(self, holds: Callable[[], bool], seconds: float, interval: float = 0.01) -> bool:
        """Wait until the condition holds; return False if it did not within the given seconds."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.wait(interval)
        return True

    def result(self, call: PendingCall) -> Any:
        """Return the reply of a gRPC call, or raise its error. StopRequested cancels the call."""
        try:
            while not call.done():
                self.wait(0.01)
        except StopRequested:
            call.cancel()
            raise
        return call.result()

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
