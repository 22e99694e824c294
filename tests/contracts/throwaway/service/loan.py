"""Loans: lend, read, export, and what happens when their time is over."""

from collections.abc import AsyncIterator
from functools import partial

from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Names
from libs.common.store.command import Load
from tests.contracts.throwaway.domain import loan
from tests.contracts.throwaway.domain.borrower import Borrower
from tests.contracts.throwaway.domain.loan import Loan
from tests.contracts.throwaway.domain.locker import Locker
from tests.contracts.throwaway.store import LockersStore


class Loans:
    """One method for each RPC and timer."""

    def __init__(self, store: LockersStore, names: Names) -> None:
        self._store = store
        self._names = names

    async def lend(self, command: loan.LendLocker, ctx: CallContext) -> Loan:
        """Lend a locker. Taken (LOCKER_TAKEN), NotFound."""
        return await self._store.commit(
            ctx,
            Load(Locker, command.locker, guard=True),
            Load(Borrower, command.startup),
            decide=partial(loan.lend, command=command, name=self._names.new("loans")),
        )

    async def get(self, query: loan.GetLoan, ctx: CallContext) -> Loan:
        """Return one loan. NotFound (LOAN_NOT_FOUND)."""
        return await self._store.get(Loan, query.name, ctx)

    def export(self, query: loan.ExportLoans, ctx: CallContext) -> AsyncIterator[Loan]:
        """Yield all loans of a space that are in the caller's scope."""
        return self._store.export_loans(query, ctx)

    async def end(self, name: str, ctx: CallContext) -> None:
        """Timer: end a loan. Precondition (NOT_DUE)."""
        known = await self._store.get(Loan, name, ctx)  # its locker never changes
        await self._store.commit(ctx, Load(Loan, name), Load(Locker, known.locker), decide=loan.end)
