"""MatchService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import match_pb2 as pb
from libs.api.hatchery.mentors.v1.match_pb2_grpc import MatchServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode
from services.mentors.domain.need import MatchMentors
from services.mentors.service.match import Matching


class MatchRpc(MatchServiceServicer):
    """Handlers of MatchService. The proto and the service document each method."""

    def __init__(self, matching: Matching) -> None:
        self._matching = matching

    async def MatchMentors(self, request: pb.MatchMentorsRequest, context: Any) -> pb.MatchMentorsResponse:
        query = decode(request, MatchMentors)
        matches = await self._matching.rank(query, call_context())
        return encode(matches, pb.MatchMentorsResponse)
