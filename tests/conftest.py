"""Fixtures of all tests: one real MongoDB per run, a cluster of services per file."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from grpc import aio
from hypothesis import HealthCheck, settings

from libs.api.hatchery.mentors.v1 import (
    availability_pb2_grpc,
    consultation_pb2_grpc,
    contact_pb2_grpc,
    mentor_pb2_grpc,
    nomination_pb2_grpc,
    panel_pb2_grpc,
    secondment_pb2_grpc,
)
from libs.api.hatchery.spaces.v1 import space_pb2_grpc, tenancy_pb2_grpc
from libs.api.hatchery.startups.v1 import startup_pb2_grpc
from libs.cli.servers.mongo import Mongo, start_mongo
from tests.support.calls import Api
from tests.support.processes import Cluster, Replica

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("soak", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=1000)
settings.load_profile(os.environ.get("HATCHERY_HYPOTHESIS", "default"))

#: A test that uses one of these fixtures needs servers.
SERVER_FIXTURES = {
    "mongo",
    "cluster",
    "contract",
    "snapshots",
    "spaces",
    "tenancies",
    "startups",
    "mentors",
    "nominations",
    "mentor_contacts",
    "availabilities",
    "panels",
    "secondments",
    "consultations",
    "database",
}
#: A test that uses one of these fixtures works on a database directly.
DRIVER_FIXTURES = {"database"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need servers, and among them those that run on both drivers, by the fixtures that they use."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SERVER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.servers)
        if DRIVER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.driver)


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongo]:
    """A real MongoDB for the whole run."""
    server = start_mongo(tmp_path_factory.mktemp("mongo"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(mongo: Mongo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A NATS server and databases of their own for the tests of a file."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), mongo)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def spaces_replica(cluster: Cluster) -> Replica:
    """A running spaces."""
    return cluster.start("spaces")


@pytest.fixture(scope="module")
async def spaces(cluster: Cluster, spaces_replica: Replica) -> AsyncIterator[Api]:
    """SpaceService, called as an admin unless a token is given."""
    async with aio.insecure_channel(spaces_replica.address) as channel:
        yield Api(channel, space_pb2_grpc, "SpaceService", cluster.token())


@pytest.fixture(scope="module")
async def tenancies(cluster: Cluster, spaces_replica: Replica) -> AsyncIterator[Api]:
    """TenancyService, called as an admin unless a token is given."""
    async with aio.insecure_channel(spaces_replica.address) as channel:
        yield Api(channel, tenancy_pb2_grpc, "TenancyService", cluster.token())


@pytest.fixture(scope="module")
async def startups(cluster: Cluster) -> AsyncIterator[Api]:
    """StartupService, called as an admin unless a token is given."""
    async with aio.insecure_channel(cluster.start("startups").address) as channel:
        yield Api(channel, startup_pb2_grpc, "StartupService", cluster.token())


@pytest.fixture(scope="module")
def mentors_replica(cluster: Cluster) -> Replica:
    """A running mentors."""
    return cluster.start("mentors")


@pytest.fixture(scope="module")
async def mentors(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """MentorService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, mentor_pb2_grpc, "MentorService", cluster.token())


@pytest.fixture(scope="module")
async def nominations(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """NominationService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, nomination_pb2_grpc, "NominationService", cluster.token())


@pytest.fixture(scope="module")
async def mentor_contacts(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """MentorContactService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, contact_pb2_grpc, "MentorContactService", cluster.token())


@pytest.fixture(scope="module")
async def availabilities(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """AvailabilityService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, availability_pb2_grpc, "AvailabilityService", cluster.token())


@pytest.fixture(scope="module")
async def consultations(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """ConsultationService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, consultation_pb2_grpc, "ConsultationService", cluster.token())


@pytest.fixture(scope="module")
async def panels(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """PanelService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, panel_pb2_grpc, "PanelService", cluster.token())


@pytest.fixture(scope="module")
async def secondments(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """SecondmentService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, secondment_pb2_grpc, "SecondmentService", cluster.token())


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).parent.parent
