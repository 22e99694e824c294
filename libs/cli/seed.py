"""The demo data of a city's profile, sent through the public RPCs; a second time it changes nothing."""

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import grpc
import typer

from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import SpaceServiceStub
from libs.api.hatchery.startups.v1.startups_pb2_grpc import StartupServiceStub
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.refusals import explain
from libs.cli.seeding import Demo, Seeded, Seeding
from libs.cli.speech import say
from libs.cli.tokens import Role, mint
from libs.cli.trouble import Trouble
from libs.common.profile import BadProfile, read_profile

SEEDER = "people/demo"  # a request id counts for one caller, so this stays the same


def seed(
    profile: Annotated[
        Path | None, typer.Argument(help="The profile's folder; that of the running Hatchery if not given.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Fill the running services with a profile's demo data. Harmless to repeat."""
    seeded = seed_demo(Home(home), profile)
    for sentence in seeded.sentences():
        say(sentence)
    if seeded.refused:
        raise typer.Exit(1)


def seed_demo(home: Home, profile: Path | None = None) -> Seeded:
    """Send the demo data; Trouble when it cannot be read or the services cannot be reached."""
    demo, today = read_demo(profile or Path(home.running().profile))
    token = mint(home, Role.ADMIN, (), subject=SEEDER, hours=1)
    at = home.address("spaces"), home.address("startups")
    with grpc.insecure_channel(at[0]) as spaces, grpc.insecure_channel(at[1]) as startups:
        seeding = Seeding(SpaceServiceStub(spaces), StartupServiceStub(startups), token)
        try:
            return seeding.run(demo, today)
        except grpc.RpcError as error:
            raise Trouble(explain(error, " or ".join(at))) from None


def read_demo(folder: Path) -> tuple[Demo, date]:
    """The demo data of a profile, and today in the city's time zone."""
    file = folder / "demo.toml"
    try:
        city = read_profile(folder)
        demo: Demo = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Trouble(f"The profile {folder} has no demo data: {file} is missing.") from None
    except (BadProfile, tomllib.TOMLDecodeError) as error:
        raise Trouble(f"The profile {folder} cannot be used: {error}") from None
    return demo, datetime.now(ZoneInfo(city.time_zone)).date()
