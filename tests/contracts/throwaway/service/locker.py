"""Lockers: create and read."""

from functools import partial

from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Names
from tests.contracts.throwaway.domain import locker
from tests.contracts.throwaway.domain.locker import Locker
from tests.contracts.throwaway.store import LockersStore


class Lockers:
    """One method for each RPC."""

    def __init__(self, store: LockersStore, names: Names) -> None:
        self._store = store
        self._names = names

    async def create(self, command: locker.CreateLocker, ctx: CallContext) -> Locker:
        """Create a locker."""
        return await self._store.commit(ctx, decide=partial(locker.create, command, name=self._names.new("lockers")))

    async def get(self, query: locker.GetLocker, ctx: CallContext) -> Locker:
        """Return one locker. NotFound (LOCKER_NOT_FOUND)."""
        return await self._store.get(Locker, query.name, ctx)
