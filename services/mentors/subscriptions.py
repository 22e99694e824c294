"""The facts of other services that mentors handles, and the method for each."""

from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.common.messaging.subscription import Subscription, Subscriptions
from services.mentors.service.projection import Projections, SpacePayload, StartupPayload, TenancyPayload


def subscriptions(projections: Projections) -> Subscriptions:
    """Return the subscriptions to each service."""
    return {
        "startups": (
            Subscription(startups.StartupRegistered, StartupPayload, projections.note_startup),
            Subscription(startups.StartupUpdated, StartupPayload, projections.note_startup),
            Subscription(startups.StartupCreditCodeCorrected, StartupPayload, projections.note_startup),
        ),
        "spaces": (
            Subscription(spaces.SpaceCreated, SpacePayload, projections.note_space),
            Subscription(spaces.SpaceUpdated, SpacePayload, projections.note_space),
            Subscription(spaces.TenancySigned, TenancyPayload, projections.note_tenancy),
            Subscription(spaces.TenancyActivated, TenancyPayload, projections.note_tenancy),
            Subscription(spaces.TenancyEnded, TenancyPayload, projections.note_tenancy),
        ),
    }
