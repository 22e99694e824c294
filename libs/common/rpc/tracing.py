"""W3C trace context: always passed on, and recorded as spans when an exporter is configured."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
_tracers: list[trace.Tracer] = []


def record_with(tracer: trace.Tracer) -> None:
    """Record spans with this tracer from now on."""
    _tracers[:] = [tracer]


def span(name: str, parent: str, kind: SpanKind) -> AbstractContextManager[str]:
    """Record the block as a span below `parent` (a traceparent). Yields the traceparent to pass on."""
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
