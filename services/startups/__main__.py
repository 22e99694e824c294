"""Run startups: create the parts, join them, serve until stopped."""

from libs.api.hatchery.startups.v1 import facts_pb2, startup_pb2
from libs.api.hatchery.startups.v1.startup_pb2_grpc import add_StartupServiceServicer_to_server
from libs.common.runtime.main import run
from libs.common.runtime.runtime import open_runtime
from libs.common.runtime.server import Servicer
from libs.common.runtime.settings import Settings
from services.startups.grants import GRANTS
from services.startups.rpc.startup import StartupRpc
from services.startups.service.startup import Startups
from services.startups.store import StartupsStore
from services.startups.subscriptions import subscriptions


async def main() -> None:
    """Serve the register of startups."""
    async with open_runtime("startups", Settings()) as runtime:
        store = runtime.store(StartupsStore, facts_pb2)
        startups = Startups(store, runtime.clock, runtime.names, runtime.city)
        await runtime.serve(
            store,
            servicers=(Servicer(startup_pb2, add_StartupServiceServicer_to_server, StartupRpc(startups)),),
            grants=GRANTS,
            subscriptions=subscriptions(startups),
        )


if __name__ == "__main__":
    run(main)
