"""LoanService."""

# ruff: noqa: N802 - gRPC dictates the names

from collections.abc import AsyncIterator
from typing import Any

from lockers.v1 import loan_pb2 as pb  # type: ignore[import-not-found]
from lockers.v1.loan_pb2_grpc import LoanServiceServicer  # type: ignore[import-not-found]

from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode
from tests.contracts.throwaway.domain import loan
from tests.contracts.throwaway.service.loan import Loans


class LoanRpc(LoanServiceServicer):  # type: ignore[misc]
    """Handlers of LoanService. The proto and the service document each method."""

    def __init__(self, loans: Loans) -> None:
        self._loans = loans

    async def LendLocker(self, request: pb.LendLockerRequest, context: Any) -> pb.Loan:
        command = decode(request, loan.LendLocker)
        lent = await self._loans.lend(command, call_context())
        return encode(lent, pb.Loan)

    async def GetLoan(self, request: pb.GetLoanRequest, context: Any) -> pb.Loan:
        query = decode(request, loan.GetLoan)
        found = await self._loans.get(query, call_context())
        return encode(found, pb.Loan)

    async def ExportLoans(self, request: pb.ExportLoansRequest, context: Any) -> AsyncIterator[pb.Loan]:
        query = decode(request, loan.ExportLoans)
        async for found in self._loans.export(query, call_context()):
            yield encode(found, pb.Loan)
