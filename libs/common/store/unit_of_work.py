"""The commands of one transaction: load what they name, decide one after another, write the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from libs.common.domain.entity import Change, Entity
from libs.common.domain.errors import Refusal
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import out_of_scope
from libs.common.store import journal, unique
from libs.common.store.command import Command, Missing
from libs.common.store.schema import EntitySchema, from_document
from libs.common.store.transaction import Document, Transaction, WriteRejectedError

_WRITE_ORDER = ("remove", "update", "insert")
Key = tuple[type[Entity], str]


class RaceError(Exception):
    """A write broke a unique key: a repeat of a command, or another writer. Decide again, with the journal."""


class UniqueError(Exception):
    """Some commands of the batch want unique values that others hold. `refused` has their refusals."""

    def __init__(self, refused: Mapping[Command, Refusal]) -> None:
        super().__init__(f"{len(refused)} commands want values that others hold")
        self.refused = refused


@dataclass(slots=True)
class UnitOfWork:
    """Runs a batch of commands in one transaction.

    Repeats are rare, so the journal is not read at first. A repeat that decides anew breaks a unique key
    and the batch runs again with `check_journal_first`; one that is refused because the first has had its
    effect is looked up before it is answered.
    """

    schemas: Mapping[type[Entity], EntitySchema]
    encoder: journal.FactEncoder
    now: Callable[[], datetime]
    commands: list[Command]
    check_journal_first: bool = False
    entities: dict[Key, Entity | None] = field(default_factory=dict)
    entries: dict[str, Document] = field(default_factory=dict)
    changed: dict[Key, list[Command]] = field(default_factory=dict)
    stored: set[Key] = field(default_factory=set)
    replies: dict[Key, tuple[Entity, Document]] = field(default_factory=dict)
    new_entries: list[Document] = field(default_factory=list)

    async def run(self, transaction: Transaction) -> None:
        """Do everything that happens in the transaction."""
        await self._load(transaction)
        if self.check_journal_first:
            await self._find_entries(self.commands, transaction)
        self._decide_each(self.commands)
        refused = [command for command in self.commands if isinstance(command.outcome, Exception)]
        if refused and not self.check_journal_first:
            found = await self._find_entries(refused, transaction)
            self._decide_each([command for command in refused if command.ctx.entry_id in found])
        if self.check_journal_first:
            await self._check_unique(transaction)
        await self._write(transaction)

    def answer(self) -> None:
        """Answer every caller. Call only after the transaction has committed."""
        for command in self.commands:
            if isinstance(command.outcome, BaseException):
                command.fail(command.outcome)
            elif not command.reply.done():
                command.reply.set_result(command.outcome)

    async def _load(self, transaction: Transaction) -> None:
        """Find everything the commands name, with one find per collection."""
        named: dict[type[Entity], set[str]] = {}
        for command in self.commands:
            for load in command.loads:
                named.setdefault(load.kind, set()).update(load.names)
        for kind, names in named.items():
            await self._load_kind(transaction, kind, names)

    async def _load_kind(self, transaction: Transaction, kind: type[Entity], names: set[str]) -> None:
        self.entities.update(((kind, name), None) for name in names)
        for document in await transaction.find(self.schemas[kind].collection, list(names)):
            key = kind, document["_id"]
            self.entities[key] = from_document(kind, document)
            self.stored.add(key)

    async def _find_entries(self, commands: Sequence[Command], transaction: Transaction) -> frozenset[str]:
        """Find journal entries of earlier runs, with the entities that they name as replies. Returns their ids."""
        found = await transaction.find(journal.COLLECTION, [command.ctx.entry_id for command in commands])
        self.entries.update((entry["_id"], entry) for entry in found)
        wanted: dict[type[Entity], set[str]] = {}
        for entry in found:
            key = journal.reply_by_name(entry, self.schemas)
            if key is not None and key not in self.entities:
                wanted.setdefault(key[0], set()).add(key[1])
        for kind, names in wanted.items():
            await self._load_kind(transaction, kind, names)
        return frozenset(entry["_id"] for entry in found)

    def _decide_each(self, commands: Sequence[Command]) -> None:
        """Run the decisions; each sees what the ones before it decided. A refusal fails its command alone."""
        for command in commands:
            try:
                command.outcome = self._outcome_of(command)
            except Exception as error:  # whatever it is, it fails this command alone
                command.outcome = error

    def _outcome_of(self, command: Command) -> Any:
        entry = self.entries.get(command.ctx.entry_id)
        if entry is not None:
            return self._first_reply(entry, command.ctx)
        if command.refusal is not None:
            raise command.refusal
        change = command.decide(*self._loaded(command))
        if isinstance(change.reply, Entity):
            command.ctx.scope.ensure_in_scope(change.reply)
        elif change.reply is not None:
            raise TypeError(f"{command.ctx.command} replies with neither an entity nor None")
        elif not command.ctx.unguarded and not any(load.guard and load.names for load in command.loads):
            raise RuntimeError(f"{command.ctx.command} names no guard; mark a Load with guard=True")
        return self._apply(command, change)

    def _first_reply(self, entry: Document, ctx: CallContext) -> Entity | None:
        """Return what the first of several equal requests was answered."""
        journal.ensure_same_request(entry, ctx)
        if "reply" not in entry:
            return None
        key = journal.reply_by_name(entry, self.schemas)
        reply = self._current(key) if key else journal.stored_reply(entry, self.schemas)
        ctx.scope.ensure_in_scope(reply)  # the scope may have become narrower since
        return reply

    def _current(self, key: Key) -> Entity:
        """Return an entity as it is now."""
        found = self.entities.get(key)
        if found is None:
            raise Missing(self.schemas[key[0]], key[1])
        return found

    def _loaded(self, command: Command) -> list[Any]:
        """Return the loaded entities. Guards are checked before anything is said about what exists."""
        scope = command.ctx.scope
        loaded = [[self.entities.get((load.kind, name)) for name in load.names] for load in command.loads]
        named = [
            (load, name, entity)
            for load, entities in zip(command.loads, loaded, strict=True)
            for name, entity in zip(load.names, entities, strict=True)
        ]
        for load, name, entity in named:
            if load.guard and entity is not None:
                scope.ensure_in_scope(entity)
            elif load.guard and not scope.covers_name(name):
                raise out_of_scope()
        for load, name, entity in named:
            if entity is None and load.required:
                raise Missing(self.schemas[load.kind], name)
        return [load.arrange(entities) for load, entities in zip(command.loads, loaded, strict=True)]

    def _apply(self, command: Command, change: Change[Any]) -> Any:
        """Apply a change in memory, once all of it has been checked.

        An entity's time never runs backwards, even if replicas' clocks differ: facts are published in that order.
        """
        now = max([self.now(), *(entity.update_time for entity in (*change.saves, *change.removes))])
        saved = [self._next_version(entity, now) for entity in change.saves]
        removed = [self._next_version(entity, now) for entity in change.removes]
        reply = next((new for old, new in zip(change.saves, saved, strict=True) if old is change.reply), change.reply)
        versions = {entity.name: entity.version for entity in reversed([*saved, *removed])}
        facts = [self.encoder.encode(fact, versions[fact.name]) for fact in change.facts]
        stored_reply = self._reply_document(reply) if isinstance(reply, Entity) else None
        entry = journal.new_entry(command.ctx, now, saved, removed, facts, stored_reply)
        for entity, kept in (*((e, e) for e in saved), *((e, None) for e in removed)):
            key = (type(entity), entity.name)
            self.entities[key] = kept
            self.changed.setdefault(key, []).append(command)
        self.entries[entry["_id"]] = entry
        self.new_entries.append(entry)
        return reply

    def _next_version(self, entity: Entity, now: datetime) -> Entity:
        known = self.entities.get((type(entity), entity.name))
        if entity.version != (known.version if known else 0):
            raise RuntimeError(f"{type(entity).__name__} was not decided on its current version")
        times = {"update_time": now} if entity.version else {"create_time": now, "update_time": now}
        return entity.with_(version=entity.version + 1, **times)

    def _reply_document(self, reply: Entity) -> Document:
        schema = self.schemas[type(reply)]
        document = schema.to_document(reply)
        self.replies[type(reply), reply.name] = reply, document
        return journal.reply_of(reply, document, schema)

    async def _check_unique(self, transaction: Transaction) -> None:
        """Refuse all commands that want another's value at once: a failing write reveals only one of them."""
        refused: dict[Command, Refusal] = {}
        for kind, schema in self.schemas.items():
            if schema.single_field_uniques:
                changing = [key for key in self.changed if key[0] is kind]
                documents = {key[1]: self._document(key) for key in changing if self.entities[key] is not None}
                gone = frozenset(key[1] for key in changing if self.entities[key] is None)
                for name, index in await unique.clashes(transaction, schema, documents, gone):
                    suspects = self.changed[kind, name]
                    if len(suspects) == 1:  # several commands made this entity: the write decides
                        refused[suspects[0]] = index.clash()
        if refused:
            raise UniqueError(refused)

    async def _write(self, transaction: Transaction) -> None:
        """Remove, insert and update with one command per collection, then insert the journal entries."""
        if not self.new_entries:
            return
        parts: dict[tuple[str, type[Entity]], list[Key]] = {}
        for key in self.changed:
            if action := self._action(key):
                parts.setdefault((action, key[0]), []).append(key)
        # Values are freed before others take them.
        for (action, kind), keys in sorted(parts.items(), key=lambda part: _WRITE_ORDER.index(part[0][0])):
            collection = self.schemas[kind].collection
            try:
                if action == "remove":
                    await transaction.remove(collection, [name for _, name in keys])
                else:
                    write = transaction.insert if action == "insert" else transaction.update
                    await write(collection, [self._document(key) for key in keys])
            except WriteRejectedError as error:
                raise self._culprit(keys[error.index], error) from None
        try:
            await transaction.insert(journal.COLLECTION, self.new_entries)
        except WriteRejectedError:
            raise RaceError from None  # another replica has committed the same command meanwhile

    def _action(self, key: Key) -> str:
        """Return how the entity is written; empty for one that was created and removed in this batch."""
        if self.entities[key] is None:
            return "remove" if key in self.stored else ""
        return "update" if key in self.stored else "insert"

    def _document(self, key: Key) -> Document:
        entity = self.entities[key]
        reply = self.replies.get(key)
        return reply[1] if reply and reply[0] is entity else self.schemas[key[0]].to_document(cast("Entity", entity))

    def _culprit(self, key: Key, error: WriteRejectedError) -> Exception:
        """Return the error of the one command that broke a unique index; with several suspects the batch is split."""
        if not self.check_journal_first:
            return RaceError()
        suspects = self.changed[key]
        index = self.schemas[key[0]].unique_index(error.keys)
        if error.code == 11000 and index is not None and len(suspects) == 1:
            return UniqueError({suspects[0]: index.clash()})
        return RuntimeError(f"{self.schemas[key[0]].collection} rejected a write with code {error.code}")
