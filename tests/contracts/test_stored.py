"""What was told once can be read for ever, and the domains, their messages and their requests say the same in pairs."""

import importlib
import typing
from collections.abc import Iterator
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet

from libs.common.inbox import Heed
from libs.common.mapping import decode, encode
from libs.common.values import Entity, Value
from tests.contracts.contract import HOMES, contract
from tests.contracts.facts import domain, domain_facts, example, messages, stored, told

FACTS = messages()


def heeded() -> list[tuple[str, Heed]]:
    """Every fact that a service heeds, with the service."""
    found: list[tuple[str, Heed]] = []
    for home in HOMES:
        service = importlib.import_module(f"services.{home}.service")
        inbox = importlib.import_module(f"services.{home}.inbox")
        methods = getattr(service, home.capitalize())  # a class will do where only methods are named
        found += [(home, heed) for heeds in inbox.heeds(methods).values() for heed in heeds]
    return found


HEEDED = heeded()


def test_every_fact_has_stored_bytes() -> None:
    """A new fact is stored (`python -m tests.contracts.facts`), and a fact that was told once is not forgotten."""
    assert set(stored()) == set(FACTS)


@pytest.mark.parametrize("name", sorted(stored()))
def test_stored_bytes_are_read_as_they_were_written(name: str) -> None:
    """Facts of earlier days are read into what they said then, with nothing in them that is not known any more."""
    raw, said = stored()[name]
    message = FACTS[name].FromString(raw)
    assert told(message) == said
    assert len(UnknownFieldSet(message)) == 0
    assert said


@pytest.mark.parametrize(("home", "heed"), HEEDED, ids=[f"{home}:{heed.message.__name__}" for home, heed in HEEDED])
def test_heeders_read_stored_bytes(home: str, heed: Heed) -> None:
    """Whoever heeds a fact reads all that it needs from the bytes of earlier days."""
    raw, said = stored()[heed.message.DESCRIPTOR.full_name]
    value = decode(heed.message.FromString(raw), heed.value)
    needed = set(type(value).model_fields) - {"sequence"}
    assert needed <= set(said)
    assert {field: plain(getattr(value, field)) for field in needed} == {field: plain(said[field]) for field in needed}


def plain(value: Any) -> str:
    """A day as people write it, and anything else as it is."""
    if isinstance(value, dict):
        return f"{value['year']:04}-{value['month']:02}-{value['day']:02}"
    return str(value)


def test_every_fact_is_one_of_a_domain() -> None:
    """Each fact has its message and each message its fact, in the service that tells it."""
    assert set(domain_facts()) == set(FACTS)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_fact_and_its_message_are_equal(name: str) -> None:
    """A fact has the fields of its message, neither more nor fewer, and each carries the same both ways."""
    fact, message = domain_facts()[name], example(FACTS[name])
    assert set(fact.model_fields) == set(FACTS[name].DESCRIPTOR.fields_by_name)
    assert not list(lacking(fact, FACTS[name].DESCRIPTOR))
    assert encode(decode(message, fact), FACTS[name]) == message


RESOURCES = [
    (home, name)
    for home in HOMES
    for name, kind in vars(domain(home)).items()
    if isinstance(kind, type) and issubclass(kind, Entity) and hasattr(contract(home), name)
]


@pytest.mark.parametrize(("home", "name"), RESOURCES)
def test_an_entity_fills_its_resource(home: str, name: str) -> None:
    """An entity has something for every field of its resource, of the same kind and with the same words."""
    assert not list(lacking(getattr(domain(home), name), getattr(contract(home), name).DESCRIPTOR))


def test_every_resource_has_an_entity() -> None:
    """What methods give singly is an entity of the domain, so that the test above covers every resource."""
    given = {
        (home, method.output_type.name)
        for home in HOMES
        for service in contract(home).DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if not method.output_type.name.endswith("Response")
    }
    assert given == set(RESOURCES)


REQUESTS = [
    (home, name)
    for home in HOMES
    for name in contract(home).DESCRIPTOR.message_types_by_name
    if name.endswith("Request")
]


@pytest.mark.parametrize(("home", "name"), REQUESTS)
def test_a_request_and_what_is_asked_are_equal(home: str, name: str) -> None:
    """What is asked has the fields of its request, so that nothing a caller says is silently let fall."""
    ask, request = getattr(domain(home), name.removesuffix("Request")), getattr(contract(home), name).DESCRIPTOR
    assert set(ask.model_fields) == set(request.fields_by_name) - {"request_id"}
    assert not [line for line in lacking(ask, request) if not line.endswith(".request_id")]


class Half(StrEnum):
    """Half of the kinds of space."""

    INCUBATOR = "INCUBATOR"


class Poor(Value):
    """Lacks most of a space, and knows half of what it has."""

    kind: Half | None = None
    lets: tuple[Value, ...] = ()


def test_a_pair_that_comes_apart_would_be_found() -> None:
    """A field that only a message has, words that only an enum has and a part that lacks a field are all seen."""
    found = set(lacking(Poor, contract("spaces").Space.DESCRIPTOR))
    assert {"Poor.display_name", "Value.day"} <= found
    assert any(line.startswith("Half") for line in found)


def lacking(kind: type[Value], descriptor: Any) -> Iterator[str]:
    """What a message has and the value of the same name has not: fields, and words of its enums."""
    for field in descriptor.fields:
        if field.name not in kind.model_fields and not hasattr(kind, field.name):
            yield f"{kind.__name__}.{field.name}"
            continue
        held = single(annotation(kind, field.name))
        if field.enum_type:
            words = {member.value for member in held}
            if words != expected(field.enum_type):
                yield f"{held.__name__} has {words}"
        elif field.message_type and isinstance(held, type) and issubclass(held, Value):
            yield from lacking(held, field.message_type)


def annotation(kind: type[Value], name: str) -> Any:
    """How a field is typed, or what a property gives."""
    if name in kind.model_fields:
        return kind.model_fields[name].annotation
    return get_type_hints(typing.cast("Any", getattr(kind, name)).fget)["return"]


def single(kind: Any) -> Any:
    """The type itself, of one that may be None, is one of several, or carries limits."""
    if get_origin(kind) in {Annotated, tuple, list}:
        return single(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return single(next(one for one in get_args(kind) if one is not type(None)))
    return kind


def expected(enum: EnumDescriptor) -> set[str]:
    """The words of an enum as a domain spells them: without the enum's name, and without the one for not said."""
    prefix = "".join("_" + letter if letter.isupper() else letter for letter in enum.name).strip("_").upper() + "_"
    return {value.name.removeprefix(prefix) for value in enum.values if value.number}
