"""The contenders: each a process with a database of its own on the one MongoDB, under the same settings."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database as PymongoDatabase

from libs.cli.servers.mongo import Mongo, start_mongo
from libs.cli.servers.ports import free_port
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES
from tests.support.processes import Cluster, Replica

Database = PymongoDatabase[dict[str, Any]]
#: Prints a line about the progress.
Say = Callable[[str], None]
ECHO, TEXTBOOK, THRIFTY, HATCHERY = "echo", "textbook", "thrifty", "hatchery"
BASELINES = (ECHO, TEXTBOOK, THRIFTY)
CACHE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under load, and its database."""

    name: str
    address: str
    pid: int
    database: Database


class Testbed:
    """The one MongoDB, the clusters on it, and the contenders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mongo: Mongo = start_mongo(folder / "mongo", cache_gb=CACHE_GB)
        self.client: MongoClient[dict[str, Any]] = MongoClient(self.mongo.admin_uri, tz_aware=True)
        self.clusters: list[Cluster] = []
        self.contenders: dict[str, Contender] = {}
        self._contest: Cluster | None = None

    def new_cluster(self, name: str) -> Cluster:
        """Create a NATS server and databases of its own on the MongoDB that all share."""
        made = Cluster(self.folder / name, self.mongo)
        self.clusters.append(made)
        return made

    def start_contenders(self) -> None:
        """Start every contender."""
        cluster = self._contest = self.new_cluster("contest")
        for name in BASELINES:
            self.contenders[name] = self._start_baseline(name, cluster)
        replica = cluster.start("spaces", HATCHERY)
        database = self.client[cluster.database("spaces")]
        self.contenders[HATCHERY] = Contender(HATCHERY, replica.address, replica.child.pid, database)

    def _start_baseline(self, name: str, cluster: Cluster) -> Contender:
        database = self.client[cluster.database(name)]
        for schema in (SPACES, OCCUPANTS, TENANCIES):  # with the indexes that the service has
            database.create_collection(schema.collection)
            if schema.indexes:
                database[schema.collection].create_indexes([index.model() for index in schema.indexes])
        database.create_collection("outbox")
        settings = {**cluster.settings("spaces"), "HATCHERY_MONGO_DATABASE": database.name}
        replica = Replica("spaces", name, free_port(), cluster.folder, settings)
        replica.child.command = [sys.executable, "-m", f"bench.baselines.{name}"]
        cluster.replicas[name] = replica
        replica.start()
        return Contender(name, replica.address, replica.child.pid, database)

    @property
    def contest(self) -> Cluster:
        """The cluster that the contenders run in."""
        assert self._contest is not None, "start_contenders was not called"
        return self._contest

    def servers(self, cluster: Cluster) -> dict[str, int]:
        """Return the process ids of the servers that the processes of a cluster share, unless they are external."""
        shared = {} if self.mongo.external else {"mongod": self.mongo.child.pid}
        return shared if cluster.nats.external else {**shared, "nats-server": cluster.nats.child.pid}

    def remove(self, cluster: Cluster) -> None:
        """Stop a cluster that is no longer needed, so that it does not disturb the others."""
        cluster.stop()
        self.clusters.remove(cluster)

    def stop(self) -> None:
        """Stop everything in reverse order."""
        for cluster in reversed(self.clusters):
            cluster.stop()
        self.client.close()
        self.mongo.stop()


@contextmanager
def testbed(folder: Path) -> Iterator[Testbed]:
    """Open a testbed, and stop it at the end, also after an error."""
    made = Testbed(folder)
    try:
        yield made
    finally:
        made.stop()


def mongodb_version(client: MongoClient[dict[str, Any]]) -> str:
    """Return the version of MongoDB."""
    return str(client.server_info()["version"])
