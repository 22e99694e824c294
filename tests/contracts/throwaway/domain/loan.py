"""The loan: a startup uses a locker until an instant."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from libs.common.domain.entity import Change, Entity, Fact, PageQuery, Value
from libs.common.domain.errors import Precondition, Taken
from tests.contracts.throwaway.domain.borrower import Borrower
from tests.contracts.throwaway.domain.locker import Locker
from tests.contracts.throwaway.domain.names import LoanName, LockerName, SpaceName, StartupName


class State(StrEnum):
    """The states of a loan."""

    CURRENT = "CURRENT"
    ENDED = "ENDED"


class LendLocker(Value):
    """Lend a locker to a startup."""

    locker: LockerName
    startup: StartupName
    end_time: datetime


class GetLoan(Value):
    """Read one loan."""

    name: LoanName


class ExportLoans(PageQuery):
    """Read all loans of a space."""

    space: SpaceName


class Loan(Entity):
    """A startup's use of a locker. `due_time` is when it ends by itself."""

    scoped_by: ClassVar[tuple[str, ...]] = ("space", "startup")

    locker: str
    space: str
    startup: str
    startup_display_name: str
    end_time: datetime
    state: State = State.CURRENT
    due_time: datetime | None = None


class LockerLent(Fact):
    """A locker was lent."""

    locker: str
    startup: str


class LoanEnded(LockerLent):
    """The time of a loan is over."""


def lend(locker: Locker, borrower: Borrower, command: LendLocker, *, name: str) -> Change[Loan]:
    """Lend a locker that is free (LOCKER_TAKEN)."""
    if locker.loan:
        raise Taken("LOCKER_TAKEN", "the locker is lent already", name=locker.name)
    loan = Loan(
        name=name,
        locker=locker.name,
        space=locker.space,
        startup=borrower.name,
        startup_display_name=borrower.display_name,
        end_time=command.end_time,
        due_time=command.end_time,
    )
    return Change(loan, saves=(loan, locker.with_(loan=name)), facts=(LockerLent.of(loan),))


def end(loan: Loan, locker: Locker) -> Change[Loan]:
    """End a loan whose time is over, once (NOT_DUE)."""
    if loan.state is State.ENDED:
        raise Precondition("NOT_DUE", "the loan has ended", name=loan.name)
    ended = loan.with_(state=State.ENDED, due_time=None)
    return Change(ended, saves=(ended, locker.with_(loan="")), facts=(LoanEnded.of(ended),))
