"""Traces, after the W3C standard: always passed on, and recorded when there is somewhere to send them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
_tracers: list[trace.Tracer] = []  # one, when spans are sent somewhere


def configure(service: str, endpoint: str) -> None:
    """Send spans to the endpoint (OTLP over gRPC). Without one the SDK is not even imported; it is heavy."""
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    _tracers.append(provider.get_tracer("hatchery"))


def span(name: str, parent: str, kind: SpanKind) -> AbstractContextManager[str]:
    """Record what happens inside as a span below `parent` (a traceparent); gives the traceparent to pass on."""
    return _recorded(name, parent, kind) if _tracers else nullcontext(parent)


@contextmanager
def _recorded(name: str, parent: str, kind: SpanKind) -> Iterator[str]:
    context = _propagator.extract({"traceparent": parent})
    with _tracers[0].start_as_current_span(name, context, kind) as current:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        try:
            yield carrier.get("traceparent", parent)
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
