"""Real services as child processes, in a small world of their own, for tests, faults and measurements."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.cli.issuer import Issuer
from libs.cli.servers import Child, Mongo, Nats, free_port, start_nats

ROOT = Path(__file__).parent.parent
#: Names that a service may go by in a world, so that two replicas of spaces keep apart logs and ports.
SERVING = health_pb2.HealthCheckResponse.SERVING


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
        """Start it and wait until it says that it serves."""
        self.child.start()
        self.child.wait_until(self.is_serving, 30)

    def is_serving(self) -> bool:
        """Whether its health check answers SERVING."""
        with grpc.insecure_channel(self.address) as channel:
            try:
                stub: Any = health_pb2_grpc.HealthStub(channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                return False
        return bool(answer.status == SERVING)


class World:
    """A NATS server and databases of its own on a MongoDB that may be shared, and the services started in it."""

    def __init__(self, folder: Path, mongo: Mongo, nats: Nats | None = None, **settings: str) -> None:
        self.folder = folder
        self.mongo = mongo
        self.nats = nats or start_nats(folder / "nats")
        self.issuer = Issuer.open(folder / "issuer")
        self.databases = f"t{os.urandom(5).hex()}"
        self.replicas: dict[str, Replica] = {}
        self._settings = settings

    def database(self, service: str) -> str:
        """The name of the service's database in this world."""
        return f"{self.databases}_{service}"

    def settings(self, service: str) -> dict[str, str]:
        """The environment that a service of this world is started with."""
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
        """Start one replica of a service and wait until it serves."""
        label = label or service
        replica = Replica(service, label, free_port(), self.folder, {**self.settings(service), **settings})
        self.replicas[label] = replica
        replica.start()
        return replica

    def stop(self) -> None:
        """Stop all that was started, the services first."""
        for replica in reversed(list(self.replicas.values())):
            replica.child.stop()
        self.nats.stop()

    def token(self, role: str = "admin", scopes: Sequence[str] = ("*",), subject: str = "tester") -> str:
        """A bearer token of this world's issuer."""
        return self.issuer.token(subject, role, scopes, timedelta(hours=1))


def metadata(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)


class Api:
    """The methods of a service over a real channel, each called with a token: `await api.GetSpace(request)`."""

    def __init__(self, channel: aio.Channel, stubs: ModuleType, service: str, token: str) -> None:
        self._stub = getattr(stubs, f"{service}Stub")(channel)
        self._token = token

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._stub, method)

        async def ask(request: Any, *, token: str | None = None, timeout: float = 10) -> Any:  # noqa: ASYNC109
            return await call(request, metadata=metadata(token or self._token), timeout=timeout)

        return ask
