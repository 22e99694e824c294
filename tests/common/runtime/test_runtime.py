"""A service as a process: what it serves besides its own methods, how it starts, and how it stops."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from libs.api.hatchery.spaces.v1 import space_pb2, space_pb2_grpc
from libs.cli.servers.child import Child
from libs.cli.servers.mongo import Mongo
from libs.cli.servers.ports import free_port
from libs.common.store.database import Database
from tests.support.calls import Api, bearer
from tests.support.processes import ROOT, Cluster, Replica
from tests.support.publisher import publisher
from tests.support.waiting import eventually

SPEC = space_pb2.SpaceSpec(
    display_name="Sample",
    kind=space_pb2.Space.KIND_INCUBATOR,
    district="districts/220203",
    operator="O",
    desks=1,
    area_m2=9,
)
PROGRAM = [sys.executable, "-m", "services.spaces"]


async def test_reflection_lists_the_services(spaces_replica: Replica) -> None:
    """Anybody can list the services, without a token."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with aio.insecure_channel(spaces_replica.address) as opened:
        channel: Any = opened
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        replies = [reply async for reply in stub.ServerReflectionInfo(iter([request]))]
    names = {service.name for service in replies[0].list_services_response.service}
    assert names >= {
        "hatchery.spaces.v1.SpaceService",
        "hatchery.spaces.v1.TenancyService",
        "hatchery.operations.v1.OperationsService",
        "grpc.health.v1.Health",
    }


async def test_health_covers_each_service(spaces_replica: Replica) -> None:
    """The process and each of its services report that they serve; an unknown one is NOT_FOUND."""
    async with aio.insecure_channel(spaces_replica.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "hatchery.spaces.v1.SpaceService", "hatchery.operations.v1.OperationsService"):
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="odd"))
        assert caught.value.code() == StatusCode.NOT_FOUND


async def test_a_stop_lets_calls_finish(cluster: Cluster) -> None:
    """At SIGTERM every call in progress is answered, later ones are UNAVAILABLE and undone, and the exit code is 0."""
    replica = cluster.start("spaces", "stopping", HATCHERY_MONGO_DATABASE=cluster.database("stopping"))
    created: list[str] = []
    codes: list[StatusCode] = []
    async with aio.insecure_channel(replica.address) as channel:
        stub: Any = space_pb2_grpc.SpaceServiceStub(channel)

        async def keep_creating() -> None:
            while not codes:
                request = space_pb2.CreateSpaceRequest(space=SPEC)
                try:
                    created.append((await stub.CreateSpace(request, metadata=bearer(cluster.token()), timeout=10)).name)
                except aio.AioRpcError as error:
                    codes.append(error.code())

        async def many_created() -> bool:
            return len(created) > 50

        callers = [asyncio.ensure_future(keep_creating()) for _ in range(16)]
        await eventually(many_created)
        os.kill(replica.child.pid, signal.SIGTERM)
        await asyncio.gather(*callers)
    await asyncio.to_thread(replica.child.stop)
    assert replica.child.end == "exit code 0"
    assert set(codes) <= {StatusCode.UNAVAILABLE}
    database = Database(cluster.mongo.admin_uri, cluster.database("stopping"))
    stored = [document["_id"] async for document in database.collection("spaces").find({}, {"_id": 1})]
    await database.close()
    assert sorted(stored) == sorted(created)


async def test_metrics_are_served(cluster: Cluster) -> None:
    """With an address for it there is a Prometheus page, which counts calls by method and code."""
    port = free_port()
    replica = cluster.start("spaces", "measured", HATCHERY_METRICS_LISTEN=f"127.0.0.1:{port}")
    async with aio.insecure_channel(replica.address) as channel:
        api = Api(channel, space_pb2_grpc, "SpaceService", cluster.token())
        await api.CreateSpace(space_pb2.CreateSpaceRequest(space=SPEC))

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            return str(page.read(), "utf-8")

    page = await asyncio.to_thread(read)
    method = 'code="OK",method="hatchery.spaces.v1.SpaceService.CreateSpace"'
    assert f"hatchery_rpc_seconds_count{{{method}}} 1.0" in page
    assert "hatchery_commit_commands_count 1.0" in page
    for name in ("hatchery_facts_published_total", "hatchery_facts_handled", "hatchery_relay_active"):
        assert name in page


def start_and_fail(cluster: Cluster, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run spaces with settings that keep it from starting."""
    environment = {**os.environ, **cluster.settings("spaces"), **settings}
    return subprocess.run(PROGRAM, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"HATCHERY_DEADLINE_SECONDS": "hunter2"}, "HATCHERY_DEADLINE_SECONDS: "),
        ({"HATCHERY_LISTEN": "256.0.0.1:1"}, "cannot listen on 256.0.0.1:1: "),
        ({"HATCHERY_PROFILE": "/nowhere"}, "cannot use the profile: "),
        ({"HATCHERY_METRICS_LISTEN": "nowhere"}, "cannot serve metrics on nowhere: "),
        ({"HATCHERY_METRICS_LISTEN": "127.0.0.1:65536"}, "cannot serve metrics on 127.0.0.1:65536: "),
        ({"HATCHERY_METRICS_LISTEN": "256.0.0.1:1"}, "cannot serve metrics on 256.0.0.1:1: "),
        ({"HATCHERY_TLS_CERT": "/nowhere", "HATCHERY_TLS_KEY": "/nowhere"}, "cannot listen on 127.0.0.1:0: [Errno 2]"),
        ({"HATCHERY_TLS_CERT": __file__, "HATCHERY_TLS_KEY": __file__}, "cannot listen on 127.0.0.1:0: "),
    ],
    ids=["setting", "address", "profile", "metrics", "port", "host", "no certificate", "certificate"],
)
def test_a_failed_start_is_explained(cluster: Cluster, settings: dict[str, str], text: str) -> None:
    """A service that cannot start says why in a sentence, without a traceback, and exits with status 1."""
    done = start_and_fail(cluster, **settings)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(text)  # gRPC may have printed lines of its own before
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


CAUSES = {
    "OSError('no space')": "cannot go on: OSError: no space",
    "ExceptionGroup('one', [ExceptionGroup('two', [OSError('no space')]), OSError('no air')])": "no space",
    "ExceptionGroup('one', [OSError('no space'), ExceptionGroup('two', [KeyError('surprise')])])": "Traceback",
}


@pytest.mark.parametrize(("cause", "text"), CAUSES.items())
def test_only_foreseen_failures_are_sentences(root: Path, cause: str, text: str) -> None:
    """A foreseen failure, however deep in groups, is printed as a sentence; an unforeseen one with its traceback."""
    program = f"async def main():\n    raise {cause}\nfrom libs.common.runtime.main import run\nrun(main)"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert text in done.stderr
    assert ("Traceback" in done.stderr) == (text == "Traceback")


async def test_a_connection_closed_for_good_ends_the_service(mongo: Mongo, tmp_path: Path) -> None:
    """When the NATS client gives up for good the service exits with status 1 and says why; no fact would move."""
    cluster = Cluster(tmp_path, mongo)
    config = cluster.nats.folder / "nats.conf"
    fewer = {**json.loads(config.read_text(encoding="utf-8")), "max_subscriptions": 1}
    config.write_text(json.dumps(fewer), encoding="utf-8")
    cluster.nats.restart()
    async with publisher(cluster, "startups"):  # the stream must exist for the inbox to make a second subscription
        pass
    environment = {**os.environ, **cluster.settings("spaces")}
    child = Child("spaces", PROGRAM, tmp_path / "spaces.log", environment, ROOT)
    child.start()

    async def ended() -> bool:
        return not child.running

    try:
        await eventually(ended, 30)
        assert child.end == "exit code 1"
        text = "cannot go on: NATS has closed the connection: nats: maximum subscriptions exceeded"
        assert text in child.log_tail(20)
    finally:
        child.stop()
        cluster.stop()
