"""Run spaces: create the parts, join them, serve until stopped."""

from libs.api.hatchery.spaces.v1 import facts_pb2, space_pb2, tenancy_pb2
from libs.api.hatchery.spaces.v1.space_pb2_grpc import add_SpaceServiceServicer_to_server
from libs.api.hatchery.spaces.v1.tenancy_pb2_grpc import add_TenancyServiceServicer_to_server
from libs.common.runtime.main import run
from libs.common.runtime.runtime import open_runtime
from libs.common.runtime.server import Servicer
from libs.common.runtime.settings import Settings
from libs.common.runtime.sweeper import Timer
from services.spaces.domain.profile import SpacesProfile
from services.spaces.grants import GRANTS
from services.spaces.rpc.space import SpaceRpc
from services.spaces.rpc.tenancy import TenancyRpc
from services.spaces.service.occupant import Occupants
from services.spaces.service.space import Spaces
from services.spaces.service.tenancy import Tenancies
from services.spaces.store import SpacesStore
from services.spaces.subscriptions import subscriptions


async def main() -> None:
    """Serve spaces, tenancies and the projection of startups."""
    async with open_runtime("spaces", Settings()) as runtime:
        runtime.section(SpacesProfile)
        store = runtime.store(SpacesStore, facts_pb2)
        spaces = Spaces(store, runtime.clock, runtime.names, runtime.city)
        tenancies = Tenancies(store, runtime.clock, runtime.names, runtime.city)
        occupants = Occupants(store)
        await runtime.serve(
            store,
            servicers=(
                Servicer(space_pb2, add_SpaceServiceServicer_to_server, SpaceRpc(spaces)),
                Servicer(tenancy_pb2, add_TenancyServiceServicer_to_server, TenancyRpc(tenancies)),
            ),
            grants=GRANTS,
            subscriptions=subscriptions(occupants),
            timers=(Timer("tenancies", tenancies.advance),),
        )


if __name__ == "__main__":
    run(main)
