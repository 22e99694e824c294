"""A domain and its messages say the same: facts, entities and requests have equal fields and enums."""

import typing
from collections.abc import Iterator
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from google.protobuf.descriptor import EnumDescriptor

from libs.api.hatchery.spaces.v1 import space_pb2
from libs.common.domain.entity import Entity, Fact, Value
from libs.common.rpc.mapping import decode, encode
from tests.contracts.contract import METHODS, ROOT, SERVICES, protos_of, stubs
from tests.contracts.stored_examples import example_fact, fact_messages


def domain(service: str) -> dict[str, type[Value]]:
    """Return every value that the service's domain defines, by its name."""
    folder: Path = ROOT / "services" / service / "domain"
    modules = [import_module(f"services.{service}.domain.{path.stem}") for path in folder.glob("[a-z]*.py")]
    return {
        name: kind
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Value) and kind.__module__ == module.__name__
    }


def messages(service: str) -> dict[str, Any]:
    """Return every message of the service's protos, by its name."""
    modules = [stubs(file) for file in protos_of(service)]
    return {name: getattr(module, name) for module in modules for name in module.DESCRIPTOR.message_types_by_name}


FACTS = [(service, kind) for service in SERVICES for kind in fact_messages(service)]
RESOURCES = [
    (service, name)
    for service in SERVICES
    for name, kind in domain(service).items()
    if issubclass(kind, Entity) and name in messages(service)
]
#: What methods return one at a time: resources, which are entities, and reports, which are other values. A message
#: that is named a response holds several values.
REPLIES = sorted(
    {
        (method.service, method.reply.DESCRIPTOR.name)
        for method in METHODS
        if method.reply.DESCRIPTOR.file.package.startswith(f"hatchery.{method.service}.")
        and not method.reply.DESCRIPTOR.name.endswith("Response")
    }
)
REQUESTS = [(service, name) for service in SERVICES for name in messages(service) if name.endswith("Request")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_fact_is_a_fact_of_the_domain(service: str) -> None:
    """Each fact of a domain has a message of its name, and each message is a fact of the domain."""
    facts = {name for name, kind in domain(service).items() if issubclass(kind, Fact)}
    assert facts == {kind.DESCRIPTOR.name for kind in fact_messages(service)}


@pytest.mark.parametrize(("service", "kind"), FACTS, ids=lambda each: getattr(each, "__name__", each))
def test_a_fact_and_its_message_are_equal(service: str, kind: Any) -> None:
    """A fact has the fields of its message, no more and no fewer, and each survives the way there and back."""
    fact, message = domain(service)[kind.DESCRIPTOR.name], example_fact(service, kind)
    assert set(fact.model_fields) == set(kind.DESCRIPTOR.fields_by_name)
    assert not list(differences(fact, kind.DESCRIPTOR))
    assert encode(decode(message, fact), kind) == message


@pytest.mark.parametrize(("service", "name"), REPLIES)
def test_a_value_fills_its_reply(service: str, name: str) -> None:
    """What a method returns has a value in the domain, with every field, of the same kind and enum values."""
    assert not list(differences(domain(service)[name], messages(service)[name].DESCRIPTOR))


def test_every_resource_is_returned() -> None:
    """Each entity that has a message of its name is returned by some method, so that the test above covers it."""
    assert set(RESOURCES) <= set(REPLIES)


@pytest.mark.parametrize(("service", "name"), REQUESTS)
def test_a_request_and_its_command_or_query_are_equal(service: str, name: str) -> None:
    """A command or query has the fields of its request, so that nothing that a caller sends is silently ignored."""
    kind, request = domain(service)[name.removesuffix("Request")], messages(service)[name].DESCRIPTOR
    assert set(kind.model_fields) == set(request.fields_by_name) - {"request_id"}
    assert not [line for line in differences(kind, request) if not line.endswith(".request_id")]


def differences(kind: type[Value], descriptor: Any) -> Iterator[str]:
    """Yield what a message has and the value lacks: fields, and values of enums."""
    for field in descriptor.fields:
        if field.name not in kind.model_fields and not hasattr(kind, field.name):
            yield f"{kind.__name__}.{field.name}"
            continue
        held = single(annotation(kind, field.name))
        if field.enum_type:
            members = {member.value for member in held}
            if members != enum_values(field.enum_type):
                yield f"{held.__name__} has {members}"
        elif field.message_type and isinstance(held, type) and issubclass(held, Value):
            yield from differences(held, field.message_type)


def annotation(kind: type[Value], name: str) -> Any:
    """Return the type of a field or property."""
    if name in kind.model_fields:
        return kind.model_fields[name].annotation
    return get_type_hints(typing.cast("Any", getattr(kind, name)).fget)["return"]


def single(kind: Any) -> Any:
    """Return the type itself of one that may be None, is repeated, or is constrained."""
    if get_origin(kind) in {Annotated, tuple, list}:
        return single(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return single(next(one for one in get_args(kind) if one is not type(None)))
    return kind


def enum_values(enum: EnumDescriptor) -> set[str]:
    """Return the values of an enum as a domain spells them, without the one for `not specified`."""
    prefix = "".join("_" + letter if letter.isupper() else letter for letter in enum.name).strip("_").upper() + "_"
    return {value.name.removeprefix(prefix) for value in enum.values if value.number}


class HalfOfTheKinds(StrEnum):
    """Some of the kinds of spaces."""

    INCUBATOR = "INCUBATOR"


class Incomplete(Value):
    """Lacks most of a space."""

    kind: HalfOfTheKinds | None = None
    occupancy: tuple[Value, ...] = ()


def test_a_difference_would_be_found() -> None:
    """A field that only the message has, an enum value that only the proto has, and a part that lacks a field."""
    found = set(differences(Incomplete, space_pb2.Space.DESCRIPTOR))
    assert {"Incomplete.display_name", "Value.desks"} <= found
    assert any(line.startswith("HalfOfTheKinds") for line in found)
