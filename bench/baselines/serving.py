"""What every baseline runs on: the interceptor, options, event loop, logs and contract of Hatchery's services."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from bson.codec_options import CodecOptions
from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.write_concern import WriteConcern

from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.api.hatchery.spaces.v1.space_pb2_grpc import SpaceServiceServicer, add_SpaceServiceServicer_to_server
from libs.api.hatchery.spaces.v1.tenancy_pb2_grpc import TenancyServiceServicer, add_TenancyServiceServicer_to_server
from libs.common.domain.entity import Entity
from libs.common.domain.profile import City, read_profile
from libs.common.rpc.grants import access_by_path
from libs.common.rpc.identity import Keys, Verifier
from libs.common.rpc.interceptor import CallInterceptor
from libs.common.runtime import logs
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.main import run
from libs.common.runtime.server import MAX_MESSAGE_BYTES, MAX_METADATA_BYTES, MIN_PING_INTERVAL_MS
from libs.common.runtime.settings import Settings
from libs.common.store.database import as_refusal
from services.spaces.grants import GRANTS
from services.spaces.rpc.space import SpaceRpc
from services.spaces.rpc.tenancy import TenancyRpc
from services.spaces.service.space import Spaces
from services.spaces.service.tenancy import Tenancies

E = TypeVar("E", bound=Entity)
Database = AsyncIOMotorDatabase[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a baseline is built from."""

    client: "AsyncIOMotorClient[dict[str, Any]]"
    database: Database
    clock: Clock
    names: Names
    city: City
    zone: ZoneInfo


NewSpaces = Callable[[Parts], SpaceServiceServicer]
NewTenancies = Callable[[Parts], TenancyServiceServicer]


async def _serve(name: str, spaces: NewSpaces, tenancies: NewTenancies) -> None:
    settings = Settings()
    logs.configure(settings.log_level, service=name)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        settings.mongo_uri.get_secret_value(), tz_aware=True, appname=name
    )
    durable = WriteConcern("majority", j=True)
    database = client.get_database(settings.mongo_database, CodecOptions(tz_aware=True), write_concern=durable)
    city, clock = read_profile(settings.profile).city, Clock()
    parts = Parts(client, database, clock, Names(clock), city, ZoneInfo(city.time_zone))
    server = _server(settings)
    add_SpaceServiceServicer_to_server(spaces(parts), server)
    add_TenancyServiceServicer_to_server(tenancies(parts), server)
    health_servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    await health_servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(settings.listen)
    await server.start()
    flushing = asyncio.create_task(logs.flush_periodically())
    await _wait_for_sigterm()
    flushing.cancel()
    await server.stop(1)
    client.close()


def _server(settings: Settings) -> aio.Server:
    """Create a server with the options and the interceptor of libs.common.runtime.server."""
    contracts = (space_pb2, tenancy_pb2)
    services: list[ServiceDescriptor] = [
        service for contract in contracts for service in contract.DESCRIPTOR.services_by_name.values()
    ]
    interceptor = CallInterceptor(
        access_by_path(services, GRANTS),
        Verifier(Keys(settings.jwks), settings.issuer, settings.audience),
        as_refusal,
        deadline_seconds=settings.deadline_seconds,
        anonymous_calls_per_second=settings.anonymous_calls_per_second,
    )
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
    return aio.server(interceptors=(interceptor,), options=options)


async def _wait_for_sigterm() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


def next_version(entity: E, now: datetime) -> E:
    """Return the entity with the version and times that Hatchery's commit would give it."""
    times = {"update_time": now} if entity.version else {"create_time": now, "update_time": now}
    return entity.with_(version=entity.version + 1, **times)


def serve(name: str, spaces: NewSpaces, tenancies: NewTenancies) -> None:
    """Run a baseline until it is stopped."""
    run(partial(_serve, name, spaces, tenancies))


def serve_spaces(name: str, build: Callable[[Parts], object]) -> None:
    """Run a baseline behind Hatchery's own handlers. It has the methods of the services that they call."""
    serve(
        name,
        lambda parts: SpaceRpc(cast("Spaces", build(parts))),
        lambda parts: TenancyRpc(cast("Tenancies", build(parts))),
    )
