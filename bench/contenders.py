"""Who takes part: each in a process and a database of its own on the one MongoDB, under the same settings."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.database import Database as PymongoDatabase

from libs.cli.servers import Mongo, free_port, start_mongo
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES
from tests.running import Replica, World

Database = PymongoDatabase[dict[str, Any]]
Say = Callable[[str], None]
ECHO, TEXTBOOK, THRIFTY, HATCHERY = "echo", "textbook", "thrifty", "hatchery"
BASELINES = (ECHO, TEXTBOOK, THRIFTY)
CACHE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under load, and where its documents are."""

    name: str
    address: str
    pid: int
    database: Database


class Ring:
    """The one MongoDB, a NATS server, and the contenders, all started and answering."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mongo: Mongo = start_mongo(folder / "mongo", cache_gb=CACHE_GB)
        self.client: MongoClient[dict[str, Any]] = MongoClient(self.mongo.admin_uri, tz_aware=True)
        self.worlds: list[World] = []
        self.contenders: dict[str, Contender] = {}
        self._arena: World | None = None

    def world(self, name: str) -> World:
        """A NATS server and databases of their own on the MongoDB of all."""
        made = World(self.folder / name, self.mongo)
        self.worlds.append(made)
        return made

    def enter_all(self) -> None:
        """Start every contender."""
        world = self._arena = self.world("contest")
        for name in BASELINES:
            self.contenders[name] = self._baseline(name, world)
        replica = world.start("spaces", HATCHERY)
        database = self.client[world.database("spaces")]
        self.contenders[HATCHERY] = Contender(HATCHERY, replica.address, _pid(replica), database)

    def _baseline(self, name: str, world: World) -> Contender:
        database = self.client[f"{world.databases}_{name}"]
        for collection in (SPACES, OCCUPANTS, TENANCIES):  # with the indexes that the service has
            database.create_collection(collection.name)
            if collection.indexes:
                database[collection.name].create_indexes([index.model() for index in collection.indexes])
        database.create_collection("outbox")
        settings = {**world.settings("spaces"), "HATCHERY_MONGO_DATABASE": database.name}
        replica = Replica("spaces", name, free_port(), world.folder, settings)
        replica.child.command = [sys.executable, "-m", f"bench.baselines.{name}"]
        world.replicas[name] = replica
        replica.start()
        return Contender(name, replica.address, _pid(replica), database)

    @property
    def arena(self) -> World:
        """The world in which the contenders stand."""
        assert self._arena is not None, "nobody has entered"
        return self._arena

    def servers(self, world: World) -> dict[str, int]:
        """The servers that the processes of a world share."""
        shared = {} if self.mongo.given else {"mongod": self.mongo.child.pid}
        return shared if world.nats.given else {**shared, "nats-server": world.nats.child.pid}

    def leave(self, world: World) -> None:
        """Stop a world that is not needed any more, so that it disturbs nobody."""
        world.stop()
        self.worlds.remove(world)

    def stop(self) -> None:
        """Stop everything, in reverse."""
        for world in reversed(self.worlds):
            world.stop()
        self.client.close()
        self.mongo.stop()


@contextmanager
def ring(folder: Path) -> Iterator[Ring]:
    """A ring that is stopped whatever happens."""
    made = Ring(folder)
    try:
        yield made
    finally:
        made.stop()


def _pid(replica: Replica) -> int:
    return replica.child.pid


def cpu(pid: int) -> float:
    """The CPU seconds that a process has used so far, those of its threads included."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def version_of(client: MongoClient[dict[str, Any]]) -> str:
    """MongoDB's version."""
    return str(client.server_info()["version"])
