"""One MongoDB database: connection, collections and transactions, with either asynchronous driver."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from bson.codec_options import CodecOptions
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from libs.common.domain.errors import Refusal, Unavailable
from libs.common.rpc import grpc_status
from libs.common.store.motor_thread import MotorThread
from libs.common.store.transaction import Document, Transaction, Work

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient
    from pymongo.asynchronous.client_session import AsyncClientSession
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase

Driver = Literal["motor", "pymongo"]

#: Codes of a server that is starting, stopping or changing its role: without users, majority or keys, not primary, …
_TRANSIENT_CODES = frozenset({18, 91, 134, 189, 211, 246, 262, 10107, 11600, 11602, 13435, 13436})
#: An unknown commit is retried for this long; after that the journal answers when the commands run again.
_COMMIT_RETRY_SECONDS = 10.0
#: A commit that has been answered survives the loss of any one machine.
DURABLE = WriteConcern("majority", j=True)


#: Times are read with their time zone, as they were written.
CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)


class Database:
    """One database of a replica set. Collections are cached, because each lookup has a cost."""

    def __init__(self, uri: str, name: str, driver: Driver = "motor") -> None:
        self._is_pymongo = driver == "pymongo"
        options: dict[str, Any] = {"tz_aware": True, "retryWrites": True, "appname": name}
        options["serverSelectionTimeoutMS"] = 5000
        self._client = _client(driver, uri, options)
        # Reads see majority-committed data only: nobody is shown what a failover could roll back.
        self.handle: AsyncDatabase[Document] = self._client.get_database(
            name, codec_options=CODEC, write_concern=DURABLE, read_concern=ReadConcern("majority")
        )
        self._thread = None if self._is_pymongo else MotorThread(self.handle)
        self._collections: dict[str, AsyncCollection[Document]] = {}

    def collection(self, name: str) -> "AsyncCollection[Document]":
        """Return the collection. Writes to it outside of a transaction are durable too."""
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = self.handle[name]
        return found

    @asynccontextmanager
    async def session(self) -> "AsyncIterator[AsyncClientSession]":
        """Open a session that runs transactions one after another."""
        started = self._client.start_session()
        session = started if self._is_pymongo else await cast("Any", started)
        try:
            yield session
        finally:
            await session.end_session()

    async def transact(self, session: "AsyncClientSession", work: Work) -> None:
        """Run work that awaits nothing but its transaction. All of it happens, durably, or nothing does.

        A commit with an unknown result is retried until the result is known.
        """
        if self._thread is not None:
            await self._thread.run(session, partial(_transact, work=work))
            return
        run = partial(self.handle.command, session=session, codec_options=CODEC)
        await _transact(session, Transaction(run), asyncio.sleep, work=work)

    async def command(self, command: Document, session: "AsyncClientSession | None" = None) -> Document:
        """Run a database command."""
        return await self.handle.command(command, session=session, codec_options=CODEC)

    async def aggregate(self, collection: str, stages: Sequence[Document]) -> list[Document]:
        """Return what an aggregation finds."""
        cursor: Any = self.collection(collection).aggregate(stages)
        if self._is_pymongo:  # its method is a coroutine, Motor's is not
            cursor = await cursor
        found: list[Document] = await cursor.to_list(None)
        return found

    async def ping(self) -> Document:
        """Return the server's answer to `hello`; raises when it does not answer."""
        return await self.handle.command("hello")

    async def close(self) -> None:
        """Close all connections."""
        if self._thread is not None:
            self._thread.close()
        closed = self._client.close()
        if self._is_pymongo:
            await closed


def _client(driver: Driver, uri: str, options: dict[str, Any]) -> "AsyncMongoClient[Document]":
    """Import only the driver in use; the other one would cost memory for nothing."""
    if driver == "pymongo":
        from pymongo import AsyncMongoClient  # noqa: PLC0415

        return AsyncMongoClient(uri, **options)
    from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415

    return cast("AsyncMongoClient[Document]", AsyncIOMotorClient(uri, **options))


async def _transact(
    session: Any, transaction: Transaction, pause: Callable[[float], Awaitable[None]], *, work: Work
) -> None:
    await session.start_transaction(ReadConcern("snapshot"), DURABLE, ReadPreference.PRIMARY)
    try:
        await work(transaction)
    except BaseException:
        with contextlib.suppress(PyMongoError):  # an unreachable server aborts by itself
            await session.abort_transaction()
        raise
    until = time.monotonic() + _COMMIT_RETRY_SECONDS
    while True:
        try:
            await session.commit_transaction()
            break
        except PyMongoError as error:
            if not has_unknown_result(error) or time.monotonic() > until:
                raise
        await pause(0.1)


def has_unknown_result(error: PyMongoError) -> bool:
    """Whether the commit may or may not have happened. Trying the same work again finds out in the journal."""
    return error.has_error_label("UnknownTransactionCommitResult")


def lost_race(error: PyMongoError) -> bool:
    """Whether another writer came first, so that the same work may be tried again at once."""
    return error.has_error_label("TransientTransactionError") and not isinstance(error, ConnectionFailure)


def is_unreachable(error: PyMongoError) -> bool:
    """Whether the server cannot be reached or is changing its primary, so that a retry later may succeed."""
    return isinstance(error, ConnectionFailure) or (
        isinstance(error, OperationFailure) and error.code in _TRANSIENT_CODES
    )


def as_refusal(error: BaseException) -> Refusal | None:
    """Return the refusal that an exception stands for, an unreachable database included; None for any other."""
    if isinstance(error, PyMongoError) and is_unreachable(error):
        return Unavailable("DATABASE_UNREACHABLE", "the database cannot be reached", retry_after=1.0)
    return grpc_status.as_refusal(error)
