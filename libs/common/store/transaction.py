"""The operations of a transaction, as plain commands: the drivers' own methods take twice as long."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

Document = dict[str, Any]


class WriteRejectedError(Exception):
    """A write of several documents failed at one of them: its index, the server's code, the keys of the index."""

    def __init__(self, index: int, code: int, keys: tuple[str, ...]) -> None:
        super().__init__(f"document {index} was rejected with code {code}")
        self.index, self.code, self.keys = index, code, keys


class Transaction:
    """The operations of one transaction, over a function that runs a command in it."""

    def __init__(self, run: Callable[[Document], Awaitable[Document]]) -> None:
        self._run = run

    async def find(self, collection: str, ids: Sequence[str]) -> list[Document]:
        """Return the documents with these ids, in any order."""
        return await self.find_where(collection, {"_id": {"$in": ids}}, len(ids))

    async def find_where(self, collection: str, where: Document, limit: int) -> list[Document]:
        """Return the documents that match, of which there are at most `limit`."""
        # A batch with room for one more lets the server close the cursor in its first reply.
        reply = await self._run({"find": collection, "filter": where, "batchSize": limit + 1})
        found: list[Document] = reply["cursor"]["firstBatch"]
        while reply["cursor"]["id"]:  # more than fits into one reply
            reply = await self._run({"getMore": reply["cursor"]["id"], "collection": collection})
            found += reply["cursor"]["nextBatch"]
        return found

    async def insert(self, collection: str, documents: Sequence[Document]) -> None:
        """Insert documents. WriteRejectedError for the first that is rejected."""
        await self._write({"insert": collection, "documents": documents})

    async def update(self, collection: str, documents: Sequence[Document]) -> None:
        """Set all fields of existing documents, by `_id`. WriteRejectedError for the first that is rejected."""
        updates = [{"q": {"_id": document["_id"]}, "u": {"$set": document}} for document in documents]
        await self._write({"update": collection, "updates": updates})

    async def remove(self, collection: str, ids: Sequence[str]) -> None:
        """Delete the documents with these ids."""
        await self._write({"delete": collection, "deletes": [{"q": {"_id": {"$in": ids}}, "limit": 0}]})

    async def _write(self, command: Document) -> None:
        if errors := (await self._run(command)).get("writeErrors"):
            raise WriteRejectedError(errors[0]["index"], errors[0]["code"], tuple(errors[0].get("keyPattern", ())))


Work = Callable[[Transaction], Coroutine[Any, Any, None]]
