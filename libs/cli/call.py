"""Any method of any running service, with JSON in and JSON out."""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from libs.cli.catalogue import CATALOGUE
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.messages import fill, near, spread
from libs.cli.reflection import Served
from libs.cli.refusals import explain
from libs.cli.speech import out
from libs.cli.tokens import Districts, Mentors, Role, Spaces, Startups, mint, scopes
from libs.cli.trouble import Trouble


def complete_services(incomplete: str) -> list[str]:
    """The services that a shell may offer."""
    return [name for name in CATALOGUE if name.startswith(incomplete) and _stubs(name) is not None]


def complete_methods(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """The methods of the service already typed, as the contract has them."""
    for stubs in (_stubs(ctx.params.get("service") or ""), _stubs("operations")):
        for service in stubs.DESCRIPTOR.services_by_name.values() if stubs else ():
            yield from (it.name for it in service.methods if it.name.lower().startswith(incomplete.lower()))


def call(  # noqa: PLR0913, PLR0917 - each is an option of the command
    service: Annotated[
        str,
        typer.Argument(help="A service, as `spaces`, or its full name.", autocompletion=complete_services),
    ],
    method: Annotated[
        str, typer.Argument(help="Its method; without one they are listed.", autocompletion=complete_methods)
    ] = "",
    values: Annotated[
        list[str] | None,
        typer.Argument(help="The request: JSON, `-` for JSON from standard input, field=value."),
    ] = None,
    token: Annotated[str, typer.Option(help="Who calls; an admin of this laptop if nothing is said.")] = "",
    role: Annotated[Role, typer.Option(help="Call in this role, with a token made for it.")] = Role.ADMIN,
    space: Spaces = None,
    startup: Startups = None,
    mentor: Mentors = None,
    district: Districts = None,
    address: Annotated[str, typer.Option(help="host:port; that of the service on this laptop if not given.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 10.0,
    everything: Annotated[bool, typer.Option("--all-fields", help="Print fields that are empty too.")] = False,
    home: HomeOption = HOME,
) -> None:
    """Call a method and print what it answers."""
    with ExitStack() as open_channels:
        served, channel, services = _find(Home(home), service, address, open_channels)
        if not method:
            print("\n".join(_listing(served, services)))
            return
        found = served.method(services, method)
        request = fill(_new(found.input_type), _values(values or []))
        bearer = token or mint(Home(home), role, scopes(space, startup, mentor, district))
        answer = _ask(channel, found, request, bearer, timeout, served.address)
    text = MessageToJson(
        answer,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=everything,
        ensure_ascii=False,
    )
    out.print_json(text, ensure_ascii=False) if out.is_terminal else print(text)


def _find(home: Home, service: str, address: str, channels: ExitStack) -> tuple[Served, grpc.Channel, list[str]]:
    """The server that has the service, and the services that the word can mean there."""
    where = {service: address} if address else home.running().services
    package = service.split(".")[1] if service.startswith("hatchery.") else service
    asked = {package: where[package]} if package in where else where
    matches: list[tuple[str, Served, grpc.Channel, list[str]]] = []
    for name, at in asked.items():
        channel = channels.enter_context(grpc.insecure_channel(at))
        served = Served(channel, at)
        meant = served.called(service) or (served.names if name == service else [])
        if meant:
            matches.append((name, served, channel, meant))
    if not matches:
        raise Trouble(f"No service called {service!r} runs here. {near(service, where)}")
    if len(matches) > 1:
        names = " and ".join(name for name, *_ in matches)
        raise Trouble(f"{service} is answered by {names}: say which, as in `hatchery call {matches[0][0]} …`.")
    return matches[0][1:]


def _values(words: list[str]) -> dict[str, Any]:
    """The request's values: one piece of JSON first, if any, then fields by name."""
    if not words or not (words[0] == "-" or words[0].lstrip().startswith("{")):
        return spread(words)
    text = sys.stdin.read() if words[0] == "-" else words[0]
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise Trouble(f"The request is not JSON: {error}.") from None
    if not isinstance(tree, dict):
        raise Trouble("The request is a JSON object with the fields of the message.")
    return spread(words[1:], onto=tree)


def _ask(
    channel: grpc.Channel,
    method: MethodDescriptor,
    request: Message,
    token: str,
    timeout: float,
    address: str,
) -> Message:
    if method.client_streaming or method.server_streaming:
        raise Trouble(f"{method.full_name} streams; this command calls methods with one request and one answer.")
    service = method.containing_service.full_name
    ask: grpc.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
        f"/{service}/{method.name}",
        request_serializer=lambda it: it.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    try:
        return ask(request, timeout=timeout, metadata=(("authorization", f"Bearer {token}"),))
    except grpc.RpcError as error:
        raise Trouble(explain(error, address)) from None


def _new(kind: Any) -> Message:
    return GetMessageClass(kind)()


def _listing(served: Served, services: list[str]) -> Iterator[str]:
    """Each method with the fields of its request."""
    for name in services:
        if name.startswith("hatchery."):
            yield name
            for method in served.service(name).methods:
                yield f"  {method.name}({', '.join(method.input_type.fields_by_name)})"


def _stubs(name: str) -> Any:
    try:
        return importlib.import_module(f"libs.api.hatchery.{name}.v1.{name}_pb2")
    except ImportError:
        return None
