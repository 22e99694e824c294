"""A service as a process: what it answers besides its own methods, how it starts, is kept safe, and stops."""

import asyncio
import ipaddress
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc import StatusCode, aio, ssl_channel_credentials
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.spaces.v1 import spaces_pb2_grpc
from libs.cli.servers import Child, Mongo, free_port
from libs.common.documents import Documents
from tests.conftest import eventually
from tests.running import ROOT, Api, World, metadata
from tests.spaces.telling import voice

SPEC = sp.SpaceSpec(
    display_name="House", kind=sp.Space.KIND_INCUBATOR, district="districts/220203", operator="O", desks=1, area_m2=9
)


class Authority:
    """Makes certificates for the tests of TLS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
        self.path = folder / "authority.pem"
        self.path.write_bytes(self.pem(self.signed(self.key, self.name, x509.BasicConstraints(ca=True, path_length=0))))

    def signed(self, key: Any, name: x509.Name, kind: x509.BasicConstraints) -> x509.Certificate:
        """A certificate of this authority's for loopback, good for an hour."""
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(kind, critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .sign(self.key, hashes.SHA256())
        )

    @staticmethod
    def pem(certificate: x509.Certificate) -> bytes:
        """As a file holds it."""
        return certificate.public_bytes(serialization.Encoding.PEM)

    def pair(self, holder: str) -> tuple[Path, Path]:
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, holder)])
        certificate, private = self.folder / f"{holder}.pem", self.folder / f"{holder}.key"
        certificate.write_bytes(self.pem(self.signed(key, name, x509.BasicConstraints(ca=False, path_length=None))))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private


async def test_reflection_lists_the_services(world: World, spaces: Api) -> None:
    """Anybody can ask which services there are, without a token."""
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    async with aio.insecure_channel(world.replicas["spaces"].address) as open_to_all:
        channel: Any = open_to_all
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        answers = [answer async for answer in stub.ServerReflectionInfo(iter([ask]))]
    names = {service.name for service in answers[0].list_services_response.service}
    assert names >= {
        "hatchery.spaces.v1.SpaceService",
        "hatchery.operations.v1.OperationsService",
        "grpc.health.v1.Health",
    }


async def test_health_is_told_for_each_service(world: World, spaces: Api) -> None:
    """The process and each of its services say that they serve; one that is not there is unknown."""
    async with aio.insecure_channel(world.replicas["spaces"].address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "hatchery.spaces.v1.SpaceService", "hatchery.operations.v1.OperationsService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="odd"))
        assert caught.value.code() == StatusCode.NOT_FOUND


async def test_a_stop_lets_calls_finish(world: World) -> None:
    """At a SIGTERM every call that was begun is answered, later ones are turned away undone, and it ends well."""
    replica = world.start("spaces", "stopping", HATCHERY_MONGO_DATABASE=world.database("stopping"))
    answered: list[str] = []
    codes: list[StatusCode] = []
    async with aio.insecure_channel(replica.address) as channel:
        stub: Any = spaces_pb2_grpc.SpaceServiceStub(channel)

        async def keep_creating() -> None:
            while not codes:
                try:
                    ask = sp.CreateSpaceRequest(space=SPEC)
                    answered.append((await stub.CreateSpace(ask, metadata=metadata(world.token()), timeout=10)).name)
                except aio.AioRpcError as error:
                    codes.append(error.code())

        async def many() -> bool:
            return len(answered) > 50

        callers = [asyncio.ensure_future(keep_creating()) for _ in range(16)]
        await eventually(many)
        os.kill(replica.child.pid, signal.SIGTERM)
        await asyncio.gather(*callers)
    await asyncio.to_thread(replica.child.stop)
    assert replica.child.end == "exit code 0"
    assert set(codes) <= {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}  # grpc's own, for what it never handed over
    documents = Documents(world.mongo.admin_uri, world.database("stopping"))
    kept = [entry["_id"] async for entry in documents.collection("spaces").find({}, {"_id": 1})]
    await documents.close()
    assert sorted(kept) == sorted(answered)


async def ask_safely(address: str, world: World, **credentials: bytes) -> bool:
    """Whether a call over TLS is answered; without credentials over none."""
    safe = ssl_channel_credentials(**credentials) if credentials else None
    async with aio.secure_channel(address, safe) if safe else aio.insecure_channel(address) as channel:
        api = Api(channel, spaces_pb2_grpc, "SpaceService", world.token())
        try:
            await api.ListSpaces(sp.ListSpacesRequest(), timeout=3)
        except aio.AioRpcError as error:
            assert error.code() == StatusCode.UNAVAILABLE  # noqa: PT017 - any other answer would be one
            return False
    return True


@asynccontextmanager
async def guarded(world: World, folder: Path, **settings: str) -> AsyncIterator[str]:
    """A spaces with TLS, whose health only those may ask whom it lets in; gives its address."""
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, **world.settings("spaces"), **settings, "HATCHERY_LISTEN": address}
    child = Child("guarded", [sys.executable, "-m", "services.spaces"], folder / "guarded.log", environment, ROOT)
    child.start()
    try:
        yield address
    finally:
        child.stop()
    assert child.end == "exit code 0"


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mtls"])
async def test_tls(world: World, tmp_path: Path, mutual: bool) -> None:
    """With a certificate callers come over TLS only; with an authority for callers only those it vouches for."""
    authority = Authority(tmp_path)
    certificate, key = authority.pair("server")
    settings = {"HATCHERY_TLS_CERT": str(certificate), "HATCHERY_TLS_KEY": str(key)}
    known = {"root_certificates": authority.path.read_bytes()}
    mine, mine_key = (path.read_bytes() for path in authority.pair("caller"))
    safe = {**known, "private_key": mine_key, "certificate_chain": mine}
    if mutual:
        settings["HATCHERY_TLS_CLIENT_CA"] = str(authority.path)
    async with guarded(world, tmp_path, **settings) as address:
        await eventually(lambda: ask_safely(address, world, **safe), 30)
        assert await ask_safely(address, world, **known) is not mutual
        assert not await ask_safely(address, world)


async def test_the_page_of_metrics(world: World) -> None:
    """With an address for it there is a Prometheus page, which counts the calls by method and code."""
    port = free_port()
    replica = world.start("spaces", "measured", HATCHERY_METRICS_LISTEN=f"127.0.0.1:{port}")
    async with aio.insecure_channel(replica.address) as channel:
        api = Api(channel, spaces_pb2_grpc, "SpaceService", world.token())
        await api.CreateSpace(sp.CreateSpaceRequest(space=SPEC))

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            return str(page.read(), "utf-8")

    page = await asyncio.to_thread(read)
    method = 'code="OK",method="hatchery.spaces.v1.SpaceService.CreateSpace"'
    assert f"hatchery_rpc_seconds_count{{{method}}} 1.0" in page
    assert "hatchery_commit_commands_count 1.0" in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"HATCHERY_DEADLINE": "hunter2"}, "HATCHERY_DEADLINE: "),
        ({"HATCHERY_LISTEN": "256.0.0.1:1"}, "cannot listen on 256.0.0.1:1: "),
        ({"HATCHERY_PROFILE": "/nowhere"}, "cannot use the profile: "),
        ({"HATCHERY_METRICS_LISTEN": "nowhere"}, "cannot show metrics on nowhere: "),
        ({"HATCHERY_METRICS_LISTEN": "127.0.0.1:65536"}, "cannot show metrics on 127.0.0.1:65536: "),
        ({"HATCHERY_METRICS_LISTEN": "256.0.0.1:1"}, "cannot show metrics on 256.0.0.1:1: "),
        ({"HATCHERY_TLS_CERT": "/nowhere", "HATCHERY_TLS_KEY": "/nowhere"}, "cannot go on: FileNotFoundError: "),
        ({"HATCHERY_TLS_CERT": __file__, "HATCHERY_TLS_KEY": __file__}, "cannot listen on 127.0.0.1:0: "),
    ],
    ids=["setting", "address", "profile", "metrics", "port", "host", "certificate", "no certificate"],
)
def test_what_is_wrong_stops_the_start(world: World, wrong: dict[str, str], said: str) -> None:
    """A service that cannot start says why in a sentence, without a trace, and ends as failed."""
    environment = {**os.environ, **world.settings("spaces"), **wrong}
    command = [sys.executable, "-m", "services.spaces"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said)  # above it gRPC may have had its own say
    assert "Traceback" not in done.stderr


CAUSES = {
    "OSError('no room')": "cannot go on: OSError: no room",
    "ExceptionGroup('one', [ExceptionGroup('two', [OSError('no room')]), OSError('no air')])": "no room",
    "ExceptionGroup('one', [OSError('no room'), ExceptionGroup('two', [KeyError('surprise')])])": "Traceback",
}


@pytest.mark.parametrize(("cause", "said"), CAUSES.items())
def test_only_what_was_foreseen_is_said_in_a_sentence(cause: str, said: str) -> None:
    """However deep it lies in groups of errors, what was foreseen is a sentence; a surprise is shown whole."""
    program = f"async def main():\n    raise {cause}\nfrom libs.common.house import run\nrun(main)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert ("Traceback" in done.stderr) == (said == "Traceback")


async def test_a_connection_closed_for_good_ends_the_service(mongo: Mongo, tmp_path: Path) -> None:
    """Where the NATS client gives up for good the service ends as failed and says why, rather than tell no facts."""
    world = World(tmp_path, mongo)
    config = world.nats.folder / "nats.conf"
    fewer = {**json.loads(config.read_text(encoding="utf-8")), "max_subscriptions": 1}
    config.write_text(json.dumps(fewer), encoding="utf-8")
    world.nats.restart()
    async with voice(world, "startups"):  # whose stream there must be for an inbox to ask for a second subscription
        pass
    environment = {**os.environ, **world.settings("spaces")}
    child = Child("spaces", [sys.executable, "-m", "services.spaces"], tmp_path / "spaces.log", environment, ROOT)
    child.start()

    async def ended() -> bool:
        return not child.running

    try:
        await eventually(ended, 30)
        assert child.end == "exit code 1"
        said = child.last_words(20)
        assert "cannot go on: NATS has closed the connection: nats: maximum subscriptions exceeded" in said
    finally:
        child.stop()
        world.stop()
