"""What spaces heeds: the facts of other services, and the method that each is handed to."""

from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.common.house import Heeds
from libs.common.inbox import Heed
from services.spaces.service import Spaces, StartupTold


def heeds(spaces: Spaces) -> Heeds:
    """The facts of each service that spaces heeds."""
    return {
        "startups": (
            Heed(startups.StartupRegistered, StartupTold, spaces.note_startup),
            Heed(startups.StartupUpdated, StartupTold, spaces.note_startup),
        )
    }
