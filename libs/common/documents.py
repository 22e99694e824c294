"""The one door to MongoDB: opens the client of either driver and hides the handful of differences between the two."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from bson.codec_options import CodecOptions
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient
    from pymongo.asynchronous.client_session import AsyncClientSession
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase

Document = dict[str, Any]
Driver = Literal["motor", "pymongo"]

#: What a server answers while it starts, stops or changes its part: without users, majority or keys, not primary, …
_SOON = frozenset({18, 91, 134, 189, 211, 246, 262, 10107, 11600, 11602, 13435, 13436})
# Times come back with their zone, as they went in.
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True)
#: A commit that has been answered survives the loss of any one machine.
DURABLE = WriteConcern("majority", j=True)


class NotWrittenError(Exception):
    """One document of several could not be written: which, the server's code, and the keys of the index it broke."""

    def __init__(self, place: int, code: int, keys: tuple[str, ...]) -> None:
        super().__init__(f"document {place} was refused with code {code}")
        self.place, self.code, self.keys = place, code, keys


class Transaction:
    """What may be asked in a transaction. Plain commands: the drivers' own ways do the same for twice the time."""

    def __init__(self, ask: Callable[[Document], Awaitable[Document]]) -> None:
        self._ask = ask

    async def find(self, name: str, ids: Sequence[str]) -> list[Document]:
        """The documents of a collection that have one of these ids, in any order."""
        return await self.find_where(name, {"_id": {"$in": ids}}, len(ids))

    async def find_where(self, name: str, where: Document, most: int) -> list[Document]:
        """The documents that are as `where` says, of which there are `most` at the most."""
        # With room for one more, the server knows that the last was the last, and need not be asked again.
        reply = await self._ask({"find": name, "filter": where, "batchSize": most + 1})
        found: list[Document] = reply["cursor"]["firstBatch"]
        while reply["cursor"]["id"]:  # they are more than one reply can hold
            reply = await self._ask({"getMore": reply["cursor"]["id"], "collection": name})
            found += reply["cursor"]["nextBatch"]
        return found

    async def insert(self, name: str, documents: Sequence[Document]) -> None:
        """Insert documents; NotWrittenError for the first that cannot be."""
        await self._write({"insert": name, "documents": documents})

    async def update(self, name: str, documents: Sequence[Document]) -> None:
        """Set all fields of documents that are there, by their `_id`; NotWrittenError."""
        updates = [{"q": {"_id": document["_id"]}, "u": {"$set": document}} for document in documents]
        await self._write({"update": name, "updates": updates})

    async def _write(self, command: Document) -> None:
        if errors := (await self._ask(command)).get("writeErrors"):
            raise NotWrittenError(errors[0]["index"], errors[0]["code"], tuple(errors[0].get("keyPattern", ())))


Work = Callable[[Transaction], Coroutine[Any, Any, None]]


class Documents:
    """One database of a replica set. Collections are kept, because looking them up costs on every call."""

    def __init__(self, uri: str, database: str, driver: Driver = "motor") -> None:
        self._pymongo = driver == "pymongo"
        options: dict[str, Any] = {"tz_aware": True, "retryWrites": True, "appname": database}
        options["serverSelectionTimeoutMS"] = 5000
        self._client = _client(driver, uri, options)
        # What is read has reached a majority: nobody is shown what a change of the primary could take back.
        self.database: AsyncDatabase[Document] = self._client.get_database(
            database, codec_options=_AWARE, write_concern=DURABLE, read_concern=ReadConcern("majority")
        )
        self._thread = ThreadPoolExecutor(1, "commit") if not self._pymongo else None
        self._collections: dict[str, AsyncCollection[Document]] = {}

    def collection(self, name: str) -> "AsyncCollection[Document]":
        """The collection of that name; what is written to it alone is durable too."""
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = self.database[name]
        return found

    @asynccontextmanager
    async def session(self) -> "AsyncIterator[AsyncClientSession]":
        """A session to run transactions in, one after another."""
        started = self._client.start_session()
        session = started if self._pymongo else await cast("Any", started)
        try:
            yield session
        finally:
            await session.end_session()

    async def transact(self, session: "AsyncClientSession", work: Work) -> None:
        """Do work that touches nothing but its transaction: all of it happens together and durably, or not at all.

        A commit of which nobody knows whether it happened is asked again until somebody knows. Motor hands each of its
        calls to a thread and back, which costs more than the call; so with motor the work is done there as a whole.
        """
        if self._pymongo:
            ask = partial(self.database.command, session=session, codec_options=_AWARE)
            return await _transact(session, Transaction(ask), work, asyncio.sleep)
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._transact_here, session, work)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])  # a thread cannot be cancelled, and the session is its own until it is done
            raise
        return None

    def _transact_here(self, session: "AsyncClientSession", work: Work) -> None:
        """The same in this thread, by the client and the session that motor wraps; it never waits for the loop."""
        database, wrapped = cast("Any", self.database).delegate, cast("Any", session).delegate

        async def ask(command: Document) -> Document:
            return cast("Document", database.command(command, session=wrapped, codec_options=_AWARE))

        async def pause(seconds: float) -> None:
            time.sleep(seconds)  # noqa: ASYNC251 - in a thread where nobody else waits

        here = _transact(_Waitless(wrapped), Transaction(ask), work, pause)
        with contextlib.suppress(StopIteration):
            here.send(None)
            raise RuntimeError("the work waited for something that is not its transaction's")

    @asynccontextmanager
    async def feed(
        self, collection: str, pipeline: Sequence[Document], token: Document | None
    ) -> "AsyncIterator[Feed]":
        """The changes of a collection from a place on, or from what a reader sees now; batch by batch.

        The drivers' own change streams hand out one change a call; with motor each costs a hop to a thread.
        """
        since = {"resumeAfter": token} if token else {"startAtOperationTime": await self._majority_time()}
        stage: Document = {"$changeStream": since}
        async with self.session() as session:
            opened = await self.database.command(
                {
                    "aggregate": collection,
                    "pipeline": [stage, *pipeline],
                    "cursor": {},
                    "readConcern": {"level": "majority"},
                },
                session=session,
                codec_options=_AWARE,
            )
            feed = Feed(self, collection, session, opened["cursor"])
            try:
                yield feed
            finally:
                await feed.close()

    async def ping(self) -> Document:
        """The server's answer to `hello`; raises when there is none."""
        return await self.database.command("hello")

    async def _majority_time(self) -> object:
        """The moment up to which all is on a majority: what is read from now on holds at least as much."""
        return (await self.ping())["lastWrite"]["majorityOpTime"]["ts"]

    async def close(self) -> None:
        """Give the connections back."""
        if self._thread is not None:
            self._thread.shutdown()
        closed = self._client.close()
        if self._pymongo:
            await closed


class Feed:
    """An open change feed. `token` is the place behind all that was handed out."""

    def __init__(
        self, documents: Documents, collection: str, session: "AsyncClientSession", cursor: Mapping[str, Any]
    ) -> None:
        self._documents = documents
        self._collection = collection
        self._session = session
        self._cursor = cursor["id"]
        self._first: list[Document] | None = cursor["firstBatch"]
        self.token: Document = cursor["postBatchResumeToken"]

    async def next(self, *, wait: float = 0.5, most: int = 256) -> list[Document]:
        """The next changes; none after waiting so many seconds in vain."""
        if self._first:
            batch, self._first = self._first, None
            return batch
        more = {
            "getMore": self._cursor,
            "collection": self._collection,
            "batchSize": most,
            "maxTimeMS": int(wait * 1000),
        }
        cursor = (await self._documents.database.command(more, session=self._session, codec_options=_AWARE))["cursor"]
        if not cursor["id"]:
            raise ConnectionFailure("the change feed was closed by the server")
        self.token = cursor["postBatchResumeToken"]
        return list(cursor["nextBatch"])

    async def close(self) -> None:
        """Let go of the server's cursor; one that cannot be told expires by itself."""
        with contextlib.suppress(PyMongoError):
            kill = {"killCursors": self._collection, "cursors": [self._cursor]}
            await self._documents.database.command(kill, session=self._session)


def _client(driver: Driver, uri: str, options: dict[str, Any]) -> "AsyncMongoClient[Document]":
    """Imports only the driver that is wanted; the other one would cost memory for nothing."""
    if driver == "pymongo":
        from pymongo import AsyncMongoClient  # noqa: PLC0415

        return AsyncMongoClient(uri, **options)
    from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415

    return cast("AsyncMongoClient[Document]", AsyncIOMotorClient(uri, **options))


async def _transact(
    session: Any, transaction: Transaction, work: Work, pause: Callable[[float], Awaitable[None]]
) -> None:
    await session.start_transaction(ReadConcern("snapshot"), DURABLE, ReadPreference.PRIMARY)
    try:
        await work(transaction)
    except BaseException:
        with contextlib.suppress(PyMongoError):  # what cannot be reached cannot be told; it gives up by itself
            await session.abort_transaction()
        raise
    until = time.monotonic() + 10  # then the journal will tell, when the commands are run again
    while True:
        try:
            await session.commit_transaction()
            break
        except PyMongoError as error:
            if not is_unknown(error) or time.monotonic() > until:
                raise
        await pause(0.1)


class _Waitless:
    """A session whose calls are over when they return, for those who await them."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        call = getattr(self._session, name)

        async def called(*given: Any) -> Any:
            return call(*given)

        return called


def is_unknown(error: PyMongoError) -> bool:
    """Nobody knows whether the commit happened; when the same work is tried again, the journal tells."""
    return error.has_error_label("UnknownTransactionCommitResult")


def lost_race(error: PyMongoError) -> bool:
    """Another writer was first; the same work may be tried again at once."""
    return error.has_error_label("TransientTransactionError") and not isinstance(error, ConnectionFailure)


def out_of_reach(error: PyMongoError) -> bool:
    """The server cannot be reached, or is changing its primary; the same may be tried again after a while."""
    return isinstance(error, ConnectionFailure) or (isinstance(error, OperationFailure) and error.code in _SOON)
