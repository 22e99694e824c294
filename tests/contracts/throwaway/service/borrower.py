"""Borrowers: the projection of startups."""

from functools import partial

from libs.common.messaging.subscription import FactPayload
from libs.common.rpc.context import CallContext
from libs.common.store.command import optional
from tests.contracts.throwaway.domain import borrower
from tests.contracts.throwaway.domain.borrower import Borrower
from tests.contracts.throwaway.domain.names import StartupName
from tests.contracts.throwaway.store import LockersStore


class StartupPayload(FactPayload):
    """The fields of the facts of startups that lockers uses."""

    name: StartupName
    display_name: str


class Borrowers:
    """One method for each fact."""

    def __init__(self, store: LockersStore) -> None:
        self._store = store

    async def note_startup(self, payload: StartupPayload, ctx: CallContext) -> None:
        """Fact: note the name of a startup."""
        decide = partial(
            borrower.note_startup, name=payload.name, display_name=payload.display_name, sequence=payload.sequence
        )
        await self._store.commit(ctx, optional(Borrower, payload.name), decide=decide)
