"""The folder in which a laptop's Hatchery keeps everything, and what is known of the one that runs there."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from libs.cli.issuer import Issuer
from libs.cli.trouble import Trouble

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="HATCHERY_HOME", help="The folder in which everything is kept.")
]
HOME = Path(".hatchery")


@dataclass(frozen=True)
class Run:
    """What a start of `hatchery up` told others of itself; no secrets are in it."""

    pid: int
    mongo: str
    nats: str
    issuer: str
    jwks: str
    profile: str
    logs: str
    services: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """Where things lie in the folder."""

    folder: Path

    @property
    def logs(self) -> Path:
        """One file for each program that runs."""
        return self.folder / "logs"

    @property
    def issuer_folder(self) -> Path:
        """The key that signs the laptop's tokens, and its public half."""
        return self.folder / "issuer"

    @property
    def run_file(self) -> Path:
        """What the other commands take as their defaults."""
        return self.folder / "run.json"

    def make(self) -> None:
        """Make the folder, closed to others: secrets and the city's documents will be in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone; Trouble when another `hatchery up` holds it."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Trouble(_runs_already(self.folder, lock.read().strip())) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def tell(self, run: Run) -> None:
        """Write down what runs, whole or not at all."""
        fresh = self.run_file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(run), indent=1) + "\n", encoding="utf-8")
        fresh.replace(self.run_file)

    def told(self) -> Run | None:
        """What runs, if anything does."""
        if not self.run_file.exists():
            return None
        return Run(**json.loads(self.run_file.read_text(encoding="utf-8")))

    def running(self) -> Run:
        """What runs; Trouble when nothing does."""
        run = self.told()
        if run is None:
            raise Trouble(f"Nothing runs with the home {self.folder}. Start it with `hatchery up`, or say --home.")
        return run

    def address(self, service: str) -> str:
        """Where a service listens; Trouble when it does not run."""
        services = self.running().services
        if service not in services:
            known = ", ".join(services) or "none"
            raise Trouble(f"No service called {service} runs here. Those that do: {known}.")
        return services[service]

    def issuer(self) -> Issuer:
        """The laptop's issuer; Trouble where `hatchery up` never made one."""
        if not self.issuer_folder.is_dir():
            raise Trouble(
                f"There is no issuer of tokens in {self.folder}. Start Hatchery once with `hatchery up`, "
                "or give a token of your own with --token."
            )
        return Issuer.open(self.issuer_folder)


def _runs_already(folder: Path, pid: str) -> str:
    process = f" as process {pid}" if pid else ""
    return (
        f"Hatchery runs already in {folder}{process}. `hatchery status` says how it is; Ctrl-C in its window "
        "stops it. To run a second one beside it, give that another --home and --free-ports."
    )
