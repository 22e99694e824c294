"""Matching for the contract tests."""

from libs.api.hatchery.mentors.v1 import match_pb2, profession_pb2
from libs.api.hatchery.spaces.v1 import space_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.contracts.calls import Calls
from tests.contracts.requests import Place, RunningContract, Valid


async def populate(calls: Calls, place: Place) -> None:
    """Matching has no resources of its own."""


async def match_mentors(contract: RunningContract) -> Valid:
    """Find mentors for the startup of the home place, by everything that can be sought."""
    startup, space = contract.home.get(startup_pb2.Startup), contract.home.get(space_pb2.Space)
    need = match_pb2.Need(
        technology_field="new-materials",
        industry_chain="new-materials",
        skills=["fundraising", "export"],
        languages=["zh", "en"],
        stage=profession_pb2.STAGE_FIRM,
        formats=[profession_pb2.FORMAT_ON_SITE],
        district=startup.district,
        space=space.name,
    )
    request = match_pb2.MatchMentorsRequest(startup=startup.name, need=need, max_matches=20)
    scopes = (startup.name, startup.district, space.name, space.district, space.zone)
    return Valid(request, scopes, startup.name, contract.foreign.get(startup_pb2.Startup).name)


REQUESTS = {"MatchService.MatchMentors": match_mentors}
ENTITIES = ()
SCOPES: dict[type, object] = {}
FACT_VALUES: dict[str, object] = {}
BAD_VALUES: dict[str, object] = {}
