"""How the running services are, asked of each of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any

import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.table import Table

from libs.api.hatchery.operations.v1.operations_pb2 import GetStatusRequest, Status
from libs.api.hatchery.operations.v1.operations_pb2_grpc import OperationsServiceStub
from libs.cli.catalogue import CATALOGUE
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.refusals import explain
from libs.cli.speech import out, say
from libs.cli.tokens import Role, mint

SERVING = health_pb2.HealthCheckResponse.ServingStatus.Name(health_pb2.HealthCheckResponse.SERVING)
COLUMNS = ("service", "address", "health", "version", "up for", "relay", "untold", "parked", "inboxes")
WIDE = 160  # columns, where no terminal says how many there are


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    home: HomeOption = HOME,
) -> None:
    """Show how every running service is. Exit code 1 unless all of them serve."""
    where, token = Home(home).running().services, mint(Home(home), Role.ADMIN, ())
    asked = {name: at for name, at in where.items() if CATALOGUE[name].keeps}
    with ThreadPoolExecutor(max(len(asked), 1)) as together:
        rows = list(together.map(lambda it: look(it[0], it[1], token), asked.items()))
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        out.print(table(rows), width=None if out.is_terminal else WIDE)
        for row in rows:
            if row["trouble"]:
                say(f"{row['service']}: {row['trouble']}", style="red")
    if any(row["health"] != SERVING or row["trouble"] for row in rows):
        raise typer.Exit(1)


def health(address: str, timeout: float = 2.0) -> str:
    """What a server says of its health; UNREACHABLE when it says nothing."""
    with grpc.insecure_channel(address) as channel:
        try:
            check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # the stubs lack it
            answer = check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return "UNREACHABLE"
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def look(service: str, address: str, token: str) -> dict[str, Any]:
    """One service's row: its health, and what it tells of itself."""
    row: dict[str, Any] = {"service": service, "address": address, "health": health(address), "trouble": ""}
    with grpc.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {token}"),)
        try:
            told = OperationsServiceStub(channel).GetStatus(GetStatusRequest(), timeout=5.0, metadata=metadata)
        except grpc.RpcError as error:
            return row | {"trouble": explain(error, address)}
    return row | _figures(told)


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows for a person."""
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, caption_justify="left")
    made.caption = "inboxes: facts waiting + in hand"
    for column in COLUMNS:
        made.add_column(column, overflow="fold", no_wrap=column != "inboxes")
    for row in rows:
        style = "" if row["health"] == SERVING else "red"
        shown = row | {"up for": _since(row["started"])} if "started" in row else row
        made.add_row(*(_cell(shown.get(column)) for column in COLUMNS), style=style)
    return made


def _figures(told: Status) -> dict[str, Any]:
    inboxes = {it.source: {"waiting": it.waiting, "in_hand": it.in_hand} for it in told.inboxes}
    return {
        "version": told.version,
        "started": told.start_time.ToDatetime(UTC).isoformat(timespec="seconds"),
        "relay": told.relaying,
        "untold": told.untold,
        "inboxes": inboxes,
        "parked": told.parked,
    }


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{source} {lag['waiting']}+{lag['in_hand']}" for source, lag in value.items())
    if isinstance(value, bool):
        return "here" if value else "elsewhere"
    return "" if value is None else str(value)


def _since(started: str) -> str:
    """In the largest unit, so that the table fits into eighty columns."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
