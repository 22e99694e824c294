"""Everything a running service needs, opened in order and closed in reverse."""

import asyncio
import signal
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from types import ModuleType
from typing import Any, TypeVar

import nats
import structlog
from nats.aio.client import Client

from libs.common.domain.profile import Profile, ProfileError, Section, read_profile
from libs.common.messaging.inbox import Inbox
from libs.common.messaging.relay import Relay
from libs.common.messaging.subscription import Subscription, Subscriptions
from libs.common.rpc.grants import Grants
from libs.common.rpc.mapping import ensure_supported
from libs.common.runtime import logs, tracing
from libs.common.runtime.clock import Clock, Names
from libs.common.runtime.errors import StartupError
from libs.common.runtime.metrics import serve_metrics
from libs.common.runtime.operations import OperationsRpc
from libs.common.runtime.server import Server, Servicer, operations_servicer
from libs.common.runtime.settings import Settings
from libs.common.runtime.sweeper import Sweeper, Timer
from libs.common.store.database import Database
from libs.common.store.journal import FactEncoder
from libs.common.store.store import Store

log = structlog.get_logger()
S = TypeVar("S", bound=Store)
P = TypeVar("P", bound=Section)


class Runtime:
    """The parts that a service is built from. Set `stop` to end it."""

    def __init__(
        self, name: str, settings: Settings, database: Database, connection: Client, stop: asyncio.Event
    ) -> None:
        self.name = name
        self.settings = settings
        self.database = database
        self.connection = connection
        self.stop = stop
        self.clock = Clock()
        self.names = Names(self.clock)
        self.profile: Profile = _profile(settings)
        self.city = self.profile.city

    def store(self, kind: type[S], facts: ModuleType) -> S:
        """Create the service's store. `facts` is the generated module of its facts."""
        return kind(
            self.database,
            FactEncoder(facts),
            self.clock.now,
            projection_wait_seconds=self.settings.projection_wait_seconds,
            max_queued=self.settings.max_queued,
            max_batch=self.settings.max_batch,
        )

    def section(self, model: type[P], name: str = "") -> P:
        """Read a section of the city's profile, the service's own unless it is named.

        StartupError when it is missing or invalid.
        """
        try:
            return self.profile.section(name or self.name, model)
        except ProfileError as error:
            raise StartupError(f"cannot use the profile: {error}") from error

    async def serve(
        self,
        store: Store,
        *,
        servicers: Sequence[Servicer],
        grants: Grants,
        subscriptions: Subscriptions,
        timers: tuple[Timer, ...] = (),
    ) -> None:
        """Serve until `stop` is set."""
        settings = self.settings
        await store.prepare()
        relay = Relay(
            self.database,
            self.connection,
            self.name,
            lease_seconds=settings.lease_seconds,
            stream_replicas=settings.nats_replicas,
        )
        inboxes = {source: self._inbox(source, each) for source, each in subscriptions.items()}
        sweeper = Sweeper(self.database, self.name, timers, self.clock.now, settings.sweep_seconds)
        operations = OperationsRpc(self.name, self.database, relay, inboxes, self.clock.now())
        server = Server(settings, (*servicers, operations_servicer(operations)), grants)
        async with asyncio.TaskGroup() as tasks:
            loops = [store.loop.run(), relay.run(), *(inbox.run() for inbox in inboxes.values()), sweeper.run()]
            running = [tasks.create_task(loop) for loop in (logs.flush_periodically(), *loops)]
            await server.start()
            log.info("serving", listen=settings.listen)
            await self.stop.wait()
            log.info("stopping")
            await server.stop(settings.grace_seconds)
            await store.loop.close()
            await _cancel(running)
        if self.connection.is_closed:  # the client does not reconnect after this, and facts would no longer flow
            raise StartupError(f"cannot go on: NATS has closed the connection: {self.connection.last_error}")

    def _inbox(self, source: str, subscriptions: Sequence[Subscription]) -> Inbox:
        for subscription in subscriptions:
            ensure_supported(subscription.message.DESCRIPTOR)
        return Inbox(
            self.database,
            self.connection,
            self.name,
            source,
            subscriptions,
            max_tries=self.settings.fact_max_tries,
            backoff_seconds=self.settings.fact_backoff_seconds,
        )


async def _cancel(running: Collection["asyncio.Task[None]"]) -> None:
    """Cancel until the tasks have ended: a closed NATS client turns a cancellation into an error of its own."""
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=2)


def _profile(settings: Settings) -> Profile:
    try:
        return read_profile(settings.profile)
    except ProfileError as error:
        raise StartupError(f"cannot use the profile: {error}") from error


@asynccontextmanager
async def open_runtime(name: str, settings: Settings) -> AsyncIterator[Runtime]:
    """Open logs, traces, metrics, MongoDB and NATS for the service of this name; close them in reverse."""
    logs.configure(settings.log_level, service=name)
    tracing.configure(name, settings.otlp_endpoint)
    async with AsyncExitStack() as stack:
        if settings.metrics_listen:
            serve_metrics(settings.metrics_listen, stack.enter_context(ExitStack()))
        database = Database(
            settings.mongo_uri.get_secret_value(), settings.mongo_database or f"hatchery_{name}", settings.mongo_driver
        )
        stack.push_async_callback(database.close)
        await database.ping()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # before the health check reports SERVING
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        connection = await _connect(name, settings, stop)
        stack.push_async_callback(_close, connection)
        yield Runtime(name, settings, database, connection, stop)


async def _connect(name: str, settings: Settings, stop: asyncio.Event) -> Client:
    """Connect to NATS. The connection is restored whenever it breaks; when it is closed for good, `stop` is set."""
    options: dict[str, Any] = {"name": name, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.2}
    if settings.nats_seed_file is not None:
        options["nkeys_seed"] = str(settings.nats_seed_file)

    async def report(error: Exception) -> None:
        log.warning("nats_error", error=type(error).__name__)

    async def closed() -> None:
        stop.set()

    return await nats.connect(settings.nats_url.split(","), error_cb=report, closed_cb=closed, **options)


async def _close(connection: Client) -> None:
    with suppress(nats.errors.Error):
        await connection.close()
