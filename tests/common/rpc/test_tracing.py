"""Traces: a caller's trace goes on into the facts of its command, and spans go where they are sent."""

from collections.abc import AsyncIterator

import pytest
from grpc import aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from libs.api.hatchery.spaces.v1 import space_pb2, space_pb2_grpc
from libs.common.store.database import Database
from tests.support.calls import bearer
from tests.support.processes import Cluster, Replica
from tests.support.waiting import eventually

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


class Collector(TraceServiceServicer):
    """Receives spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()

    async def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:  # noqa: N802 - gRPC's name
        """Keep what arrives."""
        for sent in request.resource_spans:
            self.services |= {a.value.string_value for a in sent.resource.attributes if a.key == "service.name"}
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]
        return pb.ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    """A collector on loopback, and its address."""
    received, server = Collector(), aio.server()
    add_TraceServiceServicer_to_server(received, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield received, f"http://127.0.0.1:{port}"
    await server.stop(1)


@pytest.fixture
async def spaces_database(cluster: Cluster) -> AsyncIterator[Database]:
    """The database of spaces."""
    opened = Database(cluster.mongo.admin_uri, cluster.database("spaces"))
    yield opened
    await opened.close()


def complete_request() -> space_pb2.CreateSpaceRequest:
    """Return a request that succeeds."""
    spec = space_pb2.SpaceSpec(
        display_name="Trace",
        kind=space_pb2.Space.KIND_INCUBATOR,
        district="districts/220203",
        operator="O",
        desks=1,
        area_m2=9,
    )
    return space_pb2.CreateSpaceRequest(space=spec)


async def create(
    address: str, cluster: Cluster, traceparent: str, request: space_pb2.CreateSpaceRequest
) -> space_pb2.Space:
    """Create a space as a caller who traces."""
    async with aio.insecure_channel(address) as channel:
        stub = space_pb2_grpc.SpaceServiceStub(channel)
        headers = (*bearer(cluster.token()), ("traceparent", traceparent))
        created: space_pb2.Space = await stub.CreateSpace(request, metadata=headers, timeout=10)
        return created


async def published_traceparent(database: Database, name: str) -> str:
    """Return the traceparent with which a space's fact is published."""
    entry = await database.collection("journal").find_one({"entities.name": name})
    assert entry is not None
    return str(entry["traceparent"])


@pytest.mark.parametrize(
    ("given", "passed"), [(TRACEPARENT, TRACEPARENT), ("hunter2", ""), (TRACEPARENT + "-x", ""), ("", "")]
)
async def test_a_trace_goes_on_into_the_fact(
    cluster: Cluster, spaces_replica: Replica, spaces_database: Database, given: str, passed: str
) -> None:
    """The caller's trace goes into the facts of its command; what is no traceparent goes nowhere."""
    created = await create(spaces_replica.address, cluster, given, complete_request())
    assert await published_traceparent(spaces_database, created.name) == passed


async def test_spans_are_sent(cluster: Cluster, spaces_database: Database, collector: tuple[Collector, str]) -> None:
    """With an endpoint each call is a span below its caller's, and its fact goes on below that; failures are marked."""
    received, endpoint = collector
    settings = {"HATCHERY_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    replica = cluster.start("spaces", "traced", **settings)
    created = await create(replica.address, cluster, TRACEPARENT, complete_request())
    with pytest.raises(aio.AioRpcError):
        await create(replica.address, cluster, TRACEPARENT, space_pb2.CreateSpaceRequest())

    async def both_arrived() -> bool:
        return len([span for span in received.spans if span.name.endswith("CreateSpace")]) == 2

    await eventually(both_arrived)
    good, bad = (span for span in received.spans if span.name.endswith("CreateSpace"))
    for span in (good, bad):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert span.kind == Span.SPAN_KIND_SERVER
        assert span.name == "hatchery.spaces.v1.SpaceService.CreateSpace"
    assert (good.status.code, bad.status.code) == (Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR)
    assert await published_traceparent(spaces_database, created.name) == f"00-{TRACE}-{good.span_id.hex()}-01"
    assert received.services == {"spaces"}
