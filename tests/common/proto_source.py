"""Compiles the text of a proto at run time, so that tests need no generated stubs."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
from google.api import annotations_pb2
from google.protobuf import any_pb2, descriptor_pool, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from google.type import date_pb2
from grpc import aio
from grpc_tools import protoc

from libs.api.hatchery.common.v1 import access_pb2

PROTOS = Path(__file__).parents[2] / "protos"
#: What the protos of tests may import: importing the stubs here puts them into the descriptor pool.
IMPORTABLE = [
    stubs.DESCRIPTOR.name for stubs in (access_pb2, any_pb2, date_pb2, field_mask_pb2, struct_pb2, timestamp_pb2)
]
INCLUDES = (PROTOS, Path(protoc.__file__).parent / "_proto", Path(annotations_pb2.__file__).parents[2])


def compile_proto(name: str, source: str) -> ModuleType:
    """Return what a generated module offers: the file's DESCRIPTOR and its messages. It may import IMPORTABLE files.

    The name is the file's path as an importing proto would write it; the same name must always have the same source.
    """
    file = descriptor_pool.Default().AddSerializedFile(_serialized(name, source))
    assert isinstance(file, FileDescriptor)
    module = ModuleType(name)
    module.DESCRIPTOR = file  # type: ignore[attr-defined]
    for message in file.message_types_by_name.values():
        setattr(module, message.name, GetMessageClass(message))
    return module


def _serialized(name: str, source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, name), Path(folder, "out.binpb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        includes = [f"-I{include}" for include in (folder, *INCLUDES)]
        assert protoc.main(["protoc", *includes, f"--descriptor_set_out={out}", str(path)]) == 0
        return FileDescriptorSet.FromString(out.read_bytes()).file[0].SerializeToString()


def add_to_server(service: ServiceDescriptor) -> Callable[[Any, aio.Server], None]:
    """Return what the generated add function of the service does: serve the methods that an object has."""

    def add(implementation: Any, server: aio.Server) -> None:
        handlers = {
            method.name: _handler(getattr(implementation, method.name), method)
            for method in service.methods
            if hasattr(implementation, method.name)
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

    return add


def _handler(method: Any, descriptor: Any) -> Any:
    read, write = GetMessageClass(descriptor.input_type).FromString, GetMessageClass(descriptor.output_type)
    if descriptor.server_streaming:
        return grpc.unary_stream_rpc_method_handler(method, read, write.SerializeToString)
    return grpc.unary_unary_rpc_method_handler(method, read, write.SerializeToString)


def stub(channel: aio.Channel, service: ServiceDescriptor) -> Mapping[str, Any]:
    """Return the service's methods by name, as callables on a channel."""
    return {method.name: _callable(channel, method) for method in service.methods}


def _callable(channel: aio.Channel, method: Any) -> Any:
    path = f"/{method.containing_service.full_name}/{method.name}"
    read = GetMessageClass(method.output_type).FromString
    write = GetMessageClass(method.input_type).SerializeToString
    make: Any = channel.unary_stream if method.server_streaming else channel.unary_unary
    return make(path, write, read)
