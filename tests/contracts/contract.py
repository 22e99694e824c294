"""The contract as it is written: services, methods, request fields, and the limits that their comments state."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from libs.api.hatchery.common.v1.access_pb2 import permission
from libs.api.hatchery.operations.v1 import operations_pb2
from protos.generate import read_descriptors

ROOT = Path(__file__).parent.parent.parent
#: A message in a proto's source: the scope it is declared in, itself, and its path for comments.
Declared = tuple[str, DescriptorProto, tuple[int, ...]]
#: Messages that hold one value, which is valid or not as a whole.
VALUE_MESSAGES = {"google.type.Date", "google.protobuf.FieldMask", "google.protobuf.Timestamp"}


@cache
def files() -> tuple[FileDescriptorProto, ...]:
    """Return the descriptors of all protos, with their comments."""
    return tuple(read_descriptors().file)


def stubs(file: FileDescriptorProto) -> ModuleType:
    """Return the generated module of a proto."""
    return importlib.import_module("libs.api." + file.name.removesuffix(".proto").replace("/", ".") + "_pb2")


def protos_of(service: str) -> list[FileDescriptorProto]:
    """Return the protos in the service's folder, of any version."""
    return [file for file in files() if file.package.startswith(f"hatchery.{service}.")]


#: Every service that can be started and has a contract, by its folder.
SERVICES = tuple(
    sorted(
        path.parent.name
        for path in (ROOT / "services").glob("*/__main__.py")
        if any(file.service for file in protos_of(path.parent.name))
    )
)


@dataclass(frozen=True)
class Method:
    """One RPC as one service serves it: the operations of each service are methods of their own."""

    service: str
    descriptor: MethodDescriptor

    def __str__(self) -> str:
        """Name it in a test's id."""
        return f"{self.service}:{self.descriptor.name}"

    @property
    def name(self) -> str:
        """The method's name."""
        return self.descriptor.name

    @property
    def key(self) -> str:
        """The gRPC service and the method: `SpaceService.GetSpace`."""
        return f"{self.descriptor.containing_service.name}.{self.descriptor.name}"

    @property
    def path(self) -> str:
        """The path that a call uses."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def permission(self) -> str:
        """The permission that its option names."""
        return str(self.descriptor.GetOptions().Extensions[permission])

    @property
    def request(self) -> type[Message]:
        """The class of its request."""
        return GetMessageClass(self.descriptor.input_type)

    @property
    def reply(self) -> type[Message]:
        """The class of its reply."""
        return GetMessageClass(self.descriptor.output_type)

    @property
    def is_list(self) -> bool:
        """Whether it returns a list page by page."""
        return "next_page_token" in self.descriptor.output_type.fields_by_name

    @property
    def is_stream(self) -> bool:
        """Whether it answers with a stream of messages."""
        return bool(self.descriptor.server_streaming)

    @property
    def is_batch(self) -> bool:
        """Whether it returns several resources by their names."""
        return self.name.startswith("BatchGet")

    @property
    def items(self) -> str:
        """The field of its reply that holds the resources; empty if it returns one resource."""
        repeated = [field.name for field in self.descriptor.output_type.fields if field.is_repeated]
        return repeated[0] if repeated and (self.is_list or self.is_batch) else ""

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return "request_id" in self.descriptor.input_type.fields_by_name


def grpc_services(service: str) -> list[ServiceDescriptor]:
    """Return the gRPC services that a service's process serves, besides health and reflection."""
    modules = [stubs(file) for file in protos_of(service) if file.service]
    return [each for module in (*modules, operations_pb2) for each in module.DESCRIPTOR.services_by_name.values()]


METHODS = tuple(
    Method(service, method) for service in SERVICES for each in grpc_services(service) for method in each.methods
)
WRITES = tuple(method for method in METHODS if method.writes)
LISTS = tuple(method for method in METHODS if method.is_list)


def find_method(service: str, name: str) -> Method:
    """Return a service's method by its name."""
    return next(method for method in METHODS if method.service == service and method.name == name)


@dataclass(frozen=True)
class Limits:
    """What a field's comment says is refused."""

    required: bool = False
    max_characters: int | None = None
    count: tuple[int, int] | None = None
    range: tuple[int, int] | None = None
    has_decimals: bool = False


@dataclass(frozen=True)
class Field:
    """A field of a request, at any depth, by the path that a violation names."""

    method: Method
    path: str
    descriptor: FieldDescriptor

    def __str__(self) -> str:
        """Name it in a test's id."""
        return f"{self.method}:{self.path}"

    @property
    def key(self) -> str:
        """The message and the field: `SpaceSpec.zone`."""
        message: Any = self.descriptor.containing_type
        return f"{message.name}.{self.descriptor.name}"

    @property
    def comment(self) -> str:
        """The comment in the proto."""
        return comments().get(self.descriptor.full_name, "")

    @property
    def limits(self) -> Limits:
        """What its comment states."""
        return parse_limits(self.comment, self.descriptor)

    @property
    def has_required_behavior(self) -> bool:
        """Whether its annotation says REQUIRED."""
        behavior: Any = self.descriptor.GetOptions().Extensions[cast("Any", field_behavior)]
        return REQUIRED in behavior

    @property
    def wildcard(self) -> str:
        """The value that stands for all parents, where its comment names one."""
        named = re.search(r"`([a-z]+/-)`", self.comment)
        return named[1] if named else ""

    @property
    def has_fields(self) -> bool:
        """Whether it is a message of our own, with fields that are checked one by one."""
        message = self.descriptor.message_type
        return message is not None and message.full_name not in VALUE_MESSAGES


def fields(method: Method) -> Iterator[Field]:
    """Yield every field of a method's request, at any depth."""
    yield from _fields(method, method.descriptor.input_type, "")


def _fields(method: Method, message: Descriptor, prefix: str) -> Iterator[Field]:
    for descriptor in message.fields:
        field = Field(method, prefix + descriptor.name, descriptor)
        yield field
        if field.has_fields:
            step = "[0]." if descriptor.is_repeated else "."
            yield from _fields(method, cast("Descriptor", descriptor.message_type), field.path + step)


def parse_limits(comment: str, field: FieldDescriptor) -> Limits:
    """Read the limits from a comment, which all protos state in the same words."""
    characters = re.search(r"\bat most ([\d,]+) characters", comment, re.IGNORECASE)
    span = re.search(r"\b([\d,]+) to ([\d,]+)", comment)
    between = (_number(span[1]), _number(span[2])) if span else None
    most = re.search(r"\bat most ([\d,]+)(?=\.| paths)", comment, re.IGNORECASE)
    count = between if field.is_repeated else None
    if field.is_repeated and most:
        count = (0, _number(most[1]))
    is_text = field.type == FieldDescriptor.TYPE_STRING
    return Limits(
        required=bool(re.search(r"\bRequired\b", comment)),
        max_characters=_number(characters[1]) if characters else None,
        count=count,
        range=None if field.is_repeated or is_text or field.message_type else between,
        has_decimals="(to 0.01)" in comment,
    )


def _number(text: str) -> int:
    return int(text.replace(",", ""))


@cache
def comments() -> dict[str, str]:
    """Return the comment above every field of every message, by the field's full name."""
    return dict(comment for file in files() for comment in _comments(file))


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    above = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
    waiting: list[Declared] = [(file.package, message, (4, number)) for number, message in enumerate(file.message_type)]
    while waiting:
        scope, message, path = waiting.pop()
        name = f"{scope}.{message.name}"
        for number, field in enumerate(message.field):
            yield f"{name}.{field.name}", " ".join(above.get((*path, 2, number), "").split())
        waiting += [(name, inner, (*path, 3, number)) for number, inner in enumerate(message.nested_type)]
