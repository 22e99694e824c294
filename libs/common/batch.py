"""What one transaction knows and does: the entities its commands name, what is decided on them, what is written."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from libs.common import journal
from libs.common.asking import Asked, out_of_scope
from libs.common.clock import Clock
from libs.common.collections import Collection, Index, from_document, to_document
from libs.common.documents import Document, NotWrittenError, Transaction
from libs.common.errors import NotFound, Refusal, TooLate
from libs.common.values import Change, Entity

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
    refusal: Refusal | None = None

    def fail(self, error: BaseException) -> None:
        """Answer with an error, unless the caller has gone."""
        if isinstance(error, StopIteration):  # which no future takes
            error = RuntimeError("a decision ran out of items")
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

    async def run(self, transaction: Transaction) -> None:
        """All that is done in the transaction."""
        await self._load(transaction)
        await self._decide(transaction)
        if self.careful:
            await self._look_ahead(transaction)
        await self._write(transaction)

    async def _load(self, transaction: Transaction) -> None:
        """One find per collection for all that the commands name."""
        named: dict[type[Entity], set[str]] = {}
        for command in self.commands:
            for want in command.wants:
                named.setdefault(want[0], set()).add(want[1])
        for kind, names in named.items():
            self.entities.update(((kind, name), None) for name in names)
            for document in await transaction.find(self.collections[kind].name, list(names)):
                self.entities[kind, document["_id"]] = from_document(kind, document)

    async def _decide(self, transaction: Transaction) -> None:
        """Run the decisions one after another; each sees what the ones before it decided.

        Repeats are rare. A repeat that decides anew breaks the journal's `_id` or another unique key, and the batch
        is run again, now `careful`; one that is refused, because the first has had its effect, is looked for before
        it is answered.
        """
        if self.careful:
            await self._remember(self.commands, transaction)
        self._settle(self.commands)
        refused = [command for command in self.commands if isinstance(command.outcome, Exception)]
        if refused and not self.careful:
            known = await self._remember(refused, transaction)
            self._settle([command for command in refused if command.asked.entry_id in known])

    async def _remember(self, commands: Sequence[Command], transaction: Transaction) -> set[str]:
        """Look into the journal for first answers; gives the ids of those that there are."""
        ids = [command.asked.entry_id for command in commands]
        found = await transaction.find(journal.NAME, ids)
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
            return self._repeated(entry, asked)
        if command.refusal is not None:
            raise command.refusal
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

    def _repeated(self, entry: Document, asked: Asked) -> Entity | None:
        answer = journal.first_answer(entry, asked, self.collections)
        if answer is not None:
            asked.reach.must_cover(answer)  # it may be narrower now than it was then
        return answer

    def _see(self, want: Want) -> Entity | None:
        return self.entities.get((want[0], want[1]))

    def _accept(self, command: Command, change: Change[Any]) -> Any:
        """Take the change over; nothing of it is kept before all of it is known to be sound.

        No entity's time runs backwards, though the clocks of replicas differ: its facts are told in that order.
        """
        now = max([self.clock.now(), *(entity.update_time for entity in change.saves)])
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

    async def _look_ahead(self, transaction: Transaction) -> None:
        """Refuse together all who want what is another's: a write that breaks a unique index tells of one of them.

        What is unique over several fields is left to the write; so is what several commands made of an entity.
        """
        refused: dict[Command, Refusal] = {}
        for kind, collection in self.collections.items():
            if uniques := collection.uniques:
                documents = {key[1]: self._document(key) for key in self.changed if key[0] is kind}
                held = [(index, await _held(transaction, collection, index, documents)) for index in uniques]
                refused |= self._clashes(kind, documents, held)
        if refused:
            raise UniqueError(refused)

    def _clashes(
        self, kind: type[Entity], documents: Mapping[str, Document], held: Sequence[tuple[Index, dict[Any, str]]]
    ) -> dict[Command, Refusal]:
        """Who wants what another holds, or one before it in the batch; who is refused holds nothing."""
        refused: dict[Command, Refusal] = {}
        for name, document in documents.items():
            wants = [(index, holders, document[index.keys[0]]) for index, holders in held]
            lost = next((index for index, holders, value in wants if holders.get(value, name) != name), None)
            suspects = self.changed[kind, name]
            if lost is not None and len(suspects) == 1:
                refused[suspects[0]] = lost.clash()
                continue
            for _, holders, value in wants:
                if value is not None:
                    holders.setdefault(value, name)
        return refused

    async def _write(self, transaction: Transaction) -> None:
        """One write per collection for all that is new and one for all that changed, and one for the journal."""
        if not self.fresh:
            return
        parts: dict[tuple[type[Entity], bool], list[Key]] = {}
        for key in self.changed:
            parts.setdefault((key[0], key in self.new), []).append(key)
        for (kind, is_new), keys in parts.items():
            write = transaction.insert if is_new else transaction.update
            try:
                await write(self.collections[kind].name, [*map(self._document, keys)])
            except NotWrittenError as error:
                raise self._blame(keys[error.place], error) from None
        try:
            await transaction.insert(journal.NAME, self.fresh)
        except NotWrittenError:
            raise RaceError from None  # the same command was committed by another replica meanwhile

    def _document(self, key: Key) -> Document:
        entity = self.entities[key]
        answered = self.replies.get(key)
        return answered[1] if answered and answered[0] is entity else to_document(cast("Entity", entity))

    def _blame(self, key: Key, error: NotWrittenError) -> Exception:
        """The one command that broke a unique index; with several suspects the batch must be split."""
        if not self.careful:
            return RaceError()
        suspects = self.changed[key]
        index = self.collections[key[0]].index(error.keys)
        if error.code == 11000 and index is not None and len(suspects) == 1:
            return UniqueError({suspects[0]: index.clash()})
        return RuntimeError(f"{self.collections[key[0]].name} refused a write with code {error.code}")

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
    """Some commands of a batch want what others hold; each with its refusal."""

    def __init__(self, refused: Mapping[Command, Refusal]) -> None:
        super().__init__(f"{len(refused)} commands want what others hold")
        self.refused = refused


async def _held(
    transaction: Transaction, collection: Collection, index: Index, documents: Mapping[str, Document]
) -> dict[Any, str]:
    """Who else holds the values that these documents have, as far as it is not about to change itself."""
    field = index.keys[0]
    values = [document[field] for document in documents.values() if document[field] is not None]
    if not values:
        return {}
    # A partial index serves only a query that says its condition again.
    where = {"$and": [{field: {"$in": values}}, index.where or {}]}
    found = await transaction.find_where(collection.name, where, len(values))
    return {document[field]: document["_id"] for document in found if document["_id"] not in documents}
