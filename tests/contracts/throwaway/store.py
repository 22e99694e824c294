"""Collections, indexes and queries of lockers."""

from collections.abc import AsyncIterator

from libs.common.rpc.context import CallContext
from libs.common.store.schema import DUE_TIME, EntitySchema, Index
from libs.common.store.store import Store
from tests.contracts.throwaway.domain.borrower import Borrower
from tests.contracts.throwaway.domain.loan import ExportLoans, Loan
from tests.contracts.throwaway.domain.locker import Locker

LOCKERS = EntitySchema(Locker, "lockers", missing="LOCKER_NOT_FOUND")
BORROWERS = EntitySchema(Borrower, "borrowers", missing="STARTUP_NOT_FOUND", projection=True)
LOANS = EntitySchema(
    Loan,
    "loans",
    missing="LOAN_NOT_FOUND",
    indexes=(
        Index(("space", "_id")),
        Index(("startup", "_id")),
        DUE_TIME,
    ),
)


class LockersStore(Store):
    """The documents of lockers."""

    schemas = (LOCKERS, BORROWERS, LOANS)

    async def export_loans(self, query: ExportLoans, ctx: CallContext) -> AsyncIterator[Loan]:
        """Yield all loans of a space in the order of their names, page by page."""
        while True:
            page = await self.list(Loan, {"space": query.space}, query, ctx)
            for loan in page:
                yield loan
            if not page.next_page_token:
                return
            query = query.model_copy(update={"page_token": page.next_page_token})
