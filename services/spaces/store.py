"""Collections, indexes and queries of spaces."""

from typing import Any

from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.store.listing import Order, parse_order_by
from libs.common.store.schema import DUE_TIME, EntitySchema, Index, sort_path
from libs.common.store.store import Store
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.space import ListSpaces, Space
from services.spaces.domain.tenancy import ListTenancies, Tenancy

BY_DISPLAY_NAME = sort_path("display_name")
SPACES = EntitySchema(
    Space,
    "spaces",
    missing="SPACE_NOT_FOUND",
    indexes=(
        Index(("district", "_id")),
        Index(("zone", "_id")),
        Index(("kind", "_id")),
        Index((BY_DISPLAY_NAME, "_id")),
    ),
    sorted_by=("display_name",),
)
OCCUPANTS = EntitySchema(Occupant, "occupants", missing="STARTUP_NOT_FOUND", projection=True)
TENANCIES = EntitySchema(
    Tenancy,
    "tenancies",
    missing="TENANCY_NOT_FOUND",
    indexes=(
        Index(("space", "_id")),
        Index(("startup", "_id")),
        Index(("district", "_id")),
        Index(("zone", "_id")),
        Index(("state", "_id")),
        DUE_TIME,
    ),
)
ORDERS = {"create_time": Order(), "display_name": Order(BY_DISPLAY_NAME)}


class SpacesStore(Store):
    """The documents of spaces."""

    schemas = (SPACES, OCCUPANTS, TENANCIES)

    async def list_spaces(self, query: ListSpaces, ctx: CallContext) -> Page[Space]:
        """Return a page of spaces, by creation or by display name."""
        where: dict[str, Any] = {"kind": query.kind}
        if query.district:
            where["$or"] = [{"district": query.district}, {"zone": query.district}]
        return await self.list(Space, where, query, ctx, parse_order_by(query.order_by, ORDERS))

    async def list_tenancies(self, query: ListTenancies, ctx: CallContext) -> Page[Tenancy]:
        """Return a page of tenancies by name; those of one space are in the order of registration."""
        states = {"$in": list(query.states)} if query.states else None
        where: dict[str, Any] = {"startup": query.startup, "state": states}
        if query.parent != "spaces/-":
            where["_id"] = {"$gt": f"{query.parent}/tenancies/", "$lt": f"{query.parent}/tenancies0"}
        return await self.list(Tenancy, where, query, ctx)
