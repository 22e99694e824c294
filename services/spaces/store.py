"""Where spaces, tenancies and the occupants' cards are kept, and what is asked of them beyond their names."""

from typing import Any

from libs.common.asking import Asked
from libs.common.collections import Collection, Index
from libs.common.listing import Order, order_by
from libs.common.store import Store
from libs.common.values import Paged
from services.spaces.domain import ListSpaces, ListTenancies, Occupant, Space, Tenancy

SPACES = Collection(
    Space,
    "spaces",
    missing="SPACE_NOT_FOUND",
    indexes=(
        Index(("district", "_id")),
        Index(("zone", "_id")),
        Index(("kind", "_id")),
        Index(("display_name", "_id"), locale="zh"),
    ),
)
OCCUPANTS = Collection(Occupant, "occupants", missing="STARTUP_NOT_FOUND", card=True)
TENANCIES = Collection(
    Tenancy,
    "tenancies",
    missing="TENANCY_NOT_FOUND",
    indexes=(
        Index(("space", "_id")),
        Index(("startup", "_id")),
        Index(("district", "_id")),
        Index(("zone", "_id")),
        Index(("state", "_id")),
        Index(("due_time",), where={"due_time": {"$type": "date"}}),
    ),
)
ORDERS = {"create_time": Order(), "display_name": Order("display_name", locale="zh")}


class SpacesStore(Store):
    """The documents of spaces."""

    collections = (SPACES, OCCUPANTS, TENANCIES)

    async def spaces(self, ask: ListSpaces, asked: Asked) -> Paged[Space]:
        """A page of spaces, by name or by what they are called."""
        where: dict[str, Any] = {"kind": ask.kind}
        if ask.district:
            where["$or"] = [{"district": ask.district}, {"zone": ask.district}]
        return await self.list(Space, where, ask, asked, order_by(ask.order_by, ORDERS))

    async def tenancies(self, ask: ListTenancies, asked: Asked) -> Paged[Tenancy]:
        """A page of tenancies, by name: those of one space in the order in which they were registered."""
        where: dict[str, Any] = {"startup": ask.startup, "state": {"$in": list(ask.states)} if ask.states else None}
        if ask.parent != "spaces/-":
            where["_id"] = {"$gt": f"{ask.parent}/tenancies/", "$lt": f"{ask.parent}/tenancies0"}
        return await self.list(Tenancy, where, ask, asked)
