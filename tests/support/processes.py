"""Real services as child processes, with a NATS server and databases of their own."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.cli.issuer import Issuer
from libs.cli.servers.child import Child
from libs.cli.servers.mongo import Mongo
from libs.cli.servers.nats import Nats, start_nats
from libs.cli.servers.ports import free_port

ROOT = Path(__file__).parent.parent.parent


class Replica:
    """One process of a service."""

    def __init__(self, service: str, label: str, port: int, folder: Path, settings: dict[str, str]) -> None:
        self.service = service
        self.address = f"127.0.0.1:{port}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HATCHERY_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # replicas that start often must not compile each time
        environment |= {"HATCHERY_LISTEN": self.address, "PYTHONPATH": str(ROOT), **settings}
        command = [sys.executable, "-m", f"services.{service}"]
        self.child = Child(label, command, folder / f"{label}.log", env=environment, folder=ROOT)

    def start(self) -> None:
        """Start the process and wait until it serves."""
        self.child.start()
        self.child.wait_until(self.is_serving, 30)

    def is_serving(self) -> bool:
        """Whether its health check answers SERVING."""
        with grpc.insecure_channel(self.address) as channel:
            try:
                stub: Any = health_pb2_grpc.HealthStub(channel)
                reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


class Cluster:
    """A NATS server, databases on a MongoDB that may be shared, and the services started on them."""

    def __init__(self, folder: Path, mongo: Mongo, nats: Nats | None = None, **settings: str) -> None:
        self.folder = folder
        self.mongo = mongo
        self.nats = nats or start_nats(folder / "nats")
        self.issuer = Issuer.open(folder / "issuer")
        self.replicas: dict[str, Replica] = {}
        self._prefix = f"t{os.urandom(5).hex()}"
        self._settings = settings

    def database(self, service: str) -> str:
        """Return the name of the service's database."""
        return f"{self._prefix}_{service}"

    def settings(self, service: str) -> dict[str, str]:
        """Return the environment that a service is started with."""
        seed = self.nats.seed_file(service)
        return {
            "HATCHERY_MONGO_URI": self.mongo.admin_uri,
            "HATCHERY_MONGO_DATABASE": self.database(service),
            "HATCHERY_MONGO_DRIVER": os.environ.get("HATCHERY_MONGO_DRIVER", "motor"),
            "HATCHERY_NATS_URL": self.nats.url,
            **({"HATCHERY_NATS_SEED_FILE": str(seed)} if seed else {}),
            "HATCHERY_JWKS": str(self.issuer.jwks),
            "HATCHERY_PROFILE": str(ROOT / "profiles" / "jilin"),
            **self._settings,
        }

    def start(self, service: str, label: str = "", **settings: str) -> Replica:
        """Start one replica of a service and wait until it serves. Replicas need different labels."""
        label = label or service
        replica = Replica(service, label, free_port(), self.folder, {**self.settings(service), **settings})
        self.replicas[label] = replica
        replica.start()
        return replica

    def stop(self) -> None:
        """Stop everything that was started, the services first."""
        for replica in reversed(list(self.replicas.values())):
            replica.child.stop()
        self.nats.stop()

    def token(self, role: str = "admin", scopes: Sequence[str] = ("*",), subject: str = "tester") -> str:
        """Return a bearer token of the cluster's issuer."""
        return self.issuer.token(subject, role, scopes, timedelta(hours=1))
