"""The commit loop: commands that arrive together are decided in memory and committed in one transaction."""

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any

import structlog
from pymongo.errors import PyMongoError

from libs.common import journal, metrics
from libs.common.asking import Asked
from libs.common.batch import Batch, Command, Decide, RaceError, UniqueError, Want
from libs.common.clock import Clock
from libs.common.collections import Collection
from libs.common.documents import Documents, is_unknown, lost_race, out_of_reach
from libs.common.errors import Exhausted, Unavailable
from libs.common.values import Entity

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession

log = structlog.get_logger()


async def gathered(waiting: Sized, enough: int) -> None:
    """Let those who are on their way join: go on when ten turns of the loop have brought nobody new, or with enough.

    A call takes several turns from the socket to here. Under load this makes batches five times as large; alone it
    costs some microseconds.
    """
    before, idle = len(waiting), 0
    while idle < 10 and len(waiting) < enough:
        await asyncio.sleep(0)
        idle = 0 if len(waiting) > before else idle + 1
        before = len(waiting)


class CommitLoop:
    """Gathers commands while a batch is being committed, then commits what it has gathered."""

    def __init__(
        self,
        documents: Documents,
        collections: Mapping[type[Entity], Collection],
        teller: journal.Teller,
        clock: Clock,
        *,
        most_waiting: int = 4096,
        most_together: int = 256,
    ) -> None:
        self._documents = documents
        self._collections = collections
        self._teller = teller
        self._clock = clock
        self._most_waiting = most_waiting
        self._most_together = most_together
        self._waiting: deque[Command] = deque()
        self._some = asyncio.Event()
        self._answered = 0

    async def submit(self, asked: Asked, wants: Sequence[Want], decide: Decide) -> Any:
        """The command's reply, once it is durable; raises what it was refused for."""
        if len(self._waiting) >= self._most_waiting:
            raise Exhausted("TOO_BUSY", "too many commands are waiting", retry_after=0.5)
        command = Command(asked, wants, decide, asyncio.get_running_loop().create_future())
        self._waiting.append(command)
        self._some.set()
        return await command.answer

    async def run(self) -> None:
        """Commit batch after batch until cancelled."""
        while True:
            try:
                async with self._documents.session() as session:
                    while True:
                        await self._some.wait()
                        await self._companions()
                        await self._commit(self._next(), session)
            except PyMongoError as error:
                log.warning("commit_session_lost", error=type(error).__name__)
                await asyncio.sleep(0.1)

    async def _companions(self) -> None:
        """Wait for those who come together: who was answered a moment ago is likely to be back in another.

        A batch costs much the same whatever its size, so two milliseconds are well spent where several callers are
        about; one who is alone does not wait for anybody.
        """
        await gathered(self._waiting, self._most_together)
        before, expected = 0, min(self._answered, self._most_together)
        while before < len(self._waiting) < expected and self._answered > 1:
            before = len(self._waiting)
            await asyncio.sleep(0.002)

    def _next(self) -> list[Command]:
        count = min(len(self._waiting), self._most_together)
        batch = [self._waiting.popleft() for _ in range(count)]
        if not self._waiting:
            self._some.clear()
        self._answered = count
        return batch

    async def _commit(self, commands: list[Command], session: "AsyncClientSession") -> None:
        """One transaction for all of them; again when it lost a race; a refusal fails alone."""
        tries, careful = 0, False
        while commands := [command for command in commands if command.is_wanted()]:
            batch = Batch(self._collections, self._teller, self._clock, commands, careful)
            try:
                with metrics.COMMIT_SECONDS.time():
                    await self._documents.transact(session, batch.run)
            except UniqueError as error:
                for command, refusal in error.refused.items():
                    command.refusal = refusal  # answered with the others, once what it lost to is durable
            except Exception as error:
                if not _may_try_again(error):
                    await self._split(commands, error, session)
                    return
                tries, careful = tries + 1, True
                await asyncio.sleep(min(0.5, 0.002 * 2**tries) * random.random())  # noqa: S311 - so that replicas do not meet again
            else:
                metrics.COMMIT_COMMANDS.observe(len(commands))
                batch.answer()
                return

    async def _split(self, commands: list[Command], error: Exception, session: "AsyncClientSession") -> None:
        """Halve a batch that fails for a reason nobody foresaw, until its cause fails alone."""
        if len(commands) == 1:
            log.error("commit_failed", command=commands[0].asked.command, exc_info=error)
            commands[0].fail(error)
            return
        middle = len(commands) // 2
        await self._commit(commands[:middle], session)
        await self._commit(commands[middle:], session)

    async def close(self) -> None:
        """Refuse what still waits."""
        while self._waiting:
            self._waiting.popleft().fail(Unavailable("STOPPING", "the service is stopping", retry_after=1.0))


def _may_try_again(error: Exception) -> bool:
    return isinstance(error, RaceError) or (
        isinstance(error, PyMongoError) and (lost_race(error) or out_of_reach(error) or is_unknown(error))
    )
