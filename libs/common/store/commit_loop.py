"""The commit loop: commands that arrive together are decided in memory and committed in one transaction."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Sized
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Histogram
from pymongo.errors import PyMongoError

from libs.common.domain.entity import Entity
from libs.common.domain.errors import Exhausted, Unavailable
from libs.common.rpc.context import CallContext
from libs.common.store import database as db
from libs.common.store.command import Command, Decide, Load
from libs.common.store.database import Database
from libs.common.store.journal import FactEncoder
from libs.common.store.schema import EntitySchema
from libs.common.store.unit_of_work import RaceError, UniqueError, UnitOfWork

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession

log = structlog.get_logger()

COMMIT_SECONDS = Histogram(
    "hatchery_commit_seconds",
    "Duration of one try to commit a batch.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
COMMIT_COMMANDS = Histogram(
    "hatchery_commit_commands",
    "Commands committed together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)


async def wait_for_batch(waiting: Sized, enough: int) -> None:
    """Return once ten turns of the event loop have brought nothing new, or enough is waiting.

    A call takes several turns from the socket to here. Under load this makes batches five times as large;
    a single caller pays some microseconds.
    """
    before, idle = len(waiting), 0
    while idle < 10 and len(waiting) < enough:
        await asyncio.sleep(0)
        idle = 0 if len(waiting) > before else idle + 1
        before = len(waiting)


class CommitLoop:
    """Queues commands while a batch is being committed, then commits them as the next batch."""

    def __init__(
        self,
        database: Database,
        schemas: Mapping[type[Entity], EntitySchema],
        encoder: FactEncoder,
        now: Callable[[], datetime],
        *,
        max_queued: int = 4096,
        max_batch: int = 256,
    ) -> None:
        self._database = database
        self._schemas = schemas
        self._encoder = encoder
        self._now = now
        self._max_queued = max_queued
        self._max_batch = max_batch
        self._queue: deque[Command] = deque()
        self._has_work = asyncio.Event()
        self._last_batch = 0

    async def submit(self, ctx: CallContext, loads: Sequence[Load[Any]], decide: Decide) -> Any:
        """Return the command's reply once it is durable, or raise its refusal or failure."""
        if len(self._queue) >= self._max_queued:
            raise Exhausted("TOO_BUSY", "too many commands are waiting", retry_after=0.5)
        command = Command(ctx, loads, decide, asyncio.get_running_loop().create_future())
        self._queue.append(command)
        self._has_work.set()
        return await command.reply

    async def run(self) -> None:
        """Commit batch after batch until cancelled."""
        while True:
            try:
                async with self._database.session() as session:
                    while True:
                        await self._has_work.wait()
                        await self._linger()
                        await self._commit(self._next_batch(), session)
            except PyMongoError as error:
                log.warning("commit_session_lost", error=type(error).__name__)
                await asyncio.sleep(0.1)

    async def _linger(self) -> None:
        """Wait briefly for callers that were just answered and are likely to send their next command.

        A batch costs much the same whatever its size, so two milliseconds pay off where several callers are
        active; a single caller does not wait.
        """
        await wait_for_batch(self._queue, self._max_batch)
        before, expected = 0, min(self._last_batch, self._max_batch)
        while before < len(self._queue) < expected and self._last_batch > 1:
            before = len(self._queue)
            await asyncio.sleep(0.002)

    def _next_batch(self) -> list[Command]:
        count = min(len(self._queue), self._max_batch)
        batch = [self._queue.popleft() for _ in range(count)]
        if not self._queue:
            self._has_work.clear()
        self._last_batch = count
        return batch

    async def _commit(self, commands: list[Command], session: "AsyncClientSession") -> None:
        """Commit a batch in one transaction, trying again after a lost race. A refusal fails its command alone."""
        tries, check_journal_first = 0, False
        while pending := [command for command in commands if command.is_pending()]:
            if len(pending) < len(commands):
                _forget_refusals(pending)
            commands = pending
            unit = UnitOfWork(self._schemas, self._encoder, self._now, commands, check_journal_first)
            try:
                with COMMIT_SECONDS.time():
                    await self._database.transact(session, unit.run)
            except UniqueError as error:
                for command, refusal in error.refused.items():
                    command.refusal = refusal  # answered with the others, once what it lost to is durable
            except Exception as error:
                _forget_refusals(commands)
                if not _may_retry(error):
                    await self._bisect(commands, error, session)
                    return
                tries, check_journal_first = tries + 1, True
                # A random pause keeps replicas from colliding again.
                await asyncio.sleep(min(0.5, 0.002 * 2**tries) * random.random())  # noqa: S311
            else:
                COMMIT_COMMANDS.observe(len(commands))
                unit.answer()
                return

    async def _bisect(self, commands: list[Command], error: Exception, session: "AsyncClientSession") -> None:
        """Halve a batch that fails for an unexpected reason until the cause fails alone."""
        if len(commands) == 1:
            ctx = commands[0].ctx
            log.error(
                "commit_failed",
                command=ctx.command,
                request_id=ctx.request_id,
                trace_id=ctx.trace_id,
                exc_info=error,
            )
            commands[0].fail(error)
            return
        middle = len(commands) // 2
        await self._commit(commands[:middle], session)
        await self._commit(commands[middle:], session)

    async def close(self) -> None:
        """Refuse what is still waiting (STOPPING)."""
        while self._queue:
            self._queue.popleft().fail(Unavailable("STOPPING", "the service is stopping", retry_after=1.0))


def _forget_refusals(commands: Sequence[Command]) -> None:
    """Decide anew who gets a unique value: the command that got it before may be given up, or refused this time."""
    for command in commands:
        command.refusal = None


def _may_retry(error: Exception) -> bool:
    return isinstance(error, RaceError) or (
        isinstance(error, PyMongoError)
        and (db.lost_race(error) or db.is_unreachable(error) or db.has_unknown_result(error))
    )
