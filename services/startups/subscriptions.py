"""The facts of other services that startups handles, and the method for each."""

from libs.api.hatchery.mentors.v1 import facts_pb2 as mentors
from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.common.messaging.subscription import Subscription, Subscriptions
from services.startups.service.startup import MentorPayload, RelationPayload, Startups, TenancyPayload


def subscriptions(startups: Startups) -> Subscriptions:
    """Return the subscriptions to each service."""
    return {
        "spaces": (
            Subscription(spaces.TenancyActivated, TenancyPayload, startups.note_activated),
            Subscription(spaces.TenancyEnded, TenancyPayload, startups.note_ended),
        ),
        "mentors": (
            Subscription(mentors.ConsultationConfirmed, RelationPayload, startups.note_relation),
            Subscription(mentors.ConsultationDisputed, RelationPayload, startups.note_relation),
            Subscription(mentors.ConsultationRejected, RelationPayload, startups.note_relation),
            Subscription(mentors.MentorForgotten, MentorPayload, startups.note_forgotten),
        ),
    }
