"""The state of the running services, as each of them reports it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any

import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console
from rich.table import Table

from libs.api.hatchery.operations.v1.operations_pb2 import GetStatusRequest, Status
from libs.api.hatchery.operations.v1.operations_pb2_grpc import OperationsServiceStub
from libs.cli.catalogue import is_stateful
from libs.cli.console import out, print_line
from libs.cli.contract import bearer
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.rpc_errors import explain
from libs.cli.stop import Stop
from libs.cli.tokens import ADMIN, mint

SERVING = health_pb2.HealthCheckResponse.ServingStatus.Name(health_pb2.HealthCheckResponse.SERVING)
COLUMNS = ("service", "address", "health", "version", "up for", "relay", "unpublished", "parked", "inboxes")
WIDTH = 160  # columns, where no terminal says how many there are


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    home: HomeOption = HOME,
) -> None:
    """Show the state of every running service. Exit code 1 unless all of them serve."""
    addresses, token = Home(home).running().services, mint(Home(home), ADMIN, ())
    stateful = {name: at for name, at in addresses.items() if is_stateful(name)}
    with ThreadPoolExecutor(max(len(stateful), 1)) as pool:
        rows = list(pool.map(lambda it: state_of(it[0], it[1], token), stateful.items()))
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        (out if out.is_terminal else Console(width=WIDTH, highlight=False)).print(table(rows))
        for row in rows:
            if row["error"]:
                print_line(f"{row['service']}: {row['error']}", style="red")
    if any(row["health"] != SERVING or row["error"] for row in rows):
        raise typer.Exit(1)


def health(address: str, stop: Stop, timeout: float = 2.0) -> str:
    """Return what a server's health check says; UNREACHABLE when nothing answers in time."""
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # the stubs lack it
        try:
            reply = stop.result(check.future(health_pb2.HealthCheckRequest(), timeout=timeout))
        except grpc.RpcError:
            return "UNREACHABLE"
    return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)


def state_of(service: str, address: str, token: str) -> dict[str, Any]:
    """Return one service's row: its health, and what it reports about itself."""
    row: dict[str, Any] = {"service": service, "address": address, "health": health(address, Stop()), "error": ""}
    with grpc.insecure_channel(address) as channel:
        try:
            reply = OperationsServiceStub(channel).GetStatus(GetStatusRequest(), timeout=5.0, metadata=bearer(token))
        except grpc.RpcError as error:
            return row | {"error": explain(error, address)}
    return row | _figures(reply)


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows for a person."""
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, caption_justify="left")
    made.caption = "inboxes: facts pending + in flight"
    for column in COLUMNS:
        made.add_column(column, overflow="fold", no_wrap=column != "inboxes")
    for row in rows:
        style = "" if row["health"] == SERVING else "red"
        shown = row | {"up for": _since(row["started"])} if "started" in row else row
        made.add_row(*(_cell(shown.get(column)) for column in COLUMNS), style=style)
    return made


def _figures(reply: Status) -> dict[str, Any]:
    return {
        "version": reply.version,
        "started": reply.start_time.ToDatetime(UTC).isoformat(timespec="seconds"),
        "relay": reply.relay_active,
        "unpublished": reply.unpublished,
        "inboxes": {it.source: {"pending": it.pending, "in_flight": it.in_flight} for it in reply.inboxes},
        "parked": reply.parked,
    }


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{source} {lag['pending']}+{lag['in_flight']}" for source, lag in value.items())
    if isinstance(value, bool):
        return "here" if value else "elsewhere"
    return "" if value is None else str(value)


def _since(started: str) -> str:
    """Return a duration in its largest unit, so that the table fits into eighty columns."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
