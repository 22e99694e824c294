"""Fills the running services with a profile's demo data."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import grpc
import typer

from libs.cli.catalogue import is_stateful
from libs.cli.console import print_line
from libs.cli.demo import read_demo, read_today
from libs.cli.demo_record import DemoRecord
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.seeding import Seeder, SeedReport
from libs.cli.stop import Stop
from libs.cli.tokens import ADMIN, mint

SUBJECT = "people/demo"  # a service recognizes a repeated request by its caller and its request id


def seed(
    profile: Annotated[
        Path | None, typer.Argument(help="The profile's folder; by default that of the running Hatchery.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Send a profile's demo data to the running services. Repeating it changes nothing."""
    report = seed_demo(Home(home), Stop(), profile)
    for sentence in report.sentences():
        print_line(sentence)
    if report.failed:
        raise typer.Exit(1)


def seed_demo(home: Home, stop: Stop, profile: Path | None = None) -> SeedReport:
    """Send the demo data. CliError when it is not valid or a service does not answer."""
    run = home.running()
    folder = profile or Path(run.profile)
    calls = read_demo(folder)
    record = DemoRecord(home.demo_file, read_today(folder))
    token = mint(home, ADMIN, (), subject=SUBJECT, hours=1)
    with ExitStack() as stack:
        channels = {
            name: (address, stack.enter_context(grpc.insecure_channel(address)))
            for name, address in run.services.items()
            if is_stateful(name)
        }
        return Seeder(channels, token, record, stop).run(calls)
