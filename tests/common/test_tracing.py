"""Traces: a caller's trace goes on into the facts that its command tells, and spans go where they are sent."""

from collections.abc import AsyncIterator

import pytest
from grpc import aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.spaces.v1 import spaces_pb2_grpc
from libs.common.documents import Documents
from tests.conftest import eventually
from tests.running import World, metadata

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


class Collector(TraceServiceServicer):
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()

    async def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:  # noqa: N802 - gRPC's name
        """Keep what comes."""
        for sent in request.resource_spans:
            self.services |= {a.value.string_value for a in sent.resource.attributes if a.key == "service.name"}
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]
        return pb.ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    """A collector on loopback, and where it listens."""
    kept, server = Collector(), aio.server()
    add_TraceServiceServicer_to_server(kept, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield kept, f"http://127.0.0.1:{port}"
    await server.stop(1)


@pytest.fixture
async def journal(world: World) -> AsyncIterator[Documents]:
    """The documents of spaces."""
    opened = Documents(world.mongo.admin_uri, world.database("spaces"))
    yield opened
    await opened.close()


def space(**fields: str) -> sp.CreateSpaceRequest:
    """A request that is complete."""
    spec = sp.SpaceSpec(
        display_name="Trace",
        kind=sp.Space.KIND_INCUBATOR,
        district="districts/220203",
        operator="O",
        desks=1,
        area_m2=9,
    )
    return sp.CreateSpaceRequest(space=spec, **fields)


async def create(address: str, world: World, traceparent: str, request: sp.CreateSpaceRequest) -> sp.Space:
    """Create a space as a caller who traces."""
    async with aio.insecure_channel(address) as channel:
        stub = spaces_pb2_grpc.SpaceServiceStub(channel)
        headers = (*metadata(world.token()), ("traceparent", traceparent))
        made: sp.Space = await stub.CreateSpace(request, metadata=headers, timeout=10)
        return made


async def kept(journal: Documents, name: str) -> str:
    """The traceparent with which a space's fact is told."""
    entry = await journal.collection("journal").find_one({"entities.name": name})
    assert entry is not None
    return str(entry["traceparent"])


@pytest.mark.parametrize(
    ("given", "passed"), [(TRACEPARENT, TRACEPARENT), ("hunter2", ""), (TRACEPARENT + "-x", ""), ("", "")]
)
async def test_a_trace_goes_on_into_the_fact(world: World, journal: Documents, given: str, passed: str) -> None:
    """The caller's trace goes into the facts of its command; what is no traceparent goes nowhere."""
    replica = world.replicas.get("spaces") or world.start("spaces")
    made = await create(replica.address, world, given, space())
    assert await kept(journal, made.name) == passed


async def test_spans_are_sent(world: World, journal: Documents, collector: tuple[Collector, str]) -> None:
    """With an endpoint each call is a span below its caller's; its fact goes on below that span, failures show."""
    spans, endpoint = collector
    settings = {"HATCHERY_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    replica = world.start("spaces", "traced", **settings)
    made = await create(replica.address, world, TRACEPARENT, space())
    with pytest.raises(aio.AioRpcError):
        await create(replica.address, world, TRACEPARENT, sp.CreateSpaceRequest())

    async def both() -> bool:
        return len([span for span in spans.spans if span.name.endswith("CreateSpace")]) == 2

    await eventually(both)
    good, bad = (span for span in spans.spans if span.name.endswith("CreateSpace"))
    for span in (good, bad):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert span.kind == Span.SPAN_KIND_SERVER
        assert span.name == "hatchery.spaces.v1.SpaceService.CreateSpace"
    assert (good.status.code, bad.status.code) == (Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR)
    assert await kept(journal, made.name) == f"00-{TRACE}-{good.span_id.hex()}-01"
    assert spans.services == {"spaces"}
