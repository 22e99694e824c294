"""The services of the contract, found among the generated stubs by name."""

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from libs.cli.errors import CliError
from libs.cli.suggestions import suggest

STUBS = "libs.api"


@cache
def services_of(package: str) -> tuple[ServiceDescriptor, ...]:
    """Return the services of a proto package such as `hatchery.spaces.v1`; none if there is no such package."""
    try:
        folder = import_module(f"{STUBS}.{package}")
    except ModuleNotFoundError:
        return ()
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__) if module.name.endswith("_pb2"))
    files = [import_module(f"{STUBS}.{package}.{name}").DESCRIPTOR for name in names]
    return tuple(service for file in files for service in file.services_by_name.values())


def find_method(full_name: str) -> MethodDescriptor:
    """Return a method by its full name, `hatchery.spaces.v1.SpaceService.CreateSpace`. CliError if unknown."""
    package = full_name.rpartition(".")[0].rpartition(".")[0]
    methods = {method.full_name: method for service in services_of(package) for method in service.methods}
    if full_name not in methods:
        raise CliError(f"The contract has no method {full_name}. {suggest(full_name, methods)}")
    return methods[full_name]


def service_of(full_name: str) -> str:
    """Return the name of the service whose process has a method or gRPC service: `spaces` in the example above."""
    parts = full_name.split(".")
    return parts[1] if len(parts) > 1 else full_name


def unary(channel: grpc.Channel, method: MethodDescriptor) -> Any:
    """Return a callable for a method with one request and one reply."""
    call: grpc.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(deterministic=True),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return call


def new_request(method: MethodDescriptor) -> Message:
    """Return an empty request for a method."""
    return GetMessageClass(method.input_type)()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)
