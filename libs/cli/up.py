"""Starts everything with one command, and stops it again."""

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from libs.cli.catalogue import CATALOGUE
from libs.cli.console import err, print_line
from libs.cli.errors import CliError
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.local_stack import ROOT, SERVERS, LocalStack, Plan
from libs.cli.seed import seed_demo
from libs.cli.stop import Stop, StopRequested
from libs.cli.suggestions import suggest

PROFILE = Path("profiles/jilin")
MAX_PORT = 65_535


class Driver(StrEnum):
    """The asynchronous MongoDB drivers."""

    MOTOR = "motor"
    PYMONGO = "pymongo"


class LogLevel(StrEnum):
    """The lowest level that services log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def up(
    home: HomeOption = HOME,
    profile: Annotated[Path, typer.Option(envvar="HATCHERY_PROFILE", help="The folder of the city's data.")] = PROFILE,
    port: Annotated[
        list[str] | None,
        typer.Option(envvar="HATCHERY_PORTS", help="name=number, such as spaces=50061, mongo=27017; may be repeated."),
    ] = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Use free ports, not the usual ones.")] = False,
    driver: Annotated[
        Driver, typer.Option(envvar="HATCHERY_MONGO_DRIVER", help="The MongoDB driver that services use.")
    ] = Driver.MOTOR,
    demo: Annotated[bool, typer.Option(help="Seed the profile's demo data.")] = True,
    log_level: Annotated[
        LogLevel, typer.Option(envvar="HATCHERY_LOG_LEVEL", help="The lowest level that services log.")
    ] = LogLevel.INFO,
) -> None:
    """Start MongoDB, NATS and all services. Ctrl-C stops them; the data stays in the home folder."""
    place = Home(home)
    plan = Plan(place, _profile_folder(profile), _ports(port or []), free_ports, driver, log_level)
    stop = Stop()
    stop.listen()
    place.make()
    with place.locked():
        stack = LocalStack(plan, stop)
        try:
            _run(stack, stop, demo=demo)
        except StopRequested:
            print_line("\nStopping.")
        finally:
            stack.stop()
            stop.ignore()
    print_line(f"Everything is stopped; the data stays in {home}.")


def _run(stack: LocalStack, stop: Stop, *, demo: bool) -> None:
    began = time.monotonic()
    stack.start()
    print_line(f"Everything is running after {time.monotonic() - began:.1f} s.", style="green")
    if demo:
        _seed(stack.home, stop)
    _print_summary(stack)
    for message in stack.supervise():
        print_line(message, style="yellow")


def _seed(home: Home, stop: Stop) -> None:
    try:
        for sentence in seed_demo(home, stop).sentences():
            print_line(sentence)
    except CliError as error:
        print_line(f"The demo data was not seeded. {error}", style="yellow")


def _print_summary(stack: LocalStack) -> None:
    table = Table("what", "where", "state", box=None, pad_edge=False)
    for process in (*stack.servers, *stack.services):
        table.add_row(process.name, process.address, "serving" if process.child.running else "exited")
    err.print()
    err.print(table)
    home, program = stack.home, _program()
    print_line(f"\nLogs are in {home.logs}, all data is in {home.folder}. Next, in another window:")
    option = "" if home.folder == HOME else f" --home {home.folder}"
    first = next((process.name for process in stack.services if CATALOGUE[process.name].stateful), "")
    for words in ("status", f"call {first}", "token --role official"):
        print_line(f"  {program} {words}{option}")
    print_line("Ctrl-C stops everything.")


def _profile_folder(given: Path) -> Path:
    """Return the profile's folder: the given path, else the same path in the installation."""
    for folder in (given, ROOT / given):
        if folder.is_dir():
            return folder.resolve()
    raise CliError(f"There is no profile {given}. Name a folder with a city's TOML files with --profile.")


def _ports(pairs: list[str]) -> dict[str, int]:
    names = [*SERVERS, *CATALOGUE, *(f"{name}-metrics" for name in CATALOGUE)]
    ports: dict[str, int] = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if name not in names:
            raise CliError(f"--port {pair}: there is nothing called {name!r}. {suggest(name, names)}")
        if not (number.isascii() and number.isdigit()) or int(number) > MAX_PORT:
            raise CliError(f"--port {pair}: a port is a number up to {MAX_PORT}; 0 means a free one.")
        ports[name] = int(number)
    return ports


def _program() -> str:
    """Return how this command was called, for the commands that it suggests."""
    program = Path(sys.argv[0])
    if program.name == "hatchery":
        return "hatchery" if program.parent.as_posix() in os.get_exec_path() else os.path.relpath(program)
    script = ROOT / "hatchery"
    return f"./{os.path.relpath(script)}" if script.exists() else f"{os.path.relpath(sys.executable)} -m libs.cli"
