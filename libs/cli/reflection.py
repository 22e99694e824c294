"""The services behind an address, as the server's reflection describes them."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from libs.cli.errors import CliError
from libs.cli.rpc_errors import explain
from libs.cli.suggestions import plain, suggest

OPERATIONS = "hatchery.operations.v1.OperationsService"
COMMON = ("grpc.reflection.", OPERATIONS, "grpc.health.")


class ReflectedServer:
    """The services that a running server has."""

    def __init__(self, channel: grpc.Channel, address: str) -> None:
        """Query the services' names. CliError when nothing answers, or the server has no reflection."""
        self.address = address
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)
        try:
            names = list(self._database.get_services())
        except grpc.RpcError as error:
            raise CliError(explain(error, address)) from None
        # Services that every server has come last.
        self.names = sorted(names, key=lambda name: (name.startswith(COMMON), name))

    def service(self, name: str) -> ServiceDescriptor:
        """Return a service by its full name."""
        return self._pool.FindServiceByName(name)

    def matching(self, word: str) -> list[str]:
        """Return the services that a word can mean: a full name, its last part, or the part after `hatchery.`."""
        full = [name for name in self.names if word in {name, name.rpartition(".")[2]}]
        if full:
            return full
        own = [name for name in self.names if name.split(".")[1:2] == [word] and name.startswith("hatchery.")]
        return [*own, *(name for name in self.names if name not in own)] if own else []

    def method(self, services: Sequence[str], name: str) -> MethodDescriptor:
        """Return a method of the first of the services that has it. CliError names similar ones."""
        known = [method for service in services for method in self.service(service).methods]
        for method in known:
            if plain(method.name) == plain(name):
                return method
        names = [method.name for method in known if not method.full_name.startswith("grpc.")]
        raise CliError(f"There is no method {name!r} at {self.address}. {suggest(name, names)}")
