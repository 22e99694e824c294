"""What one transaction knows and does: the entities its commands name, what is decided on them, what is written."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from libs.common import journal
from libs.common.asking import Asked, out_of_scope
from libs.common.clock import Clock
from libs.common.collections import Collection, from_document, to_document
from libs.common.documents import Document, Documents
from libs.common.errors import NotFound, Refusal, Taken, TooLate
from libs.common.values import Change, Entity

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession

Key = tuple[type[Entity], str]
Want = tuple[type[Entity], str] | tuple[type[Entity], str, bool]
Decide = Callable[..., Change[Any]]


@dataclass(slots=True, eq=False)
class Command:
    """One command on its way: what it wants to see, what decides it, and where its answer goes."""

    asked: Asked
    wants: Sequence[Want]
    decide: Decide
    answer: asyncio.Future[Any]
    outcome: Any = None

    def fail(self, error: BaseException) -> None:
        """Answer with an error, unless the caller has gone."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def is_wanted(self) -> bool:
        """Whether anybody still waits; who waited past the deadline is told so."""
        if not self.answer.done() and self.asked.left() <= 0:
            self.fail(TooLate("DEADLINE_EXCEEDED", "the deadline passed before the commit began"))
        return not self.answer.done()


class Missing(NotFound):
    """A command names something that is not there; `card` when it may still arrive."""

    def __init__(self, collection: Collection, name: str) -> None:
        super().__init__(collection.missing, f"{name} does not exist", name=name)
        self.card = collection.card


@dataclass(slots=True)
class Batch:
    """What one transaction knows: the entities its commands name, and what they have become so far."""

    collections: Mapping[type[Entity], Collection]
    teller: journal.Teller
    clock: Clock
    commands: list[Command]
    careful: bool = False
    entities: dict[Key, Entity | None] = field(default_factory=dict)
    entries: dict[str, Document] = field(default_factory=dict)
    changed: dict[Key, list[Command]] = field(default_factory=dict)
    new: set[Key] = field(default_factory=set)
    replies: dict[Key, tuple[Entity, Document]] = field(default_factory=dict)
    fresh: list[Document] = field(default_factory=list)

    async def load(self, documents: Documents, session: "AsyncClientSession") -> None:
        """One find per collection for all that the commands name."""
        named: dict[type[Entity], set[str]] = {}
        for command in self.commands:
            for want in command.wants:
                named.setdefault(want[0], set()).add(want[1])
        for kind, names in named.items():
            self.entities.update(((kind, name), None) for name in names)
            collection = documents.collection(self.collections[kind].name)
            for document in await collection.find({"_id": {"$in": list(names)}}, session=session).to_list(None):
                self.entities[kind, document["_id"]] = from_document(kind, document)

    async def decide(self, documents: Documents, session: "AsyncClientSession") -> None:
        """Run the decisions one after another; each sees what the ones before it decided.

        Repeats are rare. A repeat that decides anew breaks the journal's `_id` or another unique key, and the batch
        is run again, now `careful`; one that is refused, because the first has had its effect, is looked for before
        it is answered.
        """
        if self.careful:
            await self._remember(self.commands, documents, session)
        self._settle(self.commands)
        refused = [command for command in self.commands if isinstance(command.outcome, Exception)]
        if refused and not self.careful:
            known = await self._remember(refused, documents, session)
            self._settle([command for command in refused if command.asked.entry_id in known])

    async def _remember(
        self, commands: Sequence[Command], documents: Documents, session: "AsyncClientSession"
    ) -> set[str]:
        """Look into the journal for first answers; gives the ids of those that there are."""
        ids = [command.asked.entry_id for command in commands]
        found = await documents.collection(journal.NAME).find({"_id": {"$in": ids}}, session=session).to_list(None)
        self.entries.update((entry["_id"], entry) for entry in found)
        return {entry["_id"] for entry in found}

    def _settle(self, commands: Sequence[Command]) -> None:
        for command in commands:
            try:
                command.outcome = self._answer_to(command)
            except Exception as error:  # whatever it is, it fails this command alone
                command.outcome = error

    def _answer_to(self, command: Command) -> Any:
        asked = command.asked
        entry = self.entries.get(asked.entry_id)
        if entry is not None:
            return journal.first_answer(entry, asked, self.collections)
        seen = [self._see(want) for want in command.wants]
        if seen and seen[0] is not None:
            asked.reach.must_cover(seen[0])
        elif seen and not asked.reach.covers_name(command.wants[0][1]):
            raise out_of_scope()
        for want, entity in zip(command.wants, seen, strict=True):
            if entity is None and len(want) == 2:
                raise Missing(self.collections[want[0]], want[1])
        change = command.decide(*seen)
        if isinstance(change.reply, Entity):
            asked.reach.must_cover(change.reply)
        return self._accept(command, change)

    def _see(self, want: Want) -> Entity | None:
        return self.entities.get((want[0], want[1]))

    def _accept(self, command: Command, change: Change[Any]) -> Any:
        """Take the change over; nothing of it is kept before all of it is known to be sound."""
        now = self.clock.now()
        saved: dict[str, Entity] = {}
        for entity in change.saves:
            known = self.entities.get((type(entity), entity.name))
            if entity.version != (known.version if known else 0):
                raise RuntimeError(f"{type(entity).__name__} was not decided on as it is now")
            times = {"update_time": now} if entity.version else {"create_time": now, "update_time": now}
            saved[entity.name] = entity.with_(version=entity.version + 1, **times)
        reply = next((saved[entity.name] for entity in change.saves if entity is change.reply), change.reply)
        facts = [self.teller.tell(fact, saved[fact.name].version) for fact in change.facts]
        document = to_document(reply) if isinstance(reply, Entity) else None
        entry = journal.entry(command.asked, now, saved.values(), facts, reply, document)
        for entity in saved.values():
            key = (type(entity), entity.name)
            if entity.version == 1:
                self.new.add(key)
            self.entities[key] = entity
            self.changed.setdefault(key, []).append(command)
        if document is not None:
            self.replies[type(reply), reply.name] = reply, document
        self.entries[entry["_id"]] = entry
        self.fresh.append(entry)
        return reply

    async def write(self, documents: Documents, session: "AsyncClientSession") -> None:
        """One write per collection for all that changed, and one for the journal."""
        if not self.fresh:
            return
        kinds: dict[type[Entity], list[Key]] = {}
        for key in self.changed:
            kinds.setdefault(key[0], []).append(key)
        for kind, keys in kinds.items():
            collection = documents.collection(self.collections[kind].name)
            try:
                await collection.bulk_write([self._operation(key) for key in keys], session=session)
            except BulkWriteError as error:
                raise self._blame(kind, keys, error) from None  # its text holds whole documents
        try:
            await documents.collection(journal.NAME).insert_many(self.fresh, session=session)
        except BulkWriteError:
            raise RaceError from None  # the same command was committed by another replica meanwhile

    def _operation(self, key: Key) -> InsertOne[Document] | UpdateOne:
        entity = self.entities[key]
        answered = self.replies.get(key)
        document = answered[1] if answered and answered[0] is entity else to_document(cast("Entity", entity))
        if key in self.new:
            return InsertOne(document)
        return UpdateOne({"_id": key[1]}, {"$set": document})

    def _blame(self, kind: type[Entity], keys: list[Key], error: BulkWriteError) -> Exception:
        """The one command that broke a unique index; with several suspects the batch must be split."""
        if not self.careful:
            return RaceError()
        wrong = error.details["writeErrors"][0]
        suspects = self.changed[keys[wrong["index"]]]
        index = self.collections[kind].index(tuple(wrong.get("keyPattern", ())))
        if wrong["code"] == 11000 and index is not None and len(suspects) == 1:
            return UniqueError(suspects[0], Taken(index.taken, "another one has it already"))
        return RuntimeError(f"{self.collections[kind].name} refused a write with code {wrong['code']}")

    def answer(self) -> None:
        """Tell every caller; only now, because only now it is so."""
        for command in self.commands:
            if isinstance(command.outcome, BaseException):
                command.fail(command.outcome)
            elif not command.answer.done():
                command.answer.set_result(command.outcome)


class RaceError(Exception):
    """A write broke a unique key: a repeat, or another who was first. Decide again, knowing the journal."""


class UniqueError(Exception):
    """One command of a batch wants what another holds."""

    def __init__(self, command: Command, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.command = command
        self.refusal = refusal
