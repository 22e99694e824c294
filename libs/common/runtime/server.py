"""The gRPC server: the service's servicers, operations, health and reflection behind the interceptor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio, ssl_server_credentials
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from libs.api.hatchery.operations.v1 import operations_pb2
from libs.api.hatchery.operations.v1.operations_pb2_grpc import add_OperationsServiceServicer_to_server
from libs.common.rpc.grants import Grants, GrantsError, access_by_path
from libs.common.rpc.identity import Keys, Verifier
from libs.common.rpc.interceptor import CallInterceptor
from libs.common.rpc.mapping import ensure_supported
from libs.common.runtime import operations
from libs.common.runtime.errors import StartupError
from libs.common.runtime.settings import Settings
from libs.common.store.database import as_refusal

#: A larger request is refused before it is read.
MAX_MESSAGE_BYTES = 1 << 20
#: Soft and hard limit are the same: between them gRPC refuses at random. Tokens of 64 KiB must fit.
MAX_METADATA_BYTES = 128 << 10
#: Keepalive pings that arrive more often are answered with GOAWAY. A second of tolerance for the callers' timers.
MIN_PING_INTERVAL_MS = 9_000


@dataclass(frozen=True, slots=True)
class Servicer:
    """One resource's gRPC service: the module of its proto, the generated add function, the implementation."""

    contract: ModuleType
    add: Callable[[Any, aio.Server], None]
    implementation: Any

    @property
    def services(self) -> list[ServiceDescriptor]:
        """The services that the proto declares."""
        return list(self.contract.DESCRIPTOR.services_by_name.values())


class Server:
    """A gRPC server that is built but not started."""

    def __init__(self, settings: Settings, servicers: Sequence[Servicer], grants: Grants) -> None:
        services = [service for servicer in servicers for service in servicer.services]
        self._names = [service.full_name for service in services]
        self.interceptor = _interceptor(settings, services, grants)
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.max_connection_age_ms", int(settings.connection_age_seconds * 1000)),
            ("grpc.max_connection_age_grace_ms", 60_000),
            ("grpc.so_reuseport", 0),
        ]
        self._server = aio.server(interceptors=(self.interceptor,), options=options)
        for servicer in servicers:
            servicer.add(servicer.implementation, self._server)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflected = [*self._names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name]
        reflection.enable_server_reflection(reflected, self._server)
        _listen(self._server, settings)

    async def start(self) -> None:
        """Start serving, and report it in the health check."""
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Report NOT_SERVING, answer new calls with UNAVAILABLE, let those in progress finish, then close."""
        await self._health.enter_graceful_shutdown()
        await self.interceptor.drain(grace_seconds)
        await self._server.stop(1)


def operations_servicer(implementation: operations.OperationsRpc) -> Servicer:
    """Return the servicer that every service has."""
    return Servicer(operations_pb2, add_OperationsServiceServicer_to_server, implementation)


def _interceptor(settings: Settings, services: Sequence[ServiceDescriptor], grants: Grants) -> CallInterceptor:
    try:
        access = access_by_path(services, {**grants, **operations.GRANTS})
        for service in services:
            for method in service.methods:
                ensure_supported(method.input_type)
                ensure_supported(method.output_type)
    except (GrantsError, TypeError) as error:
        raise StartupError(f"cannot serve: {error}") from error
    return CallInterceptor(
        access,
        Verifier(Keys(settings.jwks), settings.issuer, settings.audience),
        as_refusal,
        deadline_seconds=settings.deadline_seconds,
        anonymous_calls_per_second=settings.anonymous_calls_per_second,
    )


def _listen(server: aio.Server, settings: Settings) -> None:
    try:
        port = _bind(server, settings)
    except (RuntimeError, OSError) as error:
        raise StartupError(f"cannot listen on {settings.listen}: {error}") from error
    if not port:
        raise StartupError(f"cannot listen on {settings.listen}")


def _bind(server: aio.Server, settings: Settings) -> int:
    if settings.tls_cert is None or settings.tls_key is None:
        return server.add_insecure_port(settings.listen)
    authority = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
    credentials = ssl_server_credentials([pair], authority, require_client_auth=authority is not None)
    return server.add_secure_port(settings.listen, credentials)
