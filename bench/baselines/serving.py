"""What every baseline stands on: the very interceptor, options, loop, logs and contract of Hatchery's services."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from bson.codec_options import CodecOptions
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.write_concern import WriteConcern

from libs.api.hatchery.spaces.v1 import spaces_pb2
from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import SpaceServiceServicer, add_SpaceServiceServicer_to_server
from libs.common import logs
from libs.common.clock import Clock, Names
from libs.common.house import MOST_BYTES, run
from libs.common.identity import Keys, Verifier
from libs.common.interceptors import Road
from libs.common.permissions import permissions
from libs.common.profile import City, read_profile
from libs.common.settings import Settings
from libs.common.values import Entity
from services.spaces.rpc import SpaceRpc
from services.spaces.service import Spaces

E = TypeVar("E", bound=Entity)
Database = AsyncIOMotorDatabase[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a baseline is made from."""

    client: "AsyncIOMotorClient[dict[str, Any]]"
    database: Database
    clock: Clock
    names: Names
    city: City
    zone: ZoneInfo


async def _serve(name: str, make: Callable[[Ground], SpaceServiceServicer]) -> None:
    settings = Settings()
    logs.configure(settings.log_level, service=name)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        settings.mongo_uri.get_secret_value(), tz_aware=True, appname=name
    )
    durable = WriteConcern("majority", j=True)
    database = client.get_database(settings.mongo_database, CodecOptions(tz_aware=True), write_concern=durable)
    city, clock = read_profile(settings.profile), Clock()
    ground = Ground(client, database, clock, Names(clock), city, ZoneInfo(city.time_zone))
    verifier = Verifier(Keys(settings.jwks), settings.issuer, settings.audience)
    needed = permissions(list(spaces_pb2.DESCRIPTOR.services_by_name.values()))
    options = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.so_reuseport", 0)]
    server = aio.server(interceptors=(Road(needed, verifier, settings.deadline),), options=options)
    add_SpaceServiceServicer_to_server(make(ground), server)
    answers = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(answers, server)
    await answers.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(settings.listen)
    await server.start()
    writing = asyncio.create_task(logs.flush_on())
    await _told_to_stop()
    writing.cancel()
    await server.stop(1)
    client.close()


async def _told_to_stop() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


def next_version(entity: E, now: datetime) -> E:
    """The entity as it is written: with the version and the times that Hatchery's commit gives it."""
    times = {"update_time": now} if entity.version else {"create_time": now, "update_time": now}
    return entity.with_(version=entity.version + 1, **times)


def serve(name: str, make: Callable[[Ground], SpaceServiceServicer]) -> None:
    """Run a baseline until it is told to stop."""
    run(partial(_serve, name, make))


def serve_spaces(name: str, make: Callable[[Ground], object]) -> None:
    """Run a baseline behind Hatchery's own decoding and encoding; it is asked what the service would be asked."""
    serve(name, lambda ground: SpaceRpc(cast("Spaces", make(ground))))
