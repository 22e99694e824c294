"""Run spaces: make the things, join them, serve until told to stop."""

from functools import partial

from libs.api.hatchery.spaces.v1 import facts_pb2, spaces_pb2
from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import add_SpaceServiceServicer_to_server
from libs.common.house import house, run
from libs.common.settings import Settings
from libs.common.sweeper import Due
from services.spaces.inbox import heeds
from services.spaces.rpc import SpaceRpc
from services.spaces.service import Spaces
from services.spaces.store import SpacesStore


async def main() -> None:
    """Make, join, serve."""
    async with house("spaces", Settings()) as it:
        store = SpacesStore(it.documents, facts_pb2, it.clock, it.settings)
        spaces = Spaces(store, it.clock, it.names, it.city)
        add = partial(add_SpaceServiceServicer_to_server, SpaceRpc(spaces))
        due = (Due("tenancies", spaces.advance_tenancy),)
        await it.serve(add, spaces_pb2, store, heeds=heeds(spaces), due=due)


if __name__ == "__main__":
    run(main)
