"""The MongoDB and NATS servers of a laptop: started, stopped, killed and restarted."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import StorageType
from pymongo import MongoClient, timeout
from pymongo.errors import OperationFailure

from libs.cli.errors import CliError
from libs.cli.servers.child import Child, command_line
from libs.cli.servers.mongo import Mongo, database, start_mongo
from libs.cli.servers.nats import Nats, start_nats
from libs.cli.servers.ports import free_port, is_free
from libs.cli.stop import Stop, StopRequested

pytestmark = pytest.mark.servers

MongoDocuments = MongoClient[dict[str, Any]]
Errors = asyncio.Queue[str]
FACT = "v1.SomethingHappened"


@pytest.fixture(autouse=True)
def no_external_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests use servers of their own, whatever the environment names."""
    monkeypatch.delenv("MONGODB_URI", raising=False)
    monkeypatch.delenv("NATS_URL", raising=False)


@pytest.fixture(scope="module")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongo]:
    """A MongoDB for this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MONGODB_URI", raising=False)
        server = start_mongo(tmp_path_factory.mktemp("mongodb"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server for this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NATS_URL", raising=False)
        server = start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()


def insert(mongo: Mongo, service: str, database: str) -> int:
    """Write a document as a service's user, in a transaction. Return how many there are then."""
    with MongoDocuments(mongo.uri(service), serverSelectionTimeoutMS=10_000) as client:
        things = client[database]["things"]
        things.insert_one({"for": "a collection that exists"})
        with client.start_session() as session, session.start_transaction():
            things.insert_one({"by": service}, session=session)
        return things.count_documents({"by": service})


@asynccontextmanager
async def connected(server: Nats, seed: Path | None, errors: Errors | None = None) -> AsyncIterator[Client]:
    """Connect with a key. The server's refusals are put into `errors`."""

    async def note(error: Exception) -> None:
        if errors is not None:
            await errors.put(str(error))

    client = await nats.connect(server.url, nkeys_seed=str(seed) if seed else None, error_cb=note)
    try:
        yield client
    finally:
        await client.close()


async def refused(errors: Errors) -> None:
    """Wait for the server's refusal, which arrives asynchronously."""
    assert "permissions violation" in await asyncio.wait_for(errors.get(), 10)


def test_documents_locked_by_a_crash_are_soon_free(mongodb: Mongo) -> None:
    """A transaction that nobody ends locks its documents for seconds, not for a minute."""
    with MongoDocuments(mongodb.uri("spaces"), serverSelectionTimeoutMS=10_000) as client:
        things = client[database("spaces")]["locked"]
        things.insert_one({"_id": 1})
        session = client.start_session()
        session.start_transaction()
        things.update_one({"_id": 1}, {"$set": {"by": "one that crashed"}}, session=session)
        with timeout(20):
            things.update_one({"_id": 1}, {"$set": {"by": "one that goes on"}})
        assert things.find_one() == {"_id": 1, "by": "one that goes on"}


def test_a_services_user_has_its_own_database_only(mongodb: Mongo) -> None:
    """MongoDB has a user for each service, who can write to the service's database and is refused everywhere else."""
    assert insert(mongodb, "spaces", "hatchery_spaces") == 1
    for foreign in ("hatchery_startups", "admin", "anything"):
        with pytest.raises(OperationFailure, match="not authorized"):
            insert(mongodb, "spaces", foreign)


def test_mongodb_requires_a_password(mongodb: Mongo) -> None:
    """Loopback needs no password only until the first user exists."""
    with (
        MongoDocuments("127.0.0.1", mongodb.port, directConnection=True) as client,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        client["hatchery_spaces"]["things"].find_one()


def test_the_admin_can_use_any_database(mongodb: Mongo) -> None:
    """Tests use a database each, with the administrator's connection string."""
    with MongoDocuments(mongodb.admin_uri) as client:
        client["one_test"]["things"].insert_one({})
        client.drop_database("one_test")
        assert "one_test" not in client.list_database_names()


def test_only_the_owner_can_read_secrets(mongodb: Mongo, nats_server: Nats) -> None:
    """Passwords, the key file, the seeds and the server's configuration are private files."""
    files = [
        mongodb.folder / "passwords.json",
        mongodb.folder / "keyfile",
        nats_server.folder / "nats.conf",
        *nats_server.folder.glob("keys/*"),
    ]
    assert len(files) >= 7
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_service_publishes_its_own_facts_only(nats_server: Nats) -> None:
    """A service publishes to its own subjects, once per id; to the subjects of another it cannot."""
    errors = Errors()
    async with connected(nats_server, nats_server.seed_file("spaces"), errors) as client:
        stream = client.jetstream()
        await stream.add_stream(name="SPACES", subjects=["hatchery.spaces.>"], storage=StorageType.FILE)
        first = await stream.publish(f"hatchery.spaces.{FACT}", b"", headers={"Nats-Msg-Id": "once"})
        again = await stream.publish(f"hatchery.spaces.{FACT}", b"", headers={"Nats-Msg-Id": "once"})
        assert (first.stream, first.seq, again.duplicate) == ("SPACES", 1, True)
        assert errors.empty()
        await client.publish(f"hatchery.startups.{FACT}", b"")
        await refused(errors)


async def test_a_service_subscribes_through_its_own_consumer(nats_server: Nats) -> None:
    """A service creates, reads and acknowledges the durable consumer that is named after it, and no other."""
    errors = Errors()
    async with (
        connected(nats_server, nats_server.seed_file("events")) as events,
        connected(nats_server, nats_server.seed_file("startups"), errors) as startups,
    ):
        await events.jetstream().add_stream(name="EVENTS", subjects=["hatchery.events.>"])
        await events.jetstream().publish(f"hatchery.events.{FACT}", b"body")
        stream = startups.jetstream()
        inbox = await stream.pull_subscribe("hatchery.events.>", durable="startups", stream="EVENTS")
        (fact,) = await inbox.fetch(1, timeout=5)
        await fact.ack_sync()
        info = await stream.consumer_info("EVENTS", "startups")
        assert (fact.data, info.num_pending, info.num_ack_pending) == (b"body", 0, 0)
        assert errors.empty()
        with pytest.raises((nats.errors.TimeoutError, nats.errors.NoRespondersError)):
            await stream.add_consumer("EVENTS", durable_name="mentors", timeout=0.2)
        await refused(errors)


@pytest.mark.parametrize("method", ["delete_stream", "purge_stream"])
async def test_a_service_cannot_remove_published_facts(nats_server: Nats, method: str) -> None:
    """No service deletes or purges a stream, not even its own."""
    errors = Errors()
    async with connected(nats_server, nats_server.seed_file("mentors"), errors) as client:
        stream = client.jetstream(timeout=0.2)
        await stream.add_stream(name="MENTORS", subjects=["hatchery.mentors.>"])
        with pytest.raises((nats.errors.TimeoutError, nats.errors.NoRespondersError)):
            await getattr(stream, method)("MENTORS")
        await refused(errors)


async def test_a_service_cannot_subscribe_to_subjects(nats_server: Nats) -> None:
    """Facts are received through a consumer, never by subscribing to the subjects of another service."""
    errors = Errors()
    async with connected(nats_server, nats_server.seed_file("startups"), errors) as client:
        await client.subscribe("hatchery.spaces.>")
        await refused(errors)


def test_nats_requires_a_key(nats_server: Nats) -> None:
    """A connection without one of the keys is refused."""
    with socket.create_connection(("127.0.0.1", nats_server.port), timeout=10) as connection:
        connection.sendall(b"CONNECT {}\r\nPING\r\n")
        lines = connection.makefile("rb")
        assert lines.readline().startswith(b"INFO ")
        assert b"Authorization Violation" in lines.readline()
        lines.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_mongodb_keeps_documents_port_and_passwords(tmp_path: Path, end: str) -> None:
    """A start on an existing folder, after a clean stop or a crash, finds everything as it was."""
    first = start_mongo(tmp_path)
    insert(first, "spaces", "hatchery_spaces")
    getattr(first, end)()
    assert not first.child.running
    again = start_mongo(tmp_path)
    try:
        assert (again.port, again.uri("spaces")) == (first.port, first.uri("spaces"))
        assert insert(again, "spaces", "hatchery_spaces") == 2
    finally:
        again.stop()


def test_mongodb_moves_to_another_port(tmp_path: Path) -> None:
    """A replica set that was created with one port takes writes on another, also from users that are new."""
    start_mongo(tmp_path).stop()
    moved = start_mongo(tmp_path, free_port(), services=("spaces", "programmes"))
    try:
        assert insert(moved, "spaces", "hatchery_spaces") == 1
        assert insert(moved, "programmes", "hatchery_programmes") == 1
    finally:
        moved.stop()


def test_documents_with_other_passwords_are_named(tmp_path: Path) -> None:
    """When the file with the passwords is lost, the message says what to restore, and nothing keeps running."""
    start_mongo(tmp_path).stop()
    (tmp_path / "passwords.json").unlink()
    with pytest.raises(CliError, match="created with other passwords"):
        start_mongo(tmp_path)
    assert not (tmp_path / "mongod.pid").exists()


async def test_nats_keeps_streams_and_keys(tmp_path: Path) -> None:
    """A fact that was acknowledged is still there after the server was killed."""
    server = start_nats(tmp_path)
    try:
        async with connected(server, server.seed_file("spaces")) as client:
            await client.jetstream().add_stream(name="SPACES", subjects=["hatchery.spaces.>"])
            await client.jetstream().publish(f"hatchery.spaces.{FACT}", b"")
        server.kill()
        server = start_nats(tmp_path)
        async with connected(server, server.admin_seed_file) as client:
            assert (await client.jetstream().stream_info("SPACES")).state.messages == 1
    finally:
        server.stop()


def test_external_servers_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With MONGODB_URI and NATS_URL nothing is started, and nothing external is stopped."""
    monkeypatch.setenv("MONGODB_URI", "mongodb://someone:secret@db.example:27017/?replicaSet=rs0")
    monkeypatch.setenv("NATS_URL", "nats://nats.example:4222")
    mongo, nats_server = start_mongo(tmp_path), start_nats(tmp_path)
    assert mongo.uri("spaces") == mongo.admin_uri == os.environ["MONGODB_URI"]
    assert mongo.address == "db.example:27017"
    assert (nats_server.url, nats_server.seed_file("spaces")) == ("nats://nats.example:4222", None)
    nats_server.stop()
    mongo.stop()
    with pytest.raises(CliError, match="MONGODB_URI"):
        mongo.kill()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(tmp_path: Path, nats_server: Nats) -> None:
    """A port that another program uses is refused by its number before anything starts."""
    with pytest.raises(CliError, match=f"Port {nats_server.port} is in use"):
        start_nats(tmp_path, nats_server.port)


def test_the_log_of_a_child_that_exits_early_is_shown(tmp_path: Path) -> None:
    """A wait for a child that exits instead ends with the reason, from its log."""
    child = Child("sh", ["sh", "-c", "echo no such luck >&2; exit 3"], tmp_path / "sh.log")
    child.start()
    with pytest.raises(CliError, match=r"(?s)sh exited before it was ready \(exit code 3\).*no such luck"):
        child.wait_until(lambda: False, 10)
    child.stop()


def test_a_leftover_of_an_earlier_run_is_stopped(tmp_path: Path) -> None:
    """Two of the same program never use one folder: the older one is stopped first."""
    older, younger = (Child("sleep", ["sleep", "600"], tmp_path / "sleep.log") for _ in range(2))
    older.start()
    older.wait_until(lambda: command_line(older.pid) == ["sleep", "600"], 10)
    younger.start()
    try:
        assert not older.running
        assert younger.running
    finally:
        younger.stop()
        older.stop()


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """A stop ends with the grace period at the latest."""
    child = Child("deaf", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], tmp_path / "deaf.log")
    child.start()
    child.wait_until(lambda: "  deaf" in child.log_tail(), 10)
    child.stop(grace=0.1)
    assert not child.running


@pytest.mark.parametrize("frozen", [False, True])
def test_a_requested_stop_interrupts_the_start_of_mongodb(tmp_path: Path, frozen: bool) -> None:
    """The wait for a server that starts, or hangs while it does, is given up, and the server is stopped."""
    stop = Stop()

    def freeze_and_request(*_: object) -> None:
        pid_file = tmp_path / "mongod.pid"
        if frozen and pid_file.exists():
            os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGSTOP)
        stop.requested = True

    before = signal.signal(signal.SIGALRM, freeze_and_request)
    signal.setitimer(signal.ITIMER_REAL, 0.1)  # a start on an empty folder takes longer
    try:
        with pytest.raises(StopRequested):
            start_mongo(tmp_path, stop=stop)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not (tmp_path / "mongod.pid").exists()


def test_free_ports_are_outside_those_of_outgoing_connections() -> None:
    """A client that connects to a stopped server's port never connects to itself."""
    port = free_port()
    assert 20_000 <= port < 32_768
    assert is_free(port)


def test_two_processes_never_choose_the_same_port() -> None:
    """A port that was chosen stays with its process until the process ends, although nothing listens on it yet."""
    choose = "from libs.cli.servers.ports import free_port; print([free_port() for _ in range(300)]); input()"
    command = [sys.executable, "-c", choose]
    chosen: list[int] = []
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        for process in (one, other):
            assert process.stdout is not None
            chosen += json.loads(process.stdout.readline())
        for process in (one, other):
            process.communicate("\n")
    assert len(set(chosen)) == 600
