"""A real MongoDB and a real NATS server on loopback, for a laptop, for tests and for measurements."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from libs.cli.catalogue import KEEPERS
from libs.cli.servers.children import Child, free_port
from libs.cli.servers.mongo import Mongo, start_mongo
from libs.cli.servers.nats import Nats, start_nats

__all__ = ["Child", "Mongo", "Nats", "Servers", "free_port", "start_mongo", "start_nats"]


class Servers:
    """Both servers with all they keep in one folder; a second start there finds everything again."""

    def __init__(
        self, folder: Path, *, mongo_port: int = 0, nats_port: int = 0, services: Sequence[str] = KEEPERS
    ) -> None:
        """Start both. Port 0 stands for the port of the last start, or a free one."""
        self.mongo = start_mongo(folder / "mongo", mongo_port, services=services)
        try:
            self.nats = start_nats(folder / "nats", nats_port, services=services)
        except BaseException:
            self.mongo.stop()
            raise

    def stop(self) -> None:
        """Stop both, the one started last first."""
        self.nats.stop()
        self.mongo.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
