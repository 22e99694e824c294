"""A running service: what it needs is opened in order, its servers answer, and at a stop all is closed in reverse."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import ModuleType
from typing import Any

import nats
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio, ssl_server_credentials
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection
from nats.aio.client import Client
from prometheus_client import start_http_server
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from libs.api.hatchery.operations.v1 import operations_pb2
from libs.api.hatchery.operations.v1.operations_pb2_grpc import add_OperationsServiceServicer_to_server
from libs.common import logs, tracing
from libs.common.clock import Clock, Names
from libs.common.documents import Documents
from libs.common.identity import Keys, Verifier
from libs.common.inbox import Heed, Inbox
from libs.common.interceptors import Road
from libs.common.operations import OperationsRpc
from libs.common.permissions import permissions
from libs.common.profile import BadProfile, City, read_profile
from libs.common.relay import Relay
from libs.common.settings import Settings, explain
from libs.common.store import Store
from libs.common.sweeper import Due, Sweeper

log = structlog.get_logger()

#: A request that is larger is refused before it is read.
MOST_BYTES = 1 << 20
Heeds = Mapping[str, Sequence[Heed]]


class Cannot(Exception):
    """What keeps a service from starting or from going on; the text goes on where "cannot" ends."""


class House:
    """What a service is built from, opened and ready; `stop` ends it."""

    def __init__(
        self, name: str, settings: Settings, documents: Documents, connection: Client, stop: asyncio.Event
    ) -> None:
        self.name = name
        self.settings = settings
        self.documents = documents
        self.connection = connection
        self.stop = stop
        self.clock = Clock()
        self.names = Names(self.clock)
        self.city: City = _city(settings)

    async def serve(
        self,
        add: Callable[[aio.Server], None],
        contract: ModuleType,
        store: Store,
        *,
        heeds: Heeds,
        due: tuple[Due, ...] = (),
    ) -> None:
        """Answer until told to stop: `add` puts the service's methods on the server, `contract` is its proto."""
        settings = self.settings
        await store.prepare()
        replicas = settings.nats_replicas
        relay = Relay(self.documents, self.connection, self.name, settings.lease, stream_replicas=replicas)
        inboxes = {source: self._inbox(source, heeded) for source, heeded in heeds.items()}
        sweeper = Sweeper(self.documents, self.name, due, self.clock, settings.sweep)
        operations = OperationsRpc(self.name, self.documents, relay, inboxes, self.clock.now())
        answers = health.HealthServicer()
        server = await self._server(add, operations, answers, [*_services(contract), *_services(operations_pb2)])
        async with asyncio.TaskGroup() as tasks:
            loops = [store.loop.run(), relay.run(), *(inbox.run() for inbox in inboxes.values()), sweeper.run()]
            running = [tasks.create_task(loop) for loop in (logs.flush_on(), *loops)]
            await server.start()
            log.info("serving", listen=settings.listen)
            await self.stop.wait()
            log.info("stopping")
            await answers.enter_graceful_shutdown()
            await server.stop(settings.grace)
            await store.loop.close()
            await _end(running)
        if self.connection.is_closed:  # which the client does for good; without it no fact would move
            raise Cannot(f"go on: NATS has closed the connection: {self.connection.last_error}")

    def _inbox(self, source: str, heeded: Sequence[Heed]) -> Inbox:
        tries, backoff = self.settings.fact_tries, self.settings.fact_backoff
        return Inbox(self.documents, self.connection, self.name, source, heeded, tries=tries, backoff=backoff)

    async def _server(
        self,
        add: Callable[[aio.Server], None],
        operations: OperationsRpc,
        answers: health.HealthServicer,
        services: list[ServiceDescriptor],
    ) -> aio.Server:
        settings = self.settings
        keys = Keys(settings.jwks)
        verifier = Verifier(keys, settings.issuer, settings.audience)
        road = Road(permissions(services), verifier, settings.deadline)
        options = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.so_reuseport", 0)]
        server = aio.server(interceptors=(road,), options=options)
        add(server)
        add_OperationsServiceServicer_to_server(operations, server)
        names = [service.full_name for service in services]
        health_pb2_grpc.add_HealthServicer_to_server(answers, server)
        for name in ("", *names):
            await answers.set(name, health_pb2.HealthCheckResponse.SERVING)
        reflection.enable_server_reflection(
            [*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name], server
        )
        _listen(server, settings)
        return server


async def _end(running: Collection[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: a NATS client that is closed makes an error of its own of a cancellation."""
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=2)


def _services(contract: ModuleType) -> list[ServiceDescriptor]:
    return list(contract.DESCRIPTOR.services_by_name.values())


def _city(settings: Settings) -> City:
    try:
        return read_profile(settings.profile)
    except BadProfile as error:
        raise Cannot(f"use the profile: {error}") from error


def _listen(server: aio.Server, settings: Settings) -> None:
    try:
        port = _port(server, settings)
    except RuntimeError as error:
        raise Cannot(f"listen on {settings.listen}: {error}") from error
    if not port:
        raise Cannot(f"listen on {settings.listen}")


def _port(server: aio.Server, settings: Settings) -> int:
    if settings.tls_cert is None or settings.tls_key is None:
        return server.add_insecure_port(settings.listen)
    authority = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
    credentials = ssl_server_credentials([pair], authority, require_client_auth=authority is not None)
    return server.add_secure_port(settings.listen, credentials)


@asynccontextmanager
async def house(name: str, settings: Settings) -> AsyncIterator[House]:
    """Logs, traces, metrics, MongoDB and NATS: opened here, closed in reverse."""
    logs.configure(settings.log_level, service=name)
    tracing.configure(name, settings.otlp_endpoint)
    async with AsyncExitStack() as stack:
        if settings.metrics_listen:
            _show_metrics(settings.metrics_listen, stack)
        database = settings.mongo_database or f"hatchery_{name}"
        documents = Documents(settings.mongo_uri.get_secret_value(), database, settings.mongo_driver)
        stack.push_async_callback(documents.close)
        await documents.ping()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # before anybody could see that it serves
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        connection = await _connect(name, settings, stop)
        stack.push_async_callback(_close, connection)
        yield House(name, settings, documents, connection, stop)


def _show_metrics(listen: str, stack: AsyncExitStack) -> None:
    host, _, port = listen.rpartition(":")
    try:
        page, thread = start_http_server(int(port), host)
    except (OSError, ValueError, OverflowError) as error:
        raise Cannot(f"show metrics on {listen}: {error}") from error
    stack.callback(thread.join)
    stack.callback(page.shutdown)


async def _connect(name: str, settings: Settings, stop: asyncio.Event) -> Client:
    """A connection that is made again whenever it breaks; when it is closed for good, `stop` is set."""
    options: dict[str, Any] = {"name": name, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.2}
    if settings.nats_seed_file is not None:
        options["nkeys_seed"] = str(settings.nats_seed_file)

    async def note(error: Exception) -> None:
        log.warning("nats_error", error=type(error).__name__)

    async def lost() -> None:
        stop.set()

    return await nats.connect(settings.nats_url.split(","), error_cb=note, closed_cb=lost, **options)


async def _close(connection: Client) -> None:
    with suppress(nats.errors.Error):
        await connection.close()


def run(main: Callable[[], Any]) -> None:
    """Run a service's main until it is told to stop; what keeps it from starting is said in a sentence."""
    # What was imported lives as long as the process; the collector need not look at it again and again.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        uvloop.run(main())
    except Exception as error:
        causes = [*_causes(error)]
        if not all(map(_sentence, causes)):
            raise
        sys.exit(_sentence(causes[0]))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What a group of errors is made of, and what the groups in it are made of; else the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    else:
        yield error


def _sentence(cause: BaseException) -> str:
    """What is said of an error that was foreseen; nothing of any other."""
    if isinstance(cause, Cannot):
        return f"cannot {cause}"
    if isinstance(cause, ValidationError) and cause.title == Settings.__name__:
        return explain(cause)
    if isinstance(cause, PyMongoError | nats.errors.Error | OSError):
        return f"cannot go on: {type(cause).__name__}: {cause}"
    return ""
