"""Connections: idle ones stay open, old ones are replaced without a failed call, a stopping replica says so."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psutil
from grpc import ChannelConnectivity, StatusCode, aio

from libs.api.hatchery.spaces.v1 import space_pb2, space_pb2_grpc, tenancy_pb2, tenancy_pb2_grpc
from tests.support.calls import Api, Refused, refused
from tests.support.processes import Cluster, Replica
from tests.support.waiting import eventually

Options = Sequence[tuple[str, Any]]

#: Channels to the same address would share a connection otherwise.
OWN_CONNECTION: Options = (("grpc.use_local_subchannel_pool", 1),)
ROUND_ROBIN: Options = (("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),)
#: Three pings of ten seconds, which is what the guide for operators permits, fit into this.
IDLE_SECONDS = 35


def pings(seconds: int) -> Options:
    """Return the options of a channel that sends keepalive pings at this interval, also without calls."""
    return (
        *OWN_CONNECTION,
        ("grpc.keepalive_time_ms", seconds * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    )


def connections(replica: Replica) -> set[int]:
    """Return the local ports of this process's open connections to a replica."""
    port = int(replica.address.rpartition(":")[2])
    sockets = psutil.Process().net_connections("tcp")
    return {each.laddr.port for each in sockets if each.status == "ESTABLISHED" and each.raddr[1:] == (port,)}


async def is_dropped(channel: aio.Channel, seconds: float) -> bool:
    """Whether a ready channel loses its connection within the time."""
    try:
        async with asyncio.timeout(seconds):
            await channel.wait_for_state_change(ChannelConnectivity.READY)
    except TimeoutError:
        return False
    return True


def spaces(channel: aio.Channel, cluster: Cluster) -> Api:
    """Return SpaceService over a channel."""
    return Api(channel, space_pb2_grpc, "SpaceService", cluster.token())


def new_space() -> space_pb2.CreateSpaceRequest:
    """Return a request for a space."""
    spec = space_pb2.SpaceSpec(display_name="space", kind=space_pb2.Space.KIND_INCUBATOR, operator="operator")
    spec.district, spec.desks = "districts/220203", 1
    return space_pb2.CreateSpaceRequest(space=spec, request_id=os.urandom(8).hex())


async def create_and_read(api: Api) -> None:
    """Send one command and one query."""
    created = await api.CreateSpace(new_space())
    assert await api.GetSpace(space_pb2.GetSpaceRequest(name=created.name)) == created


@asynccontextmanager
async def callers(api: Api, count: int) -> AsyncIterator[Counter[StatusCode]]:
    """Keep so many clients calling during the block. Yields how often each status was answered."""
    codes: Counter[StatusCode] = Counter()
    stopped = asyncio.Event()

    async def keep_calling() -> None:
        while not stopped.is_set():
            try:
                await create_and_read(api)
                codes[StatusCode.OK] += 1
            except aio.AioRpcError as error:
                codes[error.code()] += 1
                await asyncio.sleep(0.01)  # the backoff of a usual retry policy

    async with asyncio.TaskGroup() as clients:
        for _ in range(count):
            clients.create_task(keep_calling())
        try:
            yield codes
        finally:
            stopped.set()


async def more_succeed(codes: Counter[StatusCode], count: int = 50) -> None:
    """Wait until so many more calls have succeeded."""
    wanted = codes[StatusCode.OK] + count

    async def reached() -> bool:
        return codes[StatusCode.OK] >= wanted

    await eventually(reached, seconds=20)


async def test_an_idle_connection_with_keepalive_pings_stays_open(cluster: Cluster) -> None:
    """Pings every ten seconds do not cost an idle caller its connection; pings every two seconds do."""
    replica = cluster.start("spaces")
    async with (
        aio.insecure_channel(replica.address, pings(10)) as polite,
        aio.insecure_channel(replica.address, pings(2)) as impatient,
    ):
        await create_and_read(spaces(polite, cluster))
        opened = connections(replica)
        await create_and_read(spaces(impatient, cluster))
        assert len(opened) == 1
        assert len(connections(replica)) == 2
        is_polite_dropped, is_impatient_dropped = await asyncio.gather(
            is_dropped(polite, IDLE_SECONDS), is_dropped(impatient, IDLE_SECONDS)
        )
        assert not is_polite_dropped
        assert is_impatient_dropped
        await create_and_read(spaces(polite, cluster))
        assert connections(replica) == opened


async def test_calls_succeed_or_are_unavailable_while_a_replica_stops(cluster: Cluster) -> None:
    """While one of two replicas stops, calls succeed or are UNAVAILABLE; those cut off in progress say STOPPING."""
    settings = {"HATCHERY_GRACE_SECONDS": "1", "HATCHERY_PROJECTION_WAIT_SECONDS": "30"}
    stopping, remaining = cluster.start("spaces", "stopping", **settings), cluster.start("spaces", "remaining")
    both = f"ipv4:{stopping.address},{remaining.address}"
    async with (
        aio.insecure_channel(both, ROUND_ROBIN) as balanced,
        aio.insecure_channel(stopping.address, OWN_CONNECTION) as direct,
        callers(spaces(balanced, cluster), 8) as codes,
        callers(spaces(direct, cluster), 8) as direct_codes,
    ):
        await asyncio.gather(more_succeed(codes), more_succeed(direct_codes))
        slow = [asyncio.ensure_future(_wait_for_projection(direct, cluster)) for _ in range(4)]
        await more_succeed(direct_codes)
        stopping.child.terminate()
        endings = await asyncio.gather(*slow)

        async def has_ended() -> bool:
            return not stopping.child.running

        await eventually(has_ended)
        await more_succeed(codes)
    assert {(ending.code, ending.reason) for ending in endings} == {(StatusCode.UNAVAILABLE, "STOPPING")}
    assert set(codes) <= {StatusCode.OK, StatusCode.UNAVAILABLE}
    assert set(direct_codes) == {StatusCode.OK, StatusCode.UNAVAILABLE}


async def _wait_for_projection(channel: aio.Channel, cluster: Cluster) -> Refused:
    """Send a command that waits half a minute for a startup that does not exist, and return its refusal."""
    tenancies = Api(channel, tenancy_pb2_grpc, "TenancyService", cluster.token())
    created = await spaces(channel, cluster).CreateSpace(new_space())
    request = tenancy_pb2.RegisterTenantRequest(space=created.name, startup="startups/unknown", desks=1)
    return await refused(tenancies.RegisterTenant(request, timeout=60))


async def test_an_old_connection_is_replaced_without_a_failed_call(cluster: Cluster) -> None:
    """A caller that keeps calling moves to a new connection when the old one is too old, and no call fails."""
    replica = cluster.start("spaces", "moving", HATCHERY_CONNECTION_AGE_SECONDS="2")
    used: set[int] = set()

    async def has_moved_twice() -> bool:
        used.update(connections(replica))
        return len(used) >= 3

    async with (
        aio.insecure_channel(replica.address, OWN_CONNECTION) as channel,
        callers(spaces(channel, cluster), 4) as codes,
    ):
        await eventually(has_moved_twice, seconds=20)
    assert set(codes) == {StatusCode.OK}
