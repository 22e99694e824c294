"""The `hatchery` command as a person runs it, and a Hatchery that it started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from libs.cli.__main__ import app
from libs.cli.home import Home
from libs.cli.local_stack import ROOT
from libs.cli.servers.child import Child
from libs.cli.stop import SIGNALS, Stop

READY = "Ctrl-C stops everything."
COMMAND = [sys.executable, "-m", "libs.cli"]
PROFILE = ROOT / "profiles" / "jilin"
SERVING_SECONDS = 60
STOPPING_SECONDS = 20


def wait_for(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait until the condition holds, and fail when it does not in time."""
    assert Stop().wait_until(lambda: bool(holds()), seconds, 0.02), "the condition did not hold in time"


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers, which `hatchery up` takes over for the rest of its process."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def hang_up_is_not_ignored() -> None:
    """Under nohup this process ignores SIGHUP, and so would every `hatchery up` that it starts."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class LocalHatchery:
    """A home folder, the `hatchery up` that uses it, and the other commands for it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        ours = ("HATCHERY_", "MONGODB_URI", "NATS_URL")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        driver = os.environ.get("HATCHERY_MONGO_DRIVER", "motor")
        self.env |= {"HATCHERY_HOME": str(self.home.folder), "HATCHERY_MONGO_DRIVER": driver, **settings}
        self.up: Child | None = None

    def start(self, *words: str, ready: str = READY) -> Child:
        """Run `hatchery up` in the background, and wait for a text of its output."""
        log = self.folder / f"up-{len(list(self.folder.glob('up-*.log')))}.log"
        self.up = Child("up", [*COMMAND, "up", "--free-ports", *words], log, env=self.env, folder=ROOT)
        self.up.start()
        self.up.wait_until(lambda: ready in self.output, SERVING_SECONDS)
        return self.up

    def end(self) -> None:
        """Stop `hatchery up`, which has to end by itself in time."""
        if self.up is not None and self.up.running:
            self.up.stop(STOPPING_SECONDS)

    @property
    def output(self) -> str:
        """Everything that the last `hatchery up` has printed so far."""
        assert self.up is not None
        return self.up.log.read_text(encoding="utf-8", errors="replace")

    def pids(self) -> dict[str, int]:
        """Return the programs that have started, with their processes."""
        found: dict[str, int] = {}
        for file in self.home.folder.glob("*/*.pid"):
            try:
                found[file.stem] = int(file.read_text(encoding="ascii"))
            except (OSError, ValueError):
                continue  # it is being written or removed
        return found

    def processes(self) -> set[int]:
        """Return all running processes that belong to this home, recognized by their environment."""
        mark = f"HATCHERY_HOME={self.home.folder}".encode()
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.add(int(folder.name))
            except OSError:
                continue  # it has ended
        return found

    def run(self, *words: str, stdin: str | bytes = "") -> Result:
        """Run a command to its end."""
        env = {key: self.env.get(key) for key in {*os.environ, *self.env}}
        with kept_signal_handlers():
            done = CliRunner().invoke(app, words, input=stdin, env=env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def __call__(self, *words: str, code: int = 0, stdin: str | bytes = "") -> Result:
        """Run a command to its end, which must have this exit code."""
        done = self.run(*words, stdin=stdin)
        assert done.exit_code == code, done.output
        return done

    def call(self, *words: str) -> Any:
        """Return the reply of `hatchery call`."""
        return json.loads(self("call", *words).stdout)

    def refused(self, *words: str, stdin: str | bytes = "") -> str:
        """Return what a command that fails prints, on one line."""
        return " ".join(self(*words, code=1, stdin=stdin).stderr.split())


def complete(typed: str) -> list[str]:
    """Return what a shell offers after these words of a command line that begins with `hatchery`."""
    words = f"hatchery {typed}"
    query = {"_HATCHERY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = "from libs.cli.__main__ import app; app(prog_name='hatchery')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | query, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.fixture(scope="module")
def hatchery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHatchery]:
    """A running Hatchery with the demo data, for the tests of a file."""
    made = LocalHatchery(tmp_path_factory.mktemp("hatchery"), HATCHERY_FACT_MAX_TRIES="1")
    try:
        made.start()
        yield made
    finally:
        made.end()
