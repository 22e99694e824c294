"""`hatchery up`: everything starts, is looked after, and stops, whatever ends it."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.cli.servers.children import command_line
from tests.cli.conftest import Laptop
from tests.conftest import eventually

pytestmark = pytest.mark.servers


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Laptop]:
    """A laptop of the test's own, which it starts itself."""
    made = Laptop(tmp_path)
    yield made
    if made.up is not None:
        made.up.stop(grace=60)


def processes(laptop: Laptop) -> dict[str, int]:
    """What runs for a laptop: each program with its process."""
    return {file.stem: int(file.read_text(encoding="ascii")) for file in laptop.home.folder.rglob("*.pid")}


def test_everything_serves_within_15_seconds(laptop: Laptop) -> None:
    """One command, and all services answer SERVING; it says where they are, and what to do next."""
    took = re.search(r"Everything serves after ([0-9.]+) s", laptop.said)
    assert took
    assert float(took[1]) < 15
    for address in laptop.home.running().services.values():
        assert address in laptop.said
    assert f"Logs are in {laptop.home.logs}" in laptop.said


def test_what_it_recommends_works(laptop: Laptop) -> None:
    """The next commands that it prints can be pasted as they are."""
    recommended = re.findall(r"^  (?:\./hatchery|\S+ -m libs\.cli) (.*)$", laptop.said, re.MULTILINE)
    assert len(recommended) == 3
    for words in recommended:
        laptop(*words.split())


def test_a_second_one_on_the_same_home_is_refused(laptop: Laptop) -> None:
    """Two never work on one folder; the second says which process has it, and the first goes on."""
    refusal = laptop.refused("up", "--free-ports")
    assert f"as process {laptop.home.running().pid}" in refusal
    laptop("status")


def test_secrets_stay_in_the_home(laptop: Laptop) -> None:
    """The home is closed to others, and neither what is said nor run.json holds a password or a seed."""
    assert laptop.home.folder.stat().st_mode & 0o077 == 0
    secrets = [*re.findall(r'": "(.+)"', (laptop.home.folder / "mongo" / "passwords.json").read_text(encoding="utf-8"))]
    secrets += [file.read_text(encoding="ascii") for file in (laptop.home.folder / "nats" / "keys").iterdir()]
    told = laptop.said + laptop.home.run_file.read_text(encoding="utf-8")
    assert len(secrets) >= 7
    assert not [secret for secret in secrets if secret in told]


@pytest.mark.parametrize("program", ["spaces", "mongod", "nats-server"])
async def test_what_dies_is_started_again(laptop: Laptop, program: str) -> None:
    """A child that dies is said with its last log lines and started again; then everything serves as before."""
    before = processes(laptop)[program]
    os.kill(before, signal.SIGKILL)

    async def again() -> bool:
        return processes(laptop).get(program, before) != before and laptop.home.run_file.exists()

    async def serves() -> bool:
        return '"trouble": ""' in laptop("status", "--json").stdout

    await eventually(again, 30)
    await eventually(serves, 30)
    assert "ended by itself (SIGKILL)" in laptop.said
    assert "will be started again in 1 s" in laptop.said
    laptop.call(
        "spaces",
        "CreateSpace",
        f"space.display_name=After {program}",
        "space.kind=incubator",
        "space.district=districts/220202",
        "space.operator=Testers",
    )


def test_it_survives_a_kill_and_stops_cleanly(own: Laptop) -> None:
    """After kill -9 its children end by themselves and the next start finds the data.

    Ctrl-C stops the services first, then NATS, then MongoDB, with exit code 0, and leaves no process.
    """
    up = own.start()
    killed = processes(own)
    assert {"spaces", "startups", "mongod", "nats-server"} <= set(killed)
    up.kill()
    up = own.start()
    assert "The demo data is there already" in own.said
    again = processes(own)
    assert set(again.values()).isdisjoint(killed.values())
    os.kill(up.pid, signal.SIGINT)
    up.wait_until(lambda: "Everything is stopped" in own.said, 30)
    up.stop(grace=60)
    assert up.end == "exit code 0"
    told = [own.said.index(f"{words} stopped") for words in ("services are", "NATS is", "MongoDB is", "Everything is")]
    assert told == sorted(told)
    assert not [pid for pid in (*killed.values(), *again.values()) if command_line(pid)]
    assert "Nothing runs" in own.refused("status")


def test_it_can_be_stopped_while_it_starts(own: Laptop) -> None:
    """A SIGTERM before all is up stops what runs by then, and leaves no process."""
    up = own.start(ready="")
    up.wait_until(lambda: "mongod" in processes(own), 30)
    started = processes(own)
    up.stop(grace=60)
    assert up.end == "exit code 0"
    assert "Everything is stopped" in own.said
    assert processes(own) == {}
    assert not [pid for pid in started.values() if command_line(pid)]


def test_a_taken_port_is_named(own: Laptop) -> None:
    """A port that another program holds is said by its number and service, and nothing stays behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refusal = own.refused("up", "--free-ports", "--port", f"spaces={port}")
    assert f"Port {port}, on which spaces listens, is taken by another program." in refusal
    assert processes(own) == {}


def test_a_service_that_cannot_start_shows_its_last_words(own: Laptop, tmp_path: Path) -> None:
    """What a service logged before it ended is shown at once, and everything is stopped again."""
    (tmp_path / "empty").mkdir()
    refusal = own.refused("up", "--free-ports", "--profile", str(tmp_path / "empty"))
    assert "ended at its start (exit code 1)" in refusal
    assert "city.toml" in refusal
    assert processes(own) == {}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--profile", "nowhere"), "There is no profile nowhere"),
        (("--port", "spacs=1"), "nothing is called 'spacs'. Did you mean spaces"),
        (("--port", "spaces=x"), "a port is a number up to 65535"),
    ],
)
def test_options_that_make_no_sense_are_refused(own: Laptop, words: tuple[str, ...], answer: str) -> None:
    """Nothing is started before the options are understood."""
    assert answer in own.refused("up", *words)
    assert not own.home.folder.exists()
