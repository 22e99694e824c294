"""The contract as it is written: services, methods, fields and the limits that their comments state."""

import importlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from google.protobuf.descriptor import Descriptor as MessageDescriptor
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

from libs.api.hatchery.common.v1.access_pb2 import permission
from libs.api.hatchery.operations.v1 import operations_pb2

ROOT = Path(__file__).parent.parent.parent
PROTOS = ROOT / "protos"
#: A message in the source: what it lies in, itself, and where it stands.
Said = tuple[str, DescriptorProto, tuple[int, ...]]
#: Messages that stand for one value, and are wrong or right as a whole.
WHOLE = {"hatchery.common.v1.Date", "google.protobuf.FieldMask", "google.protobuf.Timestamp"}


def stubs(home: str, what: str) -> ModuleType:
    """A generated module of a service's contract, such as `facts_pb2`."""
    return importlib.import_module(f"libs.api.hatchery.{home}.v1.{what}")


def contract(home: str) -> ModuleType:
    """The generated module with a service's resources and methods."""
    return stubs(home, f"{home}_pb2")


#: Every service that can be started and has a contract, by its folder.
HOMES = tuple(
    sorted(
        path.parent.name
        for path in (ROOT / "services").glob("*/__main__.py")
        if (PROTOS / "hatchery" / path.parent.name).is_dir()
    )
)


@dataclass(frozen=True)
class Method:
    """One RPC, as it is served by one service: the operations of each service are methods of their own."""

    home: str
    descriptor: MethodDescriptor

    def __str__(self) -> str:
        """For the name of a test."""
        return f"{self.home}:{self.descriptor.name}"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.descriptor.name

    @property
    def path(self) -> str:
        """Where a channel finds it."""
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
    def pages(self) -> bool:
        """Whether it gives a list page by page."""
        return "next_page_token" in self.descriptor.output_type.fields_by_name

    @property
    def several(self) -> FieldDescriptor | None:
        """The field of its reply that holds the entities, if it gives several."""
        repeated = [field for field in self.descriptor.output_type.fields if field.is_repeated]
        return repeated[0] if self.pages or self.name.startswith("BatchGet") else None

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return "request_id" in self.descriptor.input_type.fields_by_name


def services(home: str) -> list[ServiceDescriptor]:
    """What a service's process answers, health and reflection apart."""
    return [
        *contract(home).DESCRIPTOR.services_by_name.values(),
        *operations_pb2.DESCRIPTOR.services_by_name.values(),
    ]


METHODS = tuple(Method(home, method) for home in HOMES for service in services(home) for method in service.methods)


@dataclass(frozen=True)
class Limits:
    """What a field's comment promises to refuse."""

    required: bool = False
    characters: int | None = None
    count: tuple[int, int] | None = None
    range: tuple[int, int] | None = None


@dataclass(frozen=True)
class Field:
    """A field of a request, however deep, by the path that a violation names."""

    method: Method
    path: str
    descriptor: FieldDescriptor

    def __str__(self) -> str:
        """For the name of a test."""
        return f"{self.method}:{self.path}"

    @property
    def limits(self) -> Limits:
        """What its comment states."""
        return limits(self.descriptor)

    @property
    def wildcard(self) -> str:
        """The value that stands for all, where its comment names one."""
        named = re.search(r"`([a-z]+/-)`", comments()[self.descriptor.full_name])
        return named[1] if named else ""

    @property
    def is_whole(self) -> bool:
        """Whether it holds one value, not fields of its own."""
        message = self.descriptor.message_type
        return message is None or message.full_name in WHOLE


def fields(method: Method) -> Iterator[Field]:
    """Every field of a method's request, and the fields in them."""
    yield from _fields(method, method.descriptor.input_type, "")


def _fields(method: Method, message: MessageDescriptor, under: str) -> Iterator[Field]:
    for descriptor in message.fields:
        field = Field(method, under + descriptor.name, descriptor)
        yield field
        if descriptor.message_type and not field.is_whole:
            step = "[0]." if descriptor.is_repeated else "."
            yield from _fields(method, descriptor.message_type, field.path + step)


def limits(field: FieldDescriptor) -> Limits:
    """What the comment of a field states, in the words that all protos use for it."""
    said = comments().get(field.full_name, "")
    characters = re.search(r"\bat most ([\d,]+) characters", said, re.IGNORECASE)
    span = re.search(r"\b([\d,]+) to ([\d,]+)", said)
    between = (_number(span[1]), _number(span[2])) if span else None
    most = re.search(r"\bat most ([\d,]+)\.", said, re.IGNORECASE)
    count = between if field.is_repeated else None
    if field.is_repeated and most:
        count = (0, _number(most[1]))
    return Limits(
        required="Required" in said or bool(count and count[0]),
        characters=_number(characters[1]) if characters else None,
        count=count,
        range=None if field.is_repeated or field.type == FieldDescriptor.TYPE_STRING else between,
    )


def _number(text: str) -> int:
    return int(text.replace(",", ""))


@cache
def comments() -> dict[str, str]:
    """The comment above every field of every message, by the field's full name, from the protos' source."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "protos.binpb"
        include = Path(protoc.__file__).parent / "_proto"
        files = sorted(str(path) for path in PROTOS.rglob("*.proto"))
        options = [f"-I{PROTOS}", f"-I{include}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *options, *files]) != 0:
            raise ValueError("protoc cannot read the protos")
        read = FileDescriptorSet.FromString(out.read_bytes())
    return {name: said for file in read.file for name, said in _said(file)}


def _said(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    above = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    waiting: list[Said] = [(file.package, message, (4, number)) for number, message in enumerate(file.message_type)]
    while waiting:
        under, message, place = waiting.pop()
        name = f"{under}.{message.name}"
        for number, field in enumerate(message.field):
            yield f"{name}.{field.name}", " ".join(above.get((*place, 2, number), "").split())
        waiting += _inner(name, message, place)


def _inner(name: str, message: DescriptorProto, place: tuple[int, ...]) -> Iterator[Said]:
    return ((name, inner, (*place, 3, number)) for number, inner in enumerate(message.nested_type))
