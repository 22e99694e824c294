"""The facts that a service could not handle: see them, and have them handled again."""

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
from libs.cli.catalogue import CATALOGUE
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.refusals import explain
from libs.cli.speech import say
from libs.cli.tokens import Role, mint
from libs.cli.trouble import Trouble

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Facts that could not be handled.")
Service = Annotated[str, typer.Argument(help="The service that parked it.", autocompletion=complete_services)]
Name = Annotated[str, typer.Argument(help="parkedFacts/…, as `hatchery parked list` names it.")]


@app.command("list")
def list_parked(service: Service = "", home: HomeOption = HOME) -> None:
    """List the parked facts of a service, or of all, oldest first."""
    running = Home(home).running().services
    asked = [service] if service else [name for name in running if CATALOGUE[name].keeps]
    parked = 0
    for name in asked:
        with _operations(Home(home), name) as (stub, metadata):
            for fact in _all(stub, metadata):
                parked += 1
                print("\n".join(_lines(name, fact)))
    if not parked:
        say(f"No fact is parked in {' or '.join(asked)}.")


@app.command()
def show(service: Service, name: Name, home: HomeOption = HOME) -> None:
    """Show one parked fact, with what it says and why it was parked."""
    with _operations(Home(home), service) as (stub, metadata):
        fact = stub.GetParkedFact(GetParkedFactRequest(name=_full(name)), timeout=10.0, metadata=metadata)
    print(MessageToJson(fact, preserving_proto_field_name=True, ensure_ascii=False))


@app.command()
def replay(
    service: Service,
    name: Annotated[str, typer.Argument(help="parkedFacts/…; all of the service if not given.")] = "",
    home: HomeOption = HOME,
) -> None:
    """Handle a parked fact again, or all of a service. What fails again stays parked."""
    failed = 0
    with _operations(Home(home), service) as (stub, metadata):
        names = [_full(name)] if name else [fact.name for fact in _all(stub, metadata)]
        for each in names:
            try:
                stub.ReplayParkedFact(ReplayParkedFactRequest(name=each), timeout=30.0, metadata=metadata)
                say(f"{each} is handled.")
            except grpc.RpcError as error:
                failed += 1
                say(f"{each} was not handled. {explain(error, service)}", style="red")
    if not names:
        say(f"No fact is parked in {service}.")
    if failed:
        raise typer.Exit(1)


@contextmanager
def _operations(home: Home, service: str) -> Iterator[tuple[OperationsServiceStub, Any]]:
    """The operations of a service, and how an admin is let in; a refusal becomes a sentence."""
    address, token = home.address(service), mint(home, Role.ADMIN, ())
    with grpc.insecure_channel(address) as channel:
        try:
            yield OperationsServiceStub(channel), (("authorization", f"Bearer {token}"),)
        except grpc.RpcError as error:
            raise Trouble(explain(error, address)) from None


def _all(stub: OperationsServiceStub, metadata: Any) -> list[ParkedFact]:
    found: list[ParkedFact] = []
    page = ""
    while True:
        ask = ListParkedFactsRequest(page_size=200, page_token=page)
        answer = stub.ListParkedFacts(ask, timeout=10.0, metadata=metadata)
        found += answer.parked_facts
        page = answer.next_page_token
        if not page:
            return found


def _lines(service: str, fact: ParkedFact) -> Iterator[str]:
    when = fact.park_time.ToDatetime(UTC).astimezone()
    yield f"{service} {fact.name}"
    yield f"  {fact.type} of {fact.subject}, tried {fact.tries} times, parked {when:%Y-%m-%d %H:%M:%S}"
    yield f"  {fact.error}"


def _full(name: str) -> str:
    return name if "/" in name else f"parkedFacts/{name}"
