"""A new service needs no change in libs: `tests/contracts/throwaway` works with what the runtime offers.

It has two resources in one process, a server-streaming method, a timer, a subscription, and facts of its own.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nats
import pytest
from grpc import StatusCode, aio
from nats.js import JetStreamContext

from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.cli.errors import CliError
from libs.cli.servers.mongo import Mongo
from libs.cli.servers.nats import start_nats
from libs.cli.servers.ports import free_port
from libs.common.runtime.clock import Clock, Names
from tests.contracts.throwaway_stubs import generate_stubs
from tests.support.calls import Api, Refused, bearer, refused
from tests.support.processes import ROOT, Cluster, Replica
from tests.support.publisher import publisher
from tests.support.store_fixtures import new_context, new_database, new_store, running
from tests.support.waiting import eventually

SPACE, ELSEWHERE = "spaces/1", "spaces/2"
STARTUP = "startups/1"


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The service's generated modules, and `folder`, the folder in which they are."""
    folder = tmp_path_factory.mktemp("stubs")
    generate_stubs(folder)
    sys.path.insert(0, str(folder))
    names = ("locker_pb2", "locker_pb2_grpc", "loan_pb2", "loan_pb2_grpc", "facts_pb2")
    yield SimpleNamespace(folder=folder, **{name: import_module(f"lockers.v1.{name}") for name in names})
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def lockers_cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose NATS server knows the new service."""
    folder = tmp_path_factory.mktemp("lockers")
    cluster = Cluster(folder, mongo, start_nats(folder / "nats", services=("lockers", "startups")))
    yield cluster
    cluster.stop()


def replica_of(cluster: Cluster, label: str, stubs_folder: Path) -> Replica:
    """Return a process of the service that is not started yet."""
    settings = {
        **cluster.settings("lockers"),
        "HATCHERY_SWEEP_SECONDS": "0.05",
        "PYTHONPATH": f"{ROOT}:{stubs_folder}",
    }
    replica = Replica("lockers", label, free_port(), cluster.folder, settings)
    replica.child.command = [sys.executable, "-m", "tests.contracts.throwaway"]
    cluster.replicas[label] = replica
    return replica


@pytest.fixture(scope="module")
async def channel(lockers_cluster: Cluster, stubs: SimpleNamespace) -> AsyncIterator[aio.Channel]:
    """A channel to the running service, to which a startup has been published."""
    replica = replica_of(lockers_cluster, "lockers", stubs.folder)
    replica.start()
    async with publisher(lockers_cluster, "startups") as stream, aio.insecure_channel(replica.address) as opened:
        await stream.publish(startups.StartupRegistered(name=STARTUP, display_name="松江碳材"))
        yield opened


@pytest.fixture(scope="module")
async def stream(lockers_cluster: Cluster) -> AsyncIterator[JetStreamContext]:
    """JetStream, as an administrator."""
    seed = lockers_cluster.nats.admin_seed_file
    options: dict[str, Any] = {"nkeys_seed": str(seed)} if seed else {}
    connection = await nats.connect(lockers_cluster.nats.url, **options)
    yield connection.jetstream()
    await connection.close()


class Lockers:
    """Both gRPC services of the process."""

    def __init__(self, channel: aio.Channel, cluster: Cluster, stubs: SimpleNamespace) -> None:
        self.pb = stubs
        self.lockers = Api(channel, stubs.locker_pb2_grpc, "LockerService", cluster.token())
        self.loans = Api(channel, stubs.loan_pb2_grpc, "LoanService", cluster.token())
        self._stub = stubs.loan_pb2_grpc.LoanServiceStub(channel)

    async def create(self, space: str = SPACE) -> Any:
        """Create a locker in a space."""
        return await self.lockers.CreateLocker(self.pb.locker_pb2.CreateLockerRequest(space=space))

    async def lend(self, locker: str, until: timedelta = timedelta(hours=1)) -> Any:
        """Lend a locker for some time."""
        request = self.pb.loan_pb2.LendLockerRequest(locker=locker, startup=STARTUP)
        request.end_time.FromDatetime(Clock().now() + until)  # in whole milliseconds, which is what documents keep
        return await self.loans.LendLocker(request)

    async def loan(self, name: str) -> Any:
        """Read a loan."""
        return await self.loans.GetLoan(self.pb.loan_pb2.GetLoanRequest(name=name))

    async def locker(self, name: str, **call: Any) -> Any:
        """Read a locker."""
        return await self.lockers.GetLocker(self.pb.locker_pb2.GetLockerRequest(name=name), **call)

    async def export(self, space: str, token: str) -> list[Any]:
        """Return the loans that the stream brings."""
        request = self.pb.loan_pb2.ExportLoansRequest(space=space)
        metadata = bearer(token) if token else ()
        return [loan async for loan in self._stub.ExportLoans(request, metadata=metadata, timeout=10)]


@pytest.fixture(scope="module")
def service(channel: aio.Channel, lockers_cluster: Cluster, stubs: SimpleNamespace) -> Lockers:
    """The running service."""
    return Lockers(channel, lockers_cluster, stubs)


async def test_both_resources_are_served(service: Lockers) -> None:
    """Two gRPC services of one process work together, and a subscribed fact fills the projection that they need."""
    locker = await service.create()
    loan = await service.lend(locker.name)
    assert (loan.locker, loan.space, loan.startup_display_name) == (locker.name, SPACE, "松江碳材")
    assert (await service.locker(locker.name)).loan == loan.name
    assert await service.loan(loan.name) == loan
    assert (await refused(service.lend(locker.name))).reason == "LOCKER_TAKEN"


async def test_its_methods_are_permission_checked(service: Lockers, lockers_cluster: Cluster) -> None:
    """The grants of the new service decide, with the scopes of its entities, and a token is required."""
    locker = await service.create()
    operator = lockers_cluster.token("operator", [SPACE])
    assert (await service.locker(locker.name, token=operator)).name == locker.name
    stranger = await refused(service.locker(locker.name, token=lockers_cluster.token("operator", [ELSEWHERE])))
    assert (stranger.code, stranger.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    judge = await refused(service.locker(locker.name, token=lockers_cluster.token("judge")))
    assert (judge.reason, judge.metadata) == ("PERMISSION_DENIED", {"permission": "lockers.read"})
    assert (await refused(service.locker(locker.name, token="x.y.z"))).reason == "TOKEN_INVALID"


async def test_its_stream_brings_everything_in_scope(service: Lockers, lockers_cluster: Cluster) -> None:
    """A server-streaming method sends one message for each resource, over several pages, within the scope."""
    space = "spaces/exported"
    lockers = await asyncio.gather(*(service.create(space) for _ in range(60)))
    loans = await asyncio.gather(*(service.lend(locker.name) for locker in lockers))
    expected = sorted(loan.name for loan in loans)
    for token in (lockers_cluster.token(), lockers_cluster.token("operator", [space])):
        assert [loan.name for loan in await service.export(space, token)] == expected
    assert await service.export(space, lockers_cluster.token("operator", [ELSEWHERE])) == []


async def test_its_stream_is_permission_checked(service: Lockers, lockers_cluster: Cluster) -> None:
    """A server-streaming method refuses as any other does."""
    assert (await refused(service.export(SPACE, ""))).reason == "TOKEN_MISSING"
    assert (await refused(service.export(SPACE, lockers_cluster.token("judge")))).reason == "PERMISSION_DENIED"
    malformed: Refused = await refused(service.export("lockers/1", lockers_cluster.token()))
    assert malformed.fields == {"space": "MALFORMED"}


async def test_its_timer_fires_and_its_facts_are_published(service: Lockers, stream: JetStreamContext) -> None:
    """The timer ends a loan at its end time, and the facts of the loan arrive in the stream in their order."""
    locker = await service.create()
    loan = await service.lend(locker.name, timedelta(milliseconds=300))

    async def has_ended() -> bool:
        return bool((await service.loan(loan.name)).state == service.pb.loan_pb2.Loan.STATE_ENDED)

    await eventually(has_ended)
    assert (await service.locker(locker.name)).loan == ""
    facts = await stream.pull_subscribe("hatchery.lockers.>", stream="LOCKERS")
    published: list[tuple[str, str]] = []

    async def both_are_published() -> bool:
        for message in await facts.fetch(100, timeout=1):
            headers = message.headers or {}
            if headers["ce-subject"] == loan.name:
                published.append((headers["ce-type"], headers["ce-sequence"]))
                fact = getattr(service.pb.facts_pb2, message.subject.rpartition(".")[2]).FromString(message.data)
                assert (fact.name, fact.locker, fact.startup) == (loan.name, locker.name, STARTUP)
        return len(published) == 2

    await eventually(both_are_published)
    assert published == [("hatchery.lockers.v1.LockerLent", "1"), ("hatchery.lockers.v1.LoanEnded", "2")]


@pytest.mark.parametrize("method", ["GetLoan", "ExportLoans"])
def test_a_method_that_lacks_its_permission_keeps_the_service_from_starting(
    lockers_cluster: Cluster, tmp_path: Path, method: str
) -> None:
    """A service does not start while a method, unary or streaming, names no permission; its message says which."""
    generate_stubs(tmp_path, without_permission=method)
    replica = replica_of(lockers_cluster, f"lockers-{method}", tmp_path)
    with pytest.raises(
        CliError, match=rf"cannot serve: hatchery\.lockers\.v1\.LoanService\.{method} needs a permission"
    ):
        replica.start()
    assert replica.child.end == "exit code 1"


async def test_a_command_that_commits_twice_raises(mongo: Mongo, stubs: SimpleNamespace) -> None:
    """A second commit under one context is an error at once and commits nothing; `ctx.step` is for a further one."""
    domain: Any = import_module("tests.contracts.throwaway.domain.locker")
    service: Any = import_module("tests.contracts.throwaway.service.locker")
    kind: Any = import_module("tests.contracts.throwaway.store").LockersStore
    async with new_database(mongo) as database, running(new_store(kind, database, stubs.facts_pb2)) as store:
        lockers = service.Lockers(store, Names(Clock()))
        ctx, command = new_context(), domain.CreateLocker(space=SPACE)
        first = await lockers.create(command, ctx)
        with pytest.raises(RuntimeError, match="commits twice under one context"):
            await lockers.create(command, ctx)
        second = await lockers.create(command, ctx.step("another"))
        names = [row["_id"] for row in await database.collection("lockers").find().sort("_id").to_list(None)]
    assert names == sorted([first.name, second.name])
