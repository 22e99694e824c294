"""The services that `hatchery up` can start, and the ports on which they listen on a laptop."""

import importlib.util
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Entry:
    """A service's usual ports for calls and metrics. A stateful one has a database and publishes facts."""

    port: int
    metrics_port: int
    stateful: bool = True


CATALOGUE = {
    "spaces": Entry(50051, 9051),
    "mentors": Entry(50052, 9052),
    "startups": Entry(50053, 9053),
    "events": Entry(50054, 9054),
    "console": Entry(8080, 9080, stateful=False),
}

STATEFUL = tuple(name for name, entry in CATALOGUE.items() if entry.stateful)
"""The services that have a MongoDB user and a NATS user each."""


def installed() -> tuple[str, ...]:
    """Return the services whose package exists in this installation."""
    return tuple(name for name in CATALOGUE if _exists(f"services.{name}") and _exists(f"services.{name}.__main__"))


def is_stateful(name: str) -> bool:
    """Return whether a running service has gRPC methods and facts. Unknown services are assumed to."""
    return name not in CATALOGUE or CATALOGUE[name].stateful


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
