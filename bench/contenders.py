"""Who takes part: each in a process of its own, with a database of its own on the one MongoDB, under the same settings."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.database import Database as PymongoDatabase

from libs.cli.servers import Child, Mongo, free_port, start_mongo
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES
from tests.running import ROOT, Replica, World

Database = PymongoDatabase[dict[str, Any]]
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
        self._children: list[Child] = []

    def world(self, name: str) -> World:
        """A NATS server and databases of their own on the MongoDB of all."""
        made = World(self.folder / name, self.mongo)
        self.worlds.append(made)
        return made

    def enter_all(self) -> None:
        """Start every contender."""
        world = self.world("contest")
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

    def token(self) -> str:
        """The token that every call is made with."""
        return self.worlds[0].token()

    def servers(self) -> dict[str, int]:
        """The processes that all contenders share."""
        shared = {} if self.mongo.given else {"mongod": self.mongo.child.pid}
        nats = self.worlds[0].nats
        return shared if nats.given else {**shared, "nats-server": nats.child.pid}

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


def version_of(client: "MongoClient[dict[str, Any]]") -> str:
    """MongoDB's version."""
    return str(client.server_info()["version"])


assert os.name == "posix" and ROOT.is_dir()
