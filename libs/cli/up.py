"""Everything with one command, until it is told to stop."""

import os
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table

from libs.cli.catalogue import CATALOGUE
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.laptop import ROOT, SERVERS, Laptop, Plan
from libs.cli.messages import near
from libs.cli.seed import seed_demo
from libs.cli.speech import err, say
from libs.cli.trouble import Trouble

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROFILE = Path("profiles/jilin")


class Driver(StrEnum):
    """The asynchronous drivers of MongoDB."""

    MOTOR = "motor"
    PYMONGO = "pymongo"


class LogLevel(StrEnum):
    """What services log at the least."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def up(
    home: HomeOption = HOME,
    profile: Annotated[Path, typer.Option(envvar="HATCHERY_PROFILE", help="The city's profile.")] = PROFILE,
    port: Annotated[
        list[str] | None,
        typer.Option(envvar="HATCHERY_PORTS", help="name=number, as spaces=50061 or mongo=27017; may be repeated."),
    ] = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Take free ports, not the usual ones.")] = False,
    driver: Annotated[
        Driver, typer.Option(envvar="HATCHERY_MONGO_DRIVER", help="The driver that services use.")
    ] = Driver.MOTOR,
    demo: Annotated[bool, typer.Option(help="Seed the profile's demo data.")] = True,
    log_level: Annotated[
        LogLevel, typer.Option(envvar="HATCHERY_LOG_LEVEL", help="What services log at the least.")
    ] = LogLevel.INFO,
) -> None:
    """Start MongoDB, NATS and all services; Ctrl-C stops them. Data stays in the home folder."""
    place = Home(home)
    plan = Plan(place, _profile(profile), _ports(port or []), free_ports, driver, log_level)
    place.make()
    with place.locked():
        for number in STOPS:
            signal.signal(number, _interrupted)
        laptop = Laptop(plan)
        try:
            _run(laptop, demo=demo)
        except KeyboardInterrupt:
            say("\nStopping.")
        finally:
            for number in STOPS:
                signal.signal(number, signal.SIG_IGN)  # what is being stopped is not to be disturbed
            laptop.stop()
    say(f"Everything is stopped; the data stays in {home}.")


def _run(laptop: Laptop, *, demo: bool) -> None:
    began = time.monotonic()
    laptop.start()
    say(f"Everything serves after {time.monotonic() - began:.1f} s.", style="green")
    if demo and {"spaces", "startups"} <= {ward.name for ward in laptop.services}:
        _seed(laptop.home)
    _summary(laptop)
    for sentence in laptop.watch():
        say(sentence, style="yellow")


def _seed(home: Home) -> None:
    try:
        for sentence in seed_demo(home).sentences():
            say(sentence)
    except Trouble as trouble:
        say(f"The demo data could not be seeded. {trouble}", style="yellow")


def _summary(laptop: Laptop) -> None:
    table = Table("what", "where", "state", box=None, pad_edge=False)
    for ward in (*laptop.servers, *laptop.services):
        table.add_row(ward.name, ward.address, "serving" if ward.child.running else "ended")
    err.print()
    err.print(table)
    home, me = laptop.home, _me()
    say(f"\nLogs are in {home.logs}, everything else is kept in {home.folder}. Next, in another window:")
    there = "" if home.folder == HOME else f" --home {home.folder}"
    for words in ("status", "call spaces ListSpaces page_size=3", "token --role operator --space spaces/…"):
        say(f"  {me} {words}{there}")
    say("Ctrl-C stops everything.")


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _profile(given: Path) -> Path:
    """The profile's folder: as it is given, else beside the program."""
    for folder in (given, ROOT / given):
        if folder.is_dir():
            return folder.resolve()
    raise Trouble(f"There is no profile {given}: name a folder with a city's TOML files by --profile.")


def _ports(pairs: list[str]) -> dict[str, int]:
    names = [*SERVERS, *CATALOGUE, *(f"{name}-metrics" for name in CATALOGUE)]
    ports: dict[str, int] = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if name not in names:
            raise Trouble(f"--port {pair}: nothing is called {name!r}. {near(name, names)}")
        if not number.isdigit() or int(number) > 65_535:
            raise Trouble(f"--port {pair}: a port is a number up to 65535, and 0 stands for one that is free.")
        ports[name] = int(number)
    return ports


def _me() -> str:
    """How this command was called, for the commands that it recommends."""
    program = Path(sys.argv[0])
    if program.name == "hatchery":
        return "hatchery" if program.parent.as_posix() in os.get_exec_path() else os.path.relpath(program)
    script = Path(__file__).parents[2] / "hatchery"
    return f"./{os.path.relpath(script)}" if script.exists() else f"{os.path.relpath(sys.executable)} -m libs.cli"
