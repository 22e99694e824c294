"""The command itself as a child process, and a Hatchery that it runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from libs.cli.__main__ import app
from libs.cli.home import Home
from libs.cli.servers import Child
from tests.running import ROOT

READY = "Ctrl-C stops everything."
COMMAND = [sys.executable, "-m", "libs.cli"]


class Laptop:
    """A home folder, the `hatchery up` that runs on it, and the other commands about it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        ours = ("HATCHERY_", "MONGODB_URI", "NATS_URL")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        driver = os.environ.get("HATCHERY_MONGO_DRIVER", "motor")
        self.env |= {"HATCHERY_HOME": str(self.home.folder), "HATCHERY_MONGO_DRIVER": driver, **settings}
        self.up: Child | None = None

    def start(self, *words: str, ready: str = READY) -> Child:
        """Run `hatchery up` in the background until it says that it is ready."""
        log = self.folder / f"up-{len(list(self.folder.glob('up-*.log')))}.log"
        self.up = Child("up", [*COMMAND, "up", "--free-ports", *words], log, env=self.env, folder=ROOT)
        self.up.start()
        self.up.wait_until(lambda: ready in log.read_text(encoding="utf-8"), 60)
        return self.up

    @property
    def said(self) -> str:
        """All that the last `hatchery up` said so far."""
        assert self.up is not None
        return self.up.log.read_text(encoding="utf-8")

    def pid(self, service: str) -> int:
        """The process of a service."""
        return int((self.home.logs / f"{service}.pid").read_text(encoding="ascii"))

    def __call__(self, *words: str, code: int = 0, said: str = "") -> Result:
        """Run a command to its end, which must be this exit code; `said` is its standard input."""
        only = {key: self.env.get(key) for key in {*os.environ, *self.env}}
        done = CliRunner().invoke(app, words, input=said, env=only)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def call(self, *words: str) -> Any:
        """The answer of `hatchery call`."""
        return json.loads(self("call", *words).stdout)

    def refused(self, *words: str) -> str:
        """What a command that fails says, on one line."""
        return " ".join(self(*words, code=1).stderr.split())


def complete(typed: str) -> list[str]:
    """What a shell offers after these words of a command line that begins with `hatchery`."""
    words = f"hatchery {typed}"
    asked = {"_HATCHERY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = "from libs.cli.__main__ import app; app(prog_name='hatchery')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A running Hatchery with the demo data, for the tests of a file."""
    made = Laptop(tmp_path_factory.mktemp("laptop"), HATCHERY_FACT_TRIES="1")
    try:
        made.start()
        yield made
    finally:
        if made.up is not None:
            made.up.stop(grace=60)
