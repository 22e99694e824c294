"""All of Hatchery on one machine: servers and services as child processes, started in order, stopped in reverse."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from libs.cli.catalogue import CATALOGUE, LOOPBACK, installed
from libs.cli.console import can_encode, err, print_line
from libs.cli.errors import CliError
from libs.cli.home import Home, Run
from libs.cli.issuer import Issuer
from libs.cli.servers.child import Child, stop_leftover
from libs.cli.servers.mongo import Mongo, database, prepare_mongo
from libs.cli.servers.nats import Nats, prepare_nats
from libs.cli.servers.ports import free_port, is_free, is_listening
from libs.cli.status import SERVING, health
from libs.cli.stop import Stop
from libs.cli.supervisor import SupervisedProcess

ROOT = Path(__file__).resolve().parents[2]
"""The folder that contains `libs` and `services`."""
START_SECONDS = 60.0
SERVICE_GRACE_SECONDS = 4  # for calls in progress when a service stops
STOP_SECONDS = 6.0  # after SIGTERM a service that is still running is killed
SERVERS = ("mongo", "nats")


@dataclass(frozen=True)
class Plan:
    """What to run, and how. `ports` has those that differ from the usual ones; 0 means a free port."""

    home: Home
    profile: Path
    ports: dict[str, int] = field(default_factory=dict)
    free_ports: bool = False
    driver: str = ""
    log_level: str = "info"


class LocalStack:
    """The processes on this machine."""

    def __init__(self, plan: Plan, stop: Stop) -> None:
        self.plan = plan
        self.home = plan.home
        self.services: list[SupervisedProcess] = []
        self.servers: list[SupervisedProcess] = []
        self._stop = stop

    def start(self) -> None:
        """Start everything and wait until all services serve. CliError when one does not."""
        with _progress() as progress:
            mongo = prepare_mongo(self.home.folder / "mongo", self.plan.ports.get("mongo", 0), stop=self._stop)
            self._start_server("MongoDB", mongo, progress)
            nats = prepare_nats(self.home.folder / "nats", self.plan.ports.get("nats", 0), stop=self._stop)
            self._start_server("NATS", nats, progress)
            issuer = Issuer.open(self.home.issuer_folder)
            for name in installed():
                self.services.append(self._service(name, issuer, mongo, nats))
            self._write_run(issuer, mongo, nats)
            for process in self.services:
                process.start()
            self._wait_for_services(progress)

    def supervise(self) -> Iterator[str]:
        """Restart what exits, until a stop is requested (StopRequested). Yield messages for a person."""
        while True:
            for process in (*self.servers, *self.services):
                yield from process.check()
            self._stop.wait(0.2)

    def stop(self) -> None:
        """Stop everything, the services first, in reverse order. Processes that do not stop in time are killed."""
        services = [process.child for process in reversed(self.services)]
        began = time.monotonic()
        for child in services:
            child.terminate()
        for child in services:
            child.stop(began + STOP_SECONDS - time.monotonic())
        if services:
            print_line(f"Services stopped ({time.monotonic() - began:.1f} s).")
        for process in reversed(self.servers):
            began = time.monotonic()
            process.stop()
            print_line(f"{process.name} stopped ({time.monotonic() - began:.1f} s).")
        self.home.run_file.unlink(missing_ok=True)

    def _start_server(self, name: str, server: Mongo | Nats, progress: Progress) -> None:
        bar = progress.add_task(name, total=1)
        if not server.external:
            # Registered before it starts, so that `stop` finds it whatever happens meanwhile.
            process = SupervisedProcess(name, server.address, server.child, server.restart, server.stop)
            self.servers.append(process)
            server.start()
        progress.update(bar, completed=1, description=f"{name} at {server.address}")

    def _service(self, name: str, issuer: Issuer, mongo: Mongo, nats: Nats) -> SupervisedProcess:
        log = self.home.logs.resolve() / f"{name}.log"
        stop_leftover(log.with_suffix(".pid"), [f"services.{name}"], self._stop)
        address = f"{LOOPBACK}:{self._port(name, CATALOGUE[name].port)}"
        settings = {
            "LISTEN": address,
            "METRICS_LISTEN": f"{LOOPBACK}:{self._port(f'{name}-metrics', CATALOGUE[name].metrics_port)}",
            "MONGO_URI": mongo.uri(name) if CATALOGUE[name].stateful else "",
            "MONGO_DATABASE": database(name),
            "MONGO_DRIVER": self.plan.driver,
            "NATS_URL": nats.url,
            "NATS_SEED_FILE": str(nats.seed_file(name) or ""),
            "JWKS": str(issuer.jwks.resolve()),
            "ISSUER": issuer.name,
            "AUDIENCE": issuer.audience,
            "PROFILE": str(self.plan.profile),
            "LOG_LEVEL": self.plan.log_level,
            "GRACE_SECONDS": str(SERVICE_GRACE_SECONDS),
        }
        env = dict(os.environ) | {f"HATCHERY_{key}": value for key, value in settings.items() if value}
        child = Child(name, [sys.executable, "-m", f"services.{name}"], log, env, ROOT, self._stop)
        return SupervisedProcess(name, address, child, child.start, child.stop)

    def _port(self, name: str, usual: int) -> int:
        chosen = self.plan.ports.get(name)
        if chosen == 0 or (chosen is None and self.plan.free_ports):
            return free_port()
        port = chosen or usual
        if not is_free(port):
            raise CliError(
                f"Port {port} of {name} is in use by another program. Stop that program, or choose another port "
                f"with --port {name}=NUMBER, or use free ports with --free-ports."
            )
        return port

    def _write_run(self, issuer: Issuer, mongo: Mongo, nats: Nats) -> None:
        environments = {process.name: process.child.env or {} for process in self.services}
        run = Run(
            pid=os.getpid(),
            mongo=mongo.address,
            nats=nats.address,
            issuer=issuer.name,
            jwks=str(issuer.jwks.resolve()),
            profile=str(self.plan.profile),
            logs=str(self.home.logs.resolve()),
            services={process.name: process.address for process in self.services},
            metrics={name: env["HATCHERY_METRICS_LISTEN"] for name, env in environments.items()},
        )
        self.home.write_run(run)

    def _wait_for_services(self, progress: Progress) -> None:
        bars = {process.name: progress.add_task(process.name, total=1) for process in self.services}
        waiting = list(self.services)
        deadline = time.monotonic() + START_SECONDS
        while waiting:
            for process in list(waiting):
                running = process.child.running  # read first: it may exit during the check
                if self._serves(process):
                    description = f"{process.name} at {process.address}"
                    progress.update(bars[process.name], completed=1, description=description)
                    waiting.remove(process)
                elif not running:
                    raise CliError(
                        f"{process.name} exited while starting ({process.child.end}).\n{process.child.log_tail()}"
                    )
                elif time.monotonic() > deadline:
                    tail = process.child.log_tail()
                    raise CliError(f"{process.name} was not ready within {START_SECONDS:.0f} seconds.\n{tail}")
            self._stop.wait(0.05)

    def _serves(self, process: SupervisedProcess) -> bool:
        if not is_listening(int(process.address.rpartition(":")[2])):
            return False
        return not CATALOGUE[process.name].stateful or health(process.address, self._stop) == SERVING


def _progress() -> Progress:
    unicode = can_encode("✓⠋", err)
    spinner = SpinnerColumn("dots" if unicode else "line", finished_text="✓" if unicode else "ok")
    columns = (spinner, TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=err, redirect_stdout=False, redirect_stderr=False)
