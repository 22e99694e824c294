"""The audit: checks what is stored against every promise, and against what the clients were answered."""

from datetime import date

from tests.faults import audit_entities, audit_journal, audit_mentors
from tests.faults.calls import Ledger
from tests.faults.snapshot import Snapshot


def audit(snapshot: Snapshot, ledger: Ledger, today: date) -> list[str]:
    """Return everything that is wrong; empty when every promise was kept."""
    return [
        *ledger.faults,
        *snapshot.logged_errors,
        *audit_journal.check(snapshot, ledger),
        *audit_entities.check(snapshot, today),
        *audit_mentors.check(snapshot),
        *(f"{row['_id']} is parked: {row['error']}" for rows in snapshot.parked.values() for row in rows),
    ]
