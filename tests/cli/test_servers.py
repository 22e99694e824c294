"""The servers of a laptop: real ones, started, stopped, killed and started again."""

import asyncio
import os
import socket
import stat
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

from libs.cli.servers import Mongo, Nats, Servers, start_mongo, start_nats
from libs.cli.servers.children import Child, command_line, free, free_port
from libs.cli.servers.mongo import database
from libs.cli.trouble import Trouble

pytestmark = pytest.mark.servers

Documents = MongoClient[dict[str, Any]]
Troubles = asyncio.Queue[str]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Both servers, of our own, whatever the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MONGODB_URI", raising=False)
        patch.delenv("NATS_URL", raising=False)
        with Servers(tmp_path_factory.mktemp("servers")) as both:
            yield both


def insert(mongo: Mongo, service: str, database: str) -> int:
    """Write one document as a service's user, in a transaction; how many there are then."""
    with Documents(mongo.uri(service), serverSelectionTimeoutMS=10_000) as client:
        things = client[database]["things"]
        things.insert_one({"as": "a collection that exists"})
        with client.start_session() as session, session.start_transaction():
            things.insert_one({"by": service}, session=session)
        return things.count_documents({"by": service})


@asynccontextmanager
async def connected(server: Nats, seed: Path | None, trouble: Troubles | None = None) -> AsyncIterator[Client]:
    """A connection with one key; what the server refuses is put into `trouble`."""

    async def note(error: Exception) -> None:
        if trouble is not None:
            await trouble.put(str(error))

    client = await nats.connect(server.url, nkeys_seed=str(seed) if seed else None, error_cb=note)
    try:
        yield client
    finally:
        await client.close()


async def refused(trouble: Troubles) -> None:
    """Wait until the server has said no; it says so on its own time."""
    assert "permissions violation" in await asyncio.wait_for(trouble.get(), 10)


def test_what_a_crash_left_locked_is_soon_free(servers: Servers) -> None:
    """A transaction that nobody ends keeps its documents for seconds, not for a minute."""
    with Documents(servers.mongo.uri("spaces"), serverSelectionTimeoutMS=10_000) as client:
        things = client[database("spaces")]["locked"]
        things.insert_one({"_id": 1})
        session = client.start_session()
        session.start_transaction()
        things.update_one({"_id": 1}, {"$set": {"by": "one who dies"}}, session=session)
        with timeout(20):
            things.update_one({"_id": 1}, {"$set": {"by": "one who goes on"}})
        assert things.find_one() == {"_id": 1, "by": "one who goes on"}


def test_a_services_user_reaches_its_own_database_only(servers: Servers) -> None:
    """MongoDB: one user per service, which writes to its own database and is refused everywhere else."""
    assert insert(servers.mongo, "spaces", "hatchery_spaces") == 1
    for foreign in ("hatchery_startups", "admin", "anything"):
        with pytest.raises(OperationFailure, match="not authorized"):
            insert(servers.mongo, "spaces", foreign)


def test_nobody_enters_mongodb_without_a_password(servers: Servers) -> None:
    """Loopback is let in only until the first user exists."""
    with (
        Documents("127.0.0.1", servers.mongo.port, directConnection=True) as client,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        client["hatchery_spaces"]["things"].find_one()


def test_the_admin_may_use_any_database(servers: Servers) -> None:
    """Tests take one database each, by the admin's address."""
    with Documents(servers.mongo.admin_uri) as client:
        client["one_test"]["things"].insert_one({})
        client.drop_database("one_test")
        assert "one_test" not in client.list_database_names()


def test_secrets_are_readable_by_their_owner_alone(servers: Servers) -> None:
    """Passwords, the key file, the seeds and the server's configuration are private files."""
    mongo, nats_folder = servers.mongo.folder, servers.nats.folder
    files = [
        mongo / "passwords.json",
        mongo / "keyfile",
        nats_folder / "nats.conf",
        *nats_folder.glob("keys/*"),
    ]
    assert len(files) >= 7
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_service_tells_its_own_facts_only(servers: Servers) -> None:
    """NATS: a service publishes to its own subjects; another's are refused."""
    trouble = Troubles()
    async with connected(servers.nats, servers.nats.seed_file("spaces"), trouble) as client:
        stream = client.jetstream()
        await stream.add_stream(name="SPACES", subjects=["hatchery.spaces.>"], storage=StorageType.FILE)
        told = await stream.publish("hatchery.spaces.v1.Told", b"", headers={"Nats-Msg-Id": "once"})
        again = await stream.publish("hatchery.spaces.v1.Told", b"", headers={"Nats-Msg-Id": "once"})
        assert (told.stream, told.seq, again.duplicate) == ("SPACES", 1, True)
        assert trouble.empty()
        await client.publish("hatchery.startups.v1.Told", b"")
        await refused(trouble)


async def test_a_service_heeds_others_by_a_consumer_of_its_own_name(servers: Servers) -> None:
    """NATS: a service makes, reads and acknowledges the durable that is named after it, and no other."""
    trouble = Troubles()
    async with (
        connected(servers.nats, servers.nats.seed_file("events")) as events,
        connected(servers.nats, servers.nats.seed_file("startups"), trouble) as startups,
    ):
        await events.jetstream().add_stream(name="EVENTS", subjects=["hatchery.events.>"])
        await events.jetstream().publish("hatchery.events.v1.Told", b"body")
        heeding = startups.jetstream()
        inbox = await heeding.pull_subscribe("hatchery.events.>", durable="startups", stream="EVENTS")
        (fact,) = await inbox.fetch(1, timeout=5)
        await fact.ack_sync()
        info = await heeding.consumer_info("EVENTS", "startups")
        assert (fact.data, info.num_pending, info.num_ack_pending) == (b"body", 0, 0)
        assert trouble.empty()
        with pytest.raises((nats.errors.TimeoutError, nats.errors.NoRespondersError)):
            await heeding.add_consumer("EVENTS", durable_name="mentors", timeout=0.2)
        await refused(trouble)


@pytest.mark.parametrize("act", ["delete_stream", "purge_stream"])
async def test_a_service_cannot_undo_what_was_told(servers: Servers, act: str) -> None:
    """NATS: no service deletes or purges a stream, not even its own."""
    trouble = Troubles()
    async with connected(servers.nats, servers.nats.seed_file("mentors"), trouble) as client:
        stream = client.jetstream(timeout=0.2)
        await stream.add_stream(name="MENTORS", subjects=["hatchery.mentors.>"])
        with pytest.raises((nats.errors.TimeoutError, nats.errors.NoRespondersError)):
            await getattr(stream, act)("MENTORS")
        await refused(trouble)


async def test_a_service_does_not_listen_in(servers: Servers) -> None:
    """NATS: facts are heard through a consumer, never by subscribing to another's subjects."""
    trouble = Troubles()
    async with connected(servers.nats, servers.nats.seed_file("startups"), trouble) as client:
        await client.subscribe("hatchery.spaces.>")
        await refused(trouble)


def test_nobody_enters_nats_without_a_key(servers: Servers) -> None:
    """A connection without one of the keys is refused."""
    with socket.create_connection(("127.0.0.1", servers.nats.port), timeout=10) as line:
        line.sendall(b"CONNECT {}\r\nPING\r\n")
        said = line.makefile("rb")
        assert said.readline().startswith(b"INFO ")
        assert b"Authorization Violation" in said.readline()
        said.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_mongodb_keeps_documents_port_and_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """A start on an existing folder, after a clean stop or a crash, finds everything as it was."""
    monkeypatch.delenv("MONGODB_URI", raising=False)
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


def test_mongodb_moves_to_another_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica set that was made under one port takes writes under another."""
    monkeypatch.delenv("MONGODB_URI", raising=False)
    start_mongo(tmp_path).stop()
    moved = start_mongo(tmp_path, free_port(), services=("spaces", "programmes"))
    try:
        assert insert(moved, "spaces", "hatchery_spaces") == 1
        assert insert(moved, "programmes", "hatchery_programmes") == 1
    finally:
        moved.stop()


async def test_nats_keeps_streams_and_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact that was acknowledged is there after the server was killed."""
    monkeypatch.delenv("NATS_URL", raising=False)
    server = start_nats(tmp_path)
    try:
        async with connected(server, server.seed_file("spaces")) as client:
            await client.jetstream().add_stream(name="SPACES", subjects=["hatchery.spaces.>"])
            await client.jetstream().publish("hatchery.spaces.v1.Told", b"")
        server.kill()
        server = start_nats(tmp_path)
        async with connected(server, server.admin_seed_file) as client:
            assert (await client.jetstream().stream_info("SPACES")).state.messages == 1
    finally:
        server.stop()


def test_servers_that_are_given_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With MONGODB_URI and NATS_URL set nothing is started, and nothing of theirs is stopped."""
    monkeypatch.setenv("MONGODB_URI", "mongodb://someone:secret@db.example:27017/?replicaSet=rs0")
    monkeypatch.setenv("NATS_URL", "nats://nats.example:4222")
    with Servers(tmp_path) as both:
        assert both.mongo.uri("spaces") == both.mongo.admin_uri == os.environ["MONGODB_URI"]
        assert both.mongo.address == "db.example:27017"
        assert (both.nats.url, both.nats.seed_file("spaces")) == ("nats://nats.example:4222", None)
        with pytest.raises(Trouble, match="MONGODB_URI"):
            both.mongo.kill()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program holds is refused by its number before anything starts."""
    monkeypatch.delenv("NATS_URL", raising=False)
    with pytest.raises(Trouble, match=f"Port {servers.nats.port} is taken"):
        start_nats(tmp_path, servers.nats.port)


def test_a_child_that_dies_early_shows_its_last_words(tmp_path: Path) -> None:
    """Whoever waits for a child that ends instead hears why, from its log."""
    child = Child("sh", ["sh", "-c", "echo no such luck >&2; exit 3"], tmp_path / "sh.log")
    child.start()
    with pytest.raises(Trouble, match=r"(?s)sh ended before it was ready.*no such luck"):
        child.wait_until(lambda: False, 10)
    child.stop()


def test_what_an_earlier_run_left_behind_is_ended(tmp_path: Path) -> None:
    """Two of the same program never work on one folder: the older one is ended first."""
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


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """A stop ends after the grace at the latest, whatever the child does with SIGTERM."""
    child = Child("deaf", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], tmp_path / "deaf.log")
    child.start()
    child.wait_until(lambda: "  deaf" in child.last_words(), 10)
    child.stop(grace=0.1)
    assert not child.running


def test_free_ports_are_outside_those_of_outgoing_connections() -> None:
    """A client that knocks at a stopped server's port never meets itself there."""
    port = free_port()
    assert 20_000 <= port < 32_768
    assert free(port)
