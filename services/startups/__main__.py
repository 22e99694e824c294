"""Run startups: make the things, join them, serve until told to stop."""

from functools import partial

from libs.api.hatchery.startups.v1 import facts_pb2, startups_pb2
from libs.api.hatchery.startups.v1.startups_pb2_grpc import add_StartupServiceServicer_to_server
from libs.common.house import house, run
from libs.common.settings import Settings
from services.startups.inbox import heeds
from services.startups.rpc import StartupRpc
from services.startups.service import Startups
from services.startups.store import StartupsStore


async def main() -> None:
    """Make, join, serve."""
    async with house("startups", Settings()) as it:
        store = StartupsStore(it.documents, facts_pb2, it.clock, it.settings)
        startups = Startups(store, it.clock, it.names, it.city)
        add = partial(add_StartupServiceServicer_to_server, StartupRpc(startups))
        await it.serve(add, startups_pb2, store, heeds=heeds(startups))


if __name__ == "__main__":
    run(main)
