"""Which services there are, and where each of them listens on a laptop."""

import importlib.util
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Entry:
    """Where a service usually listens, for calls and for metrics, and whether it keeps documents."""

    port: int
    metrics_port: int
    keeps: bool = True


CATALOGUE = {
    "spaces": Entry(50051, 9051),
    "mentors": Entry(50052, 9052),
    "startups": Entry(50053, 9053),
    "events": Entry(50054, 9054),
    "console": Entry(8080, 9080, keeps=False),
}

KEEPERS = tuple(name for name, entry in CATALOGUE.items() if entry.keeps)
"""The services with documents and facts of their own, each with a user of MongoDB and one of NATS."""


def present() -> tuple[str, ...]:
    """The services that can be started: those whose package is there."""
    return tuple(name for name in CATALOGUE if _found(f"services.{name}") and _found(f"services.{name}.__main__"))


def _found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
