"""The facts of other services that startups handles, and the method for each."""

from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.common.messaging.subscription import Subscription, Subscriptions
from services.startups.service.startup import Startups, TenancyPayload


def subscriptions(startups: Startups) -> Subscriptions:
    """Return the subscriptions to each service."""
    return {
        "spaces": (
            Subscription(spaces.TenancyActivated, TenancyPayload, startups.note_activated),
            Subscription(spaces.TenancyEnded, TenancyPayload, startups.note_ended),
        )
    }
