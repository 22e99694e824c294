"""All of Hatchery on one machine: its servers and services as child processes, started in order, stopped in reverse."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from libs.cli.catalogue import CATALOGUE, LOOPBACK, present
from libs.cli.home import Home, Run
from libs.cli.issuer import Issuer
from libs.cli.servers import Mongo, Nats, start_mongo, start_nats
from libs.cli.servers.children import Child, end_leftover, free, free_port, listening
from libs.cli.servers.mongo import database
from libs.cli.speech import err, say
from libs.cli.status import SERVING, health
from libs.cli.trouble import Trouble
from libs.cli.wards import Ward

ROOT = Path(__file__).resolve().parents[2]
"""The folder in which `libs` and `services` lie."""
PATIENCE = 60.0
SERVERS = ("mongo", "nats")


@dataclass(frozen=True)
class Plan:
    """What is to run, and how; `ports` names those that differ from the usual."""

    home: Home
    profile: Path
    ports: dict[str, int] = field(default_factory=dict)
    free_ports: bool = False
    driver: str = ""
    log_level: str = "info"


class Laptop:
    """What runs on this machine."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home = plan.home
        self.services: list[Ward] = []
        self.servers: list[Ward] = []

    def start(self) -> None:
        """Start everything and wait until all services serve; Trouble when one does not."""
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=err) as progress:
            bar = progress.add_task("MongoDB", total=1)
            mongo = start_mongo(self.home.folder / "mongo", self.plan.ports.get("mongo", 0))
            self._care_for("MongoDB", mongo)
            progress.update(bar, completed=1, description=f"MongoDB at {mongo.address}")
            bar = progress.add_task("NATS", total=1)
            nats = start_nats(self.home.folder / "nats", self.plan.ports.get("nats", 0))
            self._care_for("NATS", nats)
            progress.update(bar, completed=1, description=f"NATS at {nats.address}")
            issuer = Issuer.open(self.home.issuer_folder)
            for name in present():
                self.services.append(self._service(name, issuer, mongo, nats))
            self._tell(issuer, mongo, nats)
            for ward in self.services:
                ward.start()
            self._await_all(progress)

    def watch(self) -> Iterator[str]:
        """Look after everything, until interrupted; what happens is told in sentences."""
        while True:
            for ward in (*self.servers, *self.services):
                yield from ward.look()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop everything, the services first, in reverse order of their start."""
        services = [ward.child for ward in reversed(self.services)]
        began = time.monotonic()
        for child in services:
            child.ask_to_stop()
        for child in services:
            child.stop()
        if services:
            say(f"The services are stopped ({time.monotonic() - began:.1f} s).")
        for ward in reversed(self.servers):
            began = time.monotonic()
            ward.child.stop()
            say(f"{ward.name} is stopped ({time.monotonic() - began:.1f} s).")
        self.home.run_file.unlink(missing_ok=True)

    def _care_for(self, name: str, server: Mongo | Nats) -> None:
        if not server.given:
            self.servers.append(Ward(name, server.address, server.child, server.restart, lambda: True))

    def _service(self, name: str, issuer: Issuer, mongo: Mongo, nats: Nats) -> Ward:
        log = self.home.logs.resolve() / f"{name}.log"
        end_leftover(log.with_suffix(".pid"), [f"services.{name}"])
        port = self._port(name, CATALOGUE[name].port)
        metrics = self._port(f"{name}-metrics", CATALOGUE[name].metrics_port)
        told = {
            "LISTEN": f"{LOOPBACK}:{port}",
            "METRICS_LISTEN": f"{LOOPBACK}:{metrics}",
            "MONGO_URI": mongo.uri(name) if CATALOGUE[name].keeps else "",
            "MONGO_DATABASE": database(name),
            "MONGO_DRIVER": self.plan.driver,
            "NATS_URL": nats.url,
            "NATS_SEED_FILE": str(nats.seed_file(name) or ""),
            "JWKS": str(issuer.jwks.resolve()),
            "ISSUER": issuer.name,
            "AUDIENCE": issuer.audience,
            "PROFILE": str(self.plan.profile),
            "LOG_LEVEL": self.plan.log_level,
        }
        env = dict(os.environ) | {f"HATCHERY_{key}": value for key, value in told.items() if value}
        child = Child(name, [sys.executable, "-m", f"services.{name}"], log, env, ROOT)
        address = told["LISTEN"]
        return Ward(name, address, child, child.start, lambda: _serves(name, address, port))

    def _port(self, name: str, usual: int) -> int:
        asked = self.plan.ports.get(name)
        if asked == 0 or (asked is None and self.plan.free_ports):
            return free_port()
        port = asked or usual
        if not free(port):
            raise Trouble(
                f"Port {port}, on which {name} listens, is taken by another program. End that program, or choose "
                f"another port with --port {name}=NUMBER, or any that is free with --free-ports."
            )
        return port

    def _tell(self, issuer: Issuer, mongo: Mongo, nats: Nats) -> None:
        services = {ward.name: ward.address for ward in self.services}
        metrics = {ward.name: (ward.child.env or {})["HATCHERY_METRICS_LISTEN"] for ward in self.services}
        run = Run(
            pid=os.getpid(),
            mongo=mongo.address,
            nats=nats.address,
            issuer=issuer.name,
            jwks=str(issuer.jwks.resolve()),
            profile=str(self.plan.profile),
            logs=str(self.home.logs.resolve()),
            services=services,
            metrics=metrics,
        )
        self.home.tell(run)

    def _await_all(self, progress: Progress) -> None:
        bars = {ward.name: progress.add_task(ward.name, total=1) for ward in self.services}
        waiting = list(self.services)
        deadline = time.monotonic() + PATIENCE
        while waiting:
            for ward in list(waiting):
                if ward.ready():
                    progress.update(bars[ward.name], completed=1, description=f"{ward.name} at {ward.address}")
                    waiting.remove(ward)
                elif not ward.child.running:
                    raise Trouble(f"{ward.name} ended at its start ({ward.child.end}).\n{ward.child.last_words()}")
                elif time.monotonic() > deadline:
                    words = ward.child.last_words()
                    raise Trouble(f"{ward.name} did not serve within {PATIENCE:.0f} seconds.\n{words}")
            time.sleep(0.05)


def _serves(name: str, address: str, port: int) -> bool:
    if not listening(port):
        return False
    return not CATALOGUE[name].keeps or health(address) == SERVING
