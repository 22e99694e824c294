"""A command on its way to its commit: what it loads, what decides it, and who waits for the reply."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from libs.common.domain.entity import Change, Entity
from libs.common.domain.errors import NotFound, Refusal, TooLate
from libs.common.rpc.context import CallContext
from libs.common.store.schema import EntitySchema

T = TypeVar("T", covariant=True)
E = TypeVar("E", bound=Entity)
Decide = Callable[..., Change[Any]]


@dataclass(frozen=True, slots=True)
class Load(Generic[T]):
    """An entity that a decision needs. The caller's scope must reach it when it is a guard."""

    kind: type[T]
    name: str | tuple[str, ...]
    guard: bool = False
    required: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the entities to load."""
        return (self.name,) if isinstance(self.name, str) else self.name

    def arrange(self, entities: Sequence[Entity | None]) -> Any:
        """Return the loaded entities in the form in which the decision takes them."""
        return entities[0] if isinstance(self.name, str) else tuple(entities)


def optional(kind: type[E], name: str, *, guard: bool = False) -> "Load[E | None]":
    """Load an entity that may not exist; the decision gets None then."""
    return cast("Load[E | None]", Load(kind, name, guard, required=False))


def each(kind: type[E], names: Sequence[str], *, guard: bool = False) -> "Load[tuple[E, ...]]":
    """Load several entities of one kind; the decision gets a tuple of them in the order of their names."""
    return cast("Load[tuple[E, ...]]", Load(kind, tuple(names), guard))


def optional_each(kind: type[E], names: Sequence[str], *, guard: bool = False) -> "Load[tuple[E | None, ...]]":
    """Load several entities of one kind that may not exist; the decision gets None in the place of a missing one."""
    return cast("Load[tuple[E | None, ...]]", Load(kind, tuple(names), guard, required=False))


class Missing(NotFound):
    """A command names an entity that does not exist. `may_arrive` is set for projections."""

    def __init__(self, schema: EntitySchema, name: str) -> None:
        super().__init__(schema.missing, f"{name} does not exist", name=name)
        self.may_arrive = schema.projection


@dataclass(slots=True, eq=False)
class Command:
    """A command waiting for its commit: what to load, how to decide, and the future of its reply."""

    ctx: CallContext
    loads: Sequence[Load[Any]]
    decide: Decide
    reply: asyncio.Future[Any]
    outcome: Any = None
    refusal: Refusal | None = None

    def fail(self, error: BaseException) -> None:
        """Answer with an error, unless the caller is gone."""
        if isinstance(error, StopIteration):  # a future does not accept it
            error = RuntimeError("a decision raised StopIteration")
        if not self.reply.done():
            self.reply.set_exception(error)

    def is_pending(self) -> bool:
        """Whether the caller is still waiting. Answers a caller whose deadline has passed."""
        if not self.reply.done() and self.ctx.remaining() <= 0:
            self.fail(TooLate("DEADLINE_EXCEEDED", "the deadline passed before the commit began"))
        return not self.reply.done()
