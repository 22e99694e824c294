"""What only motor needs: a whole transaction in one thread.

Motor runs every call of the synchronous driver in a thread and hops back to the event loop after it.
A transaction makes some seven calls, and each hop costs more than the call. Here the transaction's
coroutine runs in one thread from start to end, over the synchronous client and session that motor
wraps. With PyMongo's own asynchronous driver this module is not used.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from libs.common.store.transaction import Document, Transaction

#: Runs a transaction: session, transaction, pause.
Body = Callable[[Any, Transaction, Callable[[float], Awaitable[None]]], Coroutine[Any, Any, None]]


class MotorThread:
    """The thread in which motor's transactions run."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._executor = ThreadPoolExecutor(1, "commit")

    async def run(self, session: Any, body: Body) -> None:
        """Run the body in the thread and wait for it."""
        done = asyncio.get_running_loop().run_in_executor(self._executor, self._run, session, body)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])  # a thread cannot be cancelled, and it uses the session until it is done
            raise

    def _run(self, session: Any, body: Body) -> None:
        """Drive the coroutine here; none of its awaits ever suspends."""
        # Commands do not use the handle's codec by themselves.
        database, wrapped = self._database.delegate, session.delegate
        codec = database.codec_options

        async def command(command: Document) -> Document:
            return cast("Document", database.command(command, session=wrapped, codec_options=codec))

        async def pause(seconds: float) -> None:
            time.sleep(seconds)  # noqa: ASYNC251 - this thread runs nothing else

        running = body(_Immediate(wrapped), Transaction(command), pause)
        with contextlib.suppress(StopIteration):
            running.send(None)
            raise RuntimeError("a transaction awaited something that is not part of it")

    def close(self) -> None:
        """Wait for the thread to end."""
        self._executor.shutdown()


class _Immediate:
    """A synchronous session whose methods can be awaited."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._session, name)

        async def call(*arguments: Any) -> Any:
            return method(*arguments)

        return call
