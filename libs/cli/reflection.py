"""What a running server serves, asked of the server itself."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from libs.cli.messages import near, plain
from libs.cli.refusals import explain
from libs.cli.trouble import Trouble

OPERATIONS = "hatchery.operations.v1.OperationsService"
COMMON = ("grpc.reflection.", OPERATIONS, "grpc.health.")


class Served:
    """The services behind one address."""

    def __init__(self, channel: grpc.Channel, address: str) -> None:
        """Ask for the services' names; Trouble when nothing answers, or not to that question."""
        self.address = address
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)
        try:
            names = list(self._database.get_services())
        except grpc.RpcError as error:
            raise Trouble(explain(error, address)) from None
        # The service's own methods come before those that every service has.
        self.names = sorted(names, key=lambda name: (name.startswith(COMMON), name))

    def service(self, name: str) -> ServiceDescriptor:
        """A service by its full name."""
        return self._pool.FindServiceByName(name)

    def called(self, word: str) -> list[str]:
        """The services that a word can mean: a full name, its last part, or the part after `hatchery.`."""
        full = [name for name in self.names if word in {name, name.rpartition(".")[2]}]
        if full:
            return full
        own = [name for name in self.names if name.split(".")[1:2] == [word] and name.startswith("hatchery.")]
        return [*own, *(name for name in self.names if name not in own)] if own else []

    def method(self, services: Sequence[str], name: str) -> MethodDescriptor:
        """The method of that name in the first of the services that has it; Trouble with near names."""
        known = [method for service in services for method in self.service(service).methods]
        for method in known:
            if plain(method.name) == plain(name):
                return method
        names = [method.name for method in known if not method.full_name.startswith("grpc.")]
        raise Trouble(f"No method is called {name!r} at {self.address}. {near(name, names)}")
