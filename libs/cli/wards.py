"""The programs that `hatchery up` looks after: one that ends by itself is started again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from libs.cli.servers.children import Child
from libs.cli.trouble import Trouble

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY = 60.0  # seconds after which an earlier end counts no longer


@dataclass
class Ward:
    """A program, how it is started, and how one sees that it is ready."""

    name: str
    address: str
    child: Child
    start: Callable[[], None]
    ready: Callable[[], bool]
    pause: float = FIRST_PAUSE
    due: float = 0.0  # when it is to be started again; 0 while it runs
    since: float = field(default_factory=time.monotonic)

    def look(self) -> Iterator[str]:
        """See to it that it runs; what happened to it is told in sentences."""
        now = time.monotonic()
        if self.due:
            if now >= self.due:
                yield from self._again()
        elif not self.child.running:
            if now - self.since > STEADY:
                self.pause = FIRST_PAUSE
            yield f"{self.name} ended by itself ({self.child.end}).\n{self.child.last_words()}"
            yield from self._wait()

    def _again(self) -> Iterator[str]:
        try:
            self.start()
        except Trouble as trouble:
            yield str(trouble)
            yield from self._wait()
            return
        self.due, self.since = 0.0, time.monotonic()
        yield f"{self.name} was started again, as process {self.child.pid}."

    def _wait(self) -> Iterator[str]:
        yield f"{self.name} will be started again in {self.pause:g} s."
        self.due = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
