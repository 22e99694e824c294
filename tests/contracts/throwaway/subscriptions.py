"""The facts of other services that lockers handles, and the method for each."""

from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.common.messaging.subscription import Subscription, Subscriptions
from tests.contracts.throwaway.service.borrower import Borrowers, StartupPayload


def subscriptions(borrowers: Borrowers) -> Subscriptions:
    """Return the subscriptions to each service."""
    return {
        "startups": (
            Subscription(startups.StartupRegistered, StartupPayload, borrowers.note_startup),
            Subscription(startups.StartupUpdated, StartupPayload, borrowers.note_startup),
        )
    }
