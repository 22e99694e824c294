"""Restarts the processes of `hatchery up` that exit unexpectedly."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from libs.cli.errors import CliError
from libs.cli.servers.child import Child

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STABLE_SECONDS = 60.0  # after so long, earlier exits no longer lengthen the pause


@dataclass
class SupervisedProcess:
    """A child process, and how it is started and stopped."""

    name: str
    address: str
    child: Child
    start: Callable[[], None]
    stop: Callable[[], None]
    pause: float = FIRST_PAUSE
    restart_at: float = 0.0  # 0 unless it waits to be restarted
    started_at: float = field(default_factory=time.monotonic)

    def check(self) -> Iterator[str]:
        """Restart it when that is due. Yield a message for each thing that happened."""
        now = time.monotonic()
        if self.restart_at:
            if now >= self.restart_at:
                yield from self._restart()
        elif not self.child.running:
            if now - self.started_at > STABLE_SECONDS:
                self.pause = FIRST_PAUSE
            yield f"{self.name} exited unexpectedly ({self.child.end}).\n{self.child.log_tail()}"
            yield from self._schedule_restart()

    def _restart(self) -> Iterator[str]:
        try:
            self.start()
        except CliError as error:
            yield str(error)
            yield from self._schedule_restart()
            return
        self.restart_at, self.started_at = 0.0, time.monotonic()
        yield f"{self.name} was restarted as process {self.child.pid}."

    def _schedule_restart(self) -> Iterator[str]:
        yield f"{self.name} will be restarted in {self.pause:g} s."
        self.restart_at = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
