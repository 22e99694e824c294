"""Calls any method of any running service, with JSON in and JSON out."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from libs.cli.assignments import parse_assignments
from libs.cli.catalogue import CATALOGUE, is_stateful
from libs.cli.console import join_words, out
from libs.cli.contract import bearer, new_request, service_of, services_of, unary
from libs.cli.dates import Today
from libs.cli.demo import read_today
from libs.cli.encoding import decode_text, ensure_decoded
from libs.cli.errors import CliError
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.messages import fill
from libs.cli.reflection import OPERATIONS, ReflectedServer
from libs.cli.rpc_errors import explain
from libs.cli.suggestions import suggest
from libs.cli.tokens import ADMIN, ROLES_HELP, Scopes, complete_roles, mint


def complete_services(incomplete: str) -> list[str]:
    """Return the services that complete what is typed."""
    return [name for name in CATALOGUE if name.startswith(incomplete) and services_of(_package(name))]


def complete_methods(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the methods, of the service already typed, that complete what is typed."""
    for package in (_package(service_of(ctx.params.get("service") or "")), OPERATIONS.rpartition(".")[0]):
        for service in services_of(package):
            yield from (it.name for it in service.methods if it.name.lower().startswith(incomplete.lower()))


def call(  # noqa: PLR0913, PLR0917 - each is an option of the command
    service: Annotated[
        str,
        typer.Argument(help="A service such as `spaces`, or its full name.", autocompletion=complete_services),
    ],
    method: Annotated[
        str, typer.Argument(help="A method; without one, all are listed.", autocompletion=complete_methods)
    ] = "",
    values: Annotated[
        list[str] | None,
        typer.Argument(
            help="The request: JSON, `-` for JSON from standard input, or field=value. Days and times may be relative, "
            "such as today+3T10:00; times without a zone are those of the city."
        ),
    ] = None,
    token: Annotated[str, typer.Option(help="The caller's token; by default one for the role.")] = "",
    role: Annotated[str, typer.Option(help=f"The caller's role: {ROLES_HELP}", autocompletion=complete_roles)] = ADMIN,
    scope: Scopes = None,
    address: Annotated[str, typer.Option(help="host:port of the service; by default on this laptop.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the reply.")] = 10.0,
    all_fields: Annotated[bool, typer.Option("--all-fields", help="Print empty fields too.")] = False,
    home: HomeOption = HOME,
) -> None:
    """Call a method and print its reply."""
    with ExitStack() as channels:
        server, channel, services = _find_server(Home(home), service, address, channels)
        if not method:
            print("\n".join(_listing(server, services)))
            return
        found = server.method(services, method)
        request = fill(new_request(found), _request_values(values or []), _today(Home(home)))
        reply = _call(channel, found, request, token or mint(Home(home), role, scope or ()), timeout, server.address)
    text = MessageToJson(
        reply,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=all_fields,
        ensure_ascii=False,
    )
    out.print_json(text, ensure_ascii=False) if out.is_terminal else print(text)


def _today(home: Home) -> Today | None:
    """Return the city's day, from which relative days count; None when nothing runs on this machine."""
    run = home.read_run()
    return read_today(Path(run.profile)) if run else None


def _find_server(
    home: Home, service: str, address: str, channels: ExitStack
) -> tuple[ReflectedServer, grpc.Channel, list[str]]:
    """Return the server that has the service, and the gRPC services there that the word can mean."""
    known = {service: address} if address else home.running().services
    name = service_of(service) if service.startswith("hatchery.") else service
    candidates = {name: known[name]} if name in known else known
    matches: list[tuple[str, ReflectedServer, grpc.Channel, list[str]]] = []
    for candidate, at in candidates.items():
        if not address and not is_stateful(candidate):
            continue
        channel = channels.enter_context(grpc.insecure_channel(at))
        server = ReflectedServer(channel, at)
        services = server.matching(service) or (server.names if candidate == service else [])
        if services:
            matches.append((candidate, server, channel, services))
    if not matches:
        raise CliError(f"No service called {service!r} is running. {suggest(service, known)}")
    if len(matches) > 1:
        names = join_words([candidate for candidate, *_ in matches], "and")
        raise CliError(f"{service} exists in {names}: name one of them, as in `hatchery call {matches[0][0]} …`.")
    return matches[0][1:]


def _request_values(words: list[str]) -> dict[str, Any]:
    """Return the request's values: one piece of JSON first, if any, then fields by name."""
    words = [ensure_decoded(word) for word in words]
    if not words or not (words[0] == "-" or words[0].lstrip().startswith("{")):
        return parse_assignments(words)
    text = decode_text(sys.stdin.buffer.read(), "the input") if words[0] == "-" else words[0]
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise CliError(f"The request is not JSON: {error}.") from None
    if not isinstance(tree, dict):
        raise CliError("The request must be a JSON object with the fields of the message.")
    return parse_assignments(words[1:], onto=tree)


def _call(
    channel: grpc.Channel, method: MethodDescriptor, request: Message, token: str, timeout: float, address: str
) -> Any:
    if method.client_streaming or method.server_streaming:
        raise CliError(f"{method.full_name} streams. This command calls methods with one request and one reply.")
    try:
        return unary(channel, method)(request, timeout=timeout, metadata=bearer(token))
    except grpc.RpcError as error:
        raise CliError(explain(error, address)) from None


def _listing(server: ReflectedServer, services: list[str]) -> Iterator[str]:
    """Yield a line for each method, with the fields of its request."""
    for name in services:
        if name.startswith("hatchery."):
            yield name
            for method in server.service(name).methods:
                yield f"  {method.name}({', '.join(method.input_type.fields_by_name)})"


def _package(service: str) -> str:
    return f"hatchery.{service}.v1"
