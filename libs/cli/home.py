"""The home folder: everything that a laptop's Hatchery stores, and a description of the one that is running."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from libs.cli.errors import CliError
from libs.cli.issuer import Issuer

HomeOption = Annotated[Path, typer.Option("--home", envvar="HATCHERY_HOME", help="The folder that holds all data.")]
HOME = Path(".hatchery")


@dataclass(frozen=True)
class Run:
    """What the other commands need to know about a running `hatchery up`. It contains no secrets."""

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
    """The paths within the folder."""

    folder: Path

    @property
    def logs(self) -> Path:
        """One log file for each service."""
        return self.folder / "logs"

    @property
    def issuer_folder(self) -> Path:
        """The key that signs the laptop's tokens, and its public half."""
        return self.folder / "issuer"

    @property
    def run_file(self) -> Path:
        """The addresses of what is running. The file exists only while something is."""
        return self.folder / "run.json"

    @property
    def demo_file(self) -> Path:
        """Which demo data was sent, and on which day."""
        return self.folder / "demo.json"

    def make(self) -> None:
        """Create the folder, readable by its owner only: it will hold secrets and the city's documents."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Reserve the folder for this process. CliError while another `hatchery up` uses it."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CliError(_already_running(self.folder, lock.read().strip())) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def write_run(self, run: Run) -> None:
        """Describe what is running, for the other commands. The file is replaced as a whole."""
        fresh = self.run_file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(run), indent=1) + "\n", encoding="utf-8")
        fresh.replace(self.run_file)

    def read_run(self) -> Run | None:
        """Return what is running; None if nothing is."""
        try:
            text = self.run_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return Run(**json.loads(text))
        except (ValueError, TypeError):
            raise CliError(
                f"{self.run_file} was written by another version of hatchery. Restart `hatchery up`, "
                "or remove the file if nothing is running."
            ) from None

    def running(self) -> Run:
        """Return what is running. CliError if nothing is."""
        run = self.read_run()
        if run is None:
            raise CliError(
                f"Nothing is running with the home {self.folder}. Start it with `make up` or `hatchery up`, or choose "
                "another folder with --home."
            )
        return run

    def address(self, service: str) -> str:
        """Return a service's address. CliError if it is not running."""
        services = self.running().services
        if service not in services:
            known = ", ".join(services) or "none"
            raise CliError(f"No service called {service} is running. Running services: {known}.")
        return services[service]

    def issuer(self) -> Issuer:
        """Return the laptop's issuer of tokens. CliError if `hatchery up` has not created one."""
        if not self.issuer_folder.is_dir():
            raise CliError(
                f"There is no issuer of tokens in {self.folder}. Run `hatchery up` once, or pass a token with --token."
            )
        return Issuer.open(self.issuer_folder)


def _already_running(folder: Path, pid: str) -> str:
    process = f" as process {pid}" if pid else ""
    return (
        f"Hatchery is already running in {folder}{process}. `hatchery status` shows its state; Ctrl-C in its window "
        "stops it. To run a second one beside it, give that one another --home and --free-ports."
    )
