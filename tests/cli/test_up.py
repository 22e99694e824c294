"""`hatchery up`: everything starts and is supervised, and it stops at any moment."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libs.cli.local_stack import ROOT
from libs.cli.servers.child import command_line
from tests.cli.conftest import COMMAND, STOPPING_SECONDS, LocalHatchery, wait_for

pytestmark = pytest.mark.servers
UP = [*COMMAND, "up", "--free-ports"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalHatchery]:
    """A Hatchery of the test's own, which it starts itself."""
    made = LocalHatchery(tmp_path)
    yield made
    made.end()


def everything_serves(hatchery: LocalHatchery) -> bool:
    """Return whether all services are healthy and report their state."""
    rows = json.loads(hatchery.run("status", "--json").stdout)
    return all(row["health"] == "SERVING" and not row["error"] for row in rows)


def test_everything_serves_within_15_seconds(hatchery: LocalHatchery) -> None:
    """One command, and all services serve. It prints their addresses, and what to do next."""
    took = re.search(r"Everything is running after ([0-9.]+) s", hatchery.output)
    assert took
    assert float(took[1]) < 15
    for address in hatchery.home.running().services.values():
        assert address in hatchery.output
    assert f"Logs are in {hatchery.home.logs}" in hatchery.output


def test_the_suggested_commands_work(hatchery: LocalHatchery) -> None:
    """The next commands that it prints can be pasted as they are."""
    suggested = re.findall(r"^  (?:\./hatchery|\S+ -m libs\.cli) (.*)$", hatchery.output, re.MULTILINE)
    assert len(suggested) == 3
    for words in suggested:
        hatchery(*words.split())


def test_a_second_one_on_the_same_home_is_refused(hatchery: LocalHatchery) -> None:
    """Two `hatchery up` never share a folder. The second names the process of the first, which goes on."""
    refusal = hatchery.refused("up", "--free-ports")
    assert f"as process {hatchery.home.running().pid}" in refusal
    hatchery("status")


def test_secrets_stay_in_the_home(hatchery: LocalHatchery) -> None:
    """The home is closed to others, and neither the output nor run.json contains a password or a seed."""
    assert hatchery.home.folder.stat().st_mode & 0o077 == 0
    passwords = (hatchery.home.folder / "mongo" / "passwords.json").read_text(encoding="utf-8")
    secrets = re.findall(r'": "(.+)"', passwords)
    secrets += [file.read_text(encoding="ascii") for file in (hatchery.home.folder / "nats" / "keys").iterdir()]
    shown = hatchery.output + hatchery.home.run_file.read_text(encoding="utf-8")
    assert len(secrets) >= 7
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize("program", ["spaces", "mongod", "nats-server"])
def test_what_exits_is_restarted(hatchery: LocalHatchery, program: str) -> None:
    """The end of its log is printed and it is restarted; then everything serves as before."""
    before = hatchery.pids()[program]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: hatchery.pids().get(program, before) != before)
    wait_for(lambda: everything_serves(hatchery))
    assert "exited unexpectedly (SIGKILL)" in hatchery.output
    assert "will be restarted in 1 s" in hatchery.output
    hatchery.call(
        "spaces",
        "CreateSpace",
        f"space.display_name=After {program}",
        "space.kind=incubator",
        "space.district=districts/220202",
        "space.operator=Testers",
    )


def test_it_survives_a_kill_and_stops_cleanly(own: LocalHatchery) -> None:
    """After kill -9 its children end by themselves, and the next start finds the data.

    Ctrl-C stops the services first, then NATS, then MongoDB, with exit code 0, and leaves no process.
    """
    up = own.start()
    killed = own.pids()
    assert {"spaces", "startups", "mongod", "nats-server"} <= set(killed)
    up.kill()
    up = own.start()
    assert "The demo data is already there" in own.output
    again = own.pids()
    assert set(again.values()).isdisjoint(killed.values())
    os.kill(up.pid, signal.SIGINT)
    up.wait_until(lambda: "Everything is stopped" in own.output, STOPPING_SECONDS)
    up.stop(STOPPING_SECONDS)
    assert up.end == "exit code 0"
    order = [own.output.index(words) for words in ("Services stop", "NATS stop", "MongoDB stop", "Everything is stop")]
    assert order == sorted(order)
    assert not [pid for pid in (*killed.values(), *again.values()) if command_line(pid)]
    assert "Nothing is running" in own.refused("status")


MOMENTS: dict[str, Callable[[LocalHatchery], bool]] = {
    "locked": lambda it: (it.home.folder / "lock").exists(),
    "mongod": lambda it: "mongod" in it.pids(),
    "nats": lambda it: "nats-server" in it.pids(),
    "service": lambda it: "startups" in it.pids(),
    "serving": lambda it: "Everything is running" in it.output,
    "seeded": lambda it: "Demo data added" in it.output,
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_at_any_moment(own: LocalHatchery, moment: str, number: signal.Signals) -> None:
    """A signal while something starts stops what is running by then; further signals change nothing."""
    up = own.start(ready="")
    wait_for(lambda: MOMENTS[moment](own))
    for repeated in (number, signal.SIGINT, number):
        os.kill(up.pid, repeated)
    wait_for(lambda: not up.running, STOPPING_SECONDS)
    assert up.end == "exit code 0"
    assert own.processes() == set()
    assert own.pids() == {}
    assert not own.home.run_file.exists()


@pytest.mark.parametrize("program", ["mongod", "nats-server", "spaces"])
def test_it_stops_although_a_program_hangs_at_its_start(own: LocalHatchery, program: str) -> None:
    """A child that neither starts nor reacts to SIGTERM is killed, and the whole stop takes less than 20 seconds."""
    up = own.start(ready="")
    wait_for(lambda: program in own.pids())
    os.kill(own.pids()[program], signal.SIGSTOP)
    up.terminate()
    wait_for(lambda: not up.running, STOPPING_SECONDS)
    assert up.end == "exit code 0"
    assert own.processes() == set()


def test_it_stops_although_everything_hangs(own: LocalHatchery) -> None:
    """When no child reacts to SIGTERM any more, the stop still takes less than 20 seconds."""
    up = own.start()
    for pid in own.pids().values():
        os.kill(pid, signal.SIGSTOP)
    up.terminate()
    wait_for(lambda: not up.running, STOPPING_SECONDS)
    assert up.end == "exit code 0"
    assert own.processes() == set()


def test_it_stops_when_its_output_is_lost(own: LocalHatchery) -> None:
    """Nothing that it prints can be written, as after `hatchery up | head`; it starts and stops all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(UP, env=own.env, cwd=ROOT, stdout=writing, stderr=writing) as up:
        os.close(writing)
        wait_for(lambda: "startups" in own.pids())
        up.terminate()
        up.wait(STOPPING_SECONDS)
    assert own.processes() == set()
    assert own.pids() == {}


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "ascii"])
def test_it_stops_when_its_window_is_closed(own: LocalHatchery, encoding: str) -> None:
    """A terminal of any encoding shows the progress of the start; when it is closed, everything stops (SIGHUP)."""
    terminal, side = pty.openpty()
    command = ["setsid", "--ctty", *UP]
    env = own.env | {"PYTHONIOENCODING": encoding}
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=side, stdout=side, stderr=side) as up:
        os.close(side)
        shown = b""
        while b"NATS at" not in shown:
            shown += os.read(terminal, 65_536)
        os.close(terminal)
        up.wait(STOPPING_SECONDS)
    assert b"MongoDB at" in shown
    assert own.processes() == set()
    assert own.pids() == {}


def test_a_taken_port_is_named(own: LocalHatchery) -> None:
    """A port that another program uses is refused by its number and service, and nothing keeps running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refusal = own.refused("up", "--free-ports", "--port", f"spaces={port}")
    assert f"Port {port} of spaces is in use by another program." in refusal
    assert own.pids() == {}


def test_the_log_of_a_service_that_does_not_start_is_shown(own: LocalHatchery, tmp_path: Path) -> None:
    """The end of its log is printed at once, and everything is stopped again."""
    (tmp_path / "empty").mkdir()
    refusal = own.refused("up", "--free-ports", "--profile", str(tmp_path / "empty"))
    assert "exited while starting (exit code 1)" in refusal
    assert "city.toml" in refusal
    assert own.pids() == {}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--profile", "nowhere"), "There is no profile nowhere"),
        (("--port", "spacs=1"), "there is nothing called 'spacs'. Did you mean spaces"),
        (("--port", "spaces=x"), "a port is a number up to 65535"),
    ],
)
def test_options_that_make_no_sense_are_refused(own: LocalHatchery, words: tuple[str, ...], answer: str) -> None:
    """Nothing is started before the options are understood."""
    assert answer in own.refused("up", *words)
    assert not own.home.folder.exists()
