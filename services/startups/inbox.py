"""What startups heeds: the facts of other services, and the method that each is handed to."""

from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.common.house import Heeds
from libs.common.inbox import Heed
from services.startups.service import Startups, TenancyTold


def heeds(startups: Startups) -> Heeds:
    """The facts of each service that startups heeds."""
    return {
        "spaces": (
            Heed(spaces.TenancyActivated, TenancyTold, startups.note_moved_in),
            Heed(spaces.TenancyEnded, TenancyTold, startups.note_moved_out),
        )
    }
