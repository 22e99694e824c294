"""Services that run, stop and come back, and waiting until facts between them have taken effect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from grpc import aio

from libs.api.hatchery.mentors.v1 import (
    availability_pb2_grpc,
    consultation_pb2_grpc,
    mentor_pb2_grpc,
    report_pb2_grpc,
)
from libs.api.hatchery.operations.v1 import operations_pb2 as op
from libs.api.hatchery.operations.v1 import operations_pb2_grpc
from libs.api.hatchery.spaces.v1 import space_pb2_grpc, tenancy_pb2_grpc
from libs.api.hatchery.startups.v1 import startup_pb2_grpc
from tests.support.calls import Api
from tests.support.processes import Cluster
from tests.support.waiting import eventually, holds_repeatedly, pending_work

NAMES = ("spaces", "mentors", "startups")


class Services:
    """All services of a cluster, called over channels that are made anew when a service comes back."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._channels: dict[str, aio.Channel] = {}

    @property
    def spaces(self) -> Api:
        """SpaceService."""
        return self._api("spaces", space_pb2_grpc, "SpaceService")

    @property
    def tenancies(self) -> Api:
        """TenancyService."""
        return self._api("spaces", tenancy_pb2_grpc, "TenancyService")

    @property
    def startups(self) -> Api:
        """StartupService."""
        return self._api("startups", startup_pb2_grpc, "StartupService")

    @property
    def mentors(self) -> Api:
        """MentorService."""
        return self._api("mentors", mentor_pb2_grpc, "MentorService")

    @property
    def availabilities(self) -> Api:
        """AvailabilityService."""
        return self._api("mentors", availability_pb2_grpc, "AvailabilityService")

    @property
    def consultations(self) -> Api:
        """ConsultationService."""
        return self._api("mentors", consultation_pb2_grpc, "ConsultationService")

    @property
    def reports(self) -> Api:
        """ReportService."""
        return self._api("mentors", report_pb2_grpc, "ReportService")

    def operations(self, service: str) -> Api:
        """Return the operations of a service."""
        return self._api(service, operations_pb2_grpc, "OperationsService")

    def start(self, service: str) -> None:
        """Start a service, for the first time or again."""
        if service in self.cluster.replicas:
            self.cluster.replicas[service].start()
        else:
            self.cluster.start(service)

    async def stop(self, service: str) -> None:
        """Stop a service cleanly."""
        if channel := self._channels.pop(service, None):
            await channel.close()
        self.cluster.replicas[service].child.stop()

    async def until_idle(self) -> None:
        """Wait until every committed fact is published, and every published fact has taken effect."""

        async def is_idle() -> bool:
            pending = [pending_work(await self.operations(name).GetStatus(op.GetStatusRequest())) for name in NAMES]
            return not any(pending)

        await eventually(holds_repeatedly(is_idle), 40)

    async def until_published(self, service: str) -> None:
        """Wait until every committed fact of a service is published, whether or not others are there to handle it."""

        async def is_published() -> bool:
            status = await self.operations(service).GetStatus(op.GetStatusRequest())
            return not status.unpublished

        await eventually(holds_repeatedly(is_published), 40)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()

    def _api(self, service: str, stubs: ModuleType, name: str) -> Api:
        if service not in self._channels:
            self._channels[service] = aio.insecure_channel(self.cluster.replicas[service].address)
        return Api(self._channels[service], stubs, name, self.cluster.token())


@asynccontextmanager
async def running_services(cluster: Cluster) -> AsyncIterator[Services]:
    """Start all services."""
    services = Services(cluster)
    for name in NAMES:
        services.start(name)
    yield services
    await services.close()
