"""A real MongoDB and a real NATS server on loopback, for a laptop, for tests and for measurements."""

from libs.cli.servers.child import Child
from libs.cli.servers.mongo import Mongo, start_mongo
from libs.cli.servers.nats import Nats, start_nats
from libs.cli.servers.ports import free_port

__all__ = ["Child", "Mongo", "Nats", "free_port", "start_mongo", "start_nats"]
