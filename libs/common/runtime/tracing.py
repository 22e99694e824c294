"""Sending spans to a collector."""

from libs.common.rpc.tracing import record_with


def configure(service: str, endpoint: str) -> None:
    """Send spans to the endpoint (OTLP over gRPC). Without one the SDK is not even imported, because it is large."""
    if not endpoint:
        return
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    record_with(provider.get_tracer("hatchery"))
