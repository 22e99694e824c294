"""The facts of other services that spaces handles, and the method for each."""

from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.common.messaging.subscription import Subscription, Subscriptions
from services.spaces.service.occupant import Occupants, StartupPayload


def subscriptions(occupants: Occupants) -> Subscriptions:
    """Return the subscriptions to each service."""
    return {
        "startups": (
            Subscription(startups.StartupRegistered, StartupPayload, occupants.note_startup),
            Subscription(startups.StartupUpdated, StartupPayload, occupants.note_startup),
        )
    }
