"""Parked facts (dead letters): those that a service could not process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToJson

from libs.api.hatchery.operations.v1.operations_pb2 import (
    GetParkedFactRequest,
    ListParkedFactsRequest,
    ParkedFact,
    ReplayParkedFactRequest,
)
from libs.api.hatchery.operations.v1.operations_pb2_grpc import OperationsServiceStub
from libs.cli.call import complete_services
from libs.cli.catalogue import is_stateful
from libs.cli.console import join_words, print_line
from libs.cli.contract import bearer
from libs.cli.errors import CliError
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.rpc_errors import explain
from libs.cli.tokens import ADMIN, mint

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Show and replay facts that failed.")
Service = Annotated[str, typer.Argument(help="The service that parked the fact.", autocompletion=complete_services)]
Name = Annotated[str, typer.Argument(help="parkedFacts/…, as `hatchery parked list` prints it.")]


@app.command("list")
def list_parked(service: Service = "", home: HomeOption = HOME) -> None:
    """List the parked facts of a service, or of all, oldest first."""
    running = Home(home).running().services
    services = [service] if service else [name for name in running if is_stateful(name)]
    count = 0
    for name in services:
        with _operations(Home(home), name) as (stub, metadata):
            for fact in _all(stub, metadata):
                count += 1
                print("\n".join(_lines(name, fact)))
    if not count:
        print_line(f"No fact is parked in {join_words(services, 'or')}.")


@app.command()
def show(service: Service, name: Name, home: HomeOption = HOME) -> None:
    """Print one parked fact, with its content and the error."""
    with _operations(Home(home), service) as (stub, metadata):
        fact = stub.GetParkedFact(GetParkedFactRequest(name=_full(name)), timeout=10.0, metadata=metadata)
    print(MessageToJson(fact, preserving_proto_field_name=True, ensure_ascii=False))


@app.command()
def replay(
    service: Service,
    name: Annotated[str, typer.Argument(help="parkedFacts/…; by default all of the service.")] = "",
    home: HomeOption = HOME,
) -> None:
    """Process a parked fact again, or all of a service. What fails again stays parked."""
    failed = 0
    with _operations(Home(home), service) as (stub, metadata):
        names = [_full(name)] if name else [fact.name for fact in _all(stub, metadata)]
        for each in names:
            try:
                stub.ReplayParkedFact(ReplayParkedFactRequest(name=each), timeout=30.0, metadata=metadata)
                print_line(f"{each} was processed.")
            except grpc.RpcError as error:
                failed += 1
                print_line(f"{each} failed again. {explain(error, service)}", style="red")
    if not names:
        print_line(f"No fact is parked in {service}.")
    if failed:
        raise typer.Exit(1)


@contextmanager
def _operations(home: Home, service: str) -> Iterator[tuple[OperationsServiceStub, Any]]:
    """Open a service's operations as an admin. A refusal becomes a CliError."""
    address, token = home.address(service), mint(home, ADMIN, ())
    with grpc.insecure_channel(address) as channel:
        try:
            yield OperationsServiceStub(channel), bearer(token)
        except grpc.RpcError as error:
            raise CliError(explain(error, address)) from None


def _all(stub: OperationsServiceStub, metadata: Any) -> list[ParkedFact]:
    facts: list[ParkedFact] = []
    page_token = ""
    while True:
        request = ListParkedFactsRequest(page_size=200, page_token=page_token)
        page = stub.ListParkedFacts(request, timeout=10.0, metadata=metadata)
        facts += page.parked_facts
        page_token = page.next_page_token
        if not page_token:
            return facts


def _lines(service: str, fact: ParkedFact) -> Iterator[str]:
    when = fact.park_time.ToDatetime(UTC).astimezone()
    yield f"{service} {fact.name}"
    yield f"  {fact.type} of {fact.subject}, tries: {fact.tries}, parked {when:%Y-%m-%d %H:%M:%S}"
    yield f"  {fact.error}"


def _full(name: str) -> str:
    return name if "/" in name else f"parkedFacts/{name}"
