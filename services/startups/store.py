"""Where startups are kept, and what is asked of them beyond their names."""

from typing import Any

from libs.common.asking import Asked
from libs.common.collections import Collection, Index
from libs.common.listing import Order, order_by
from libs.common.store import Store
from libs.common.values import Paged
from services.startups.domain import ListStartups, ResidencyState, Stage, Startup

STARTUPS = Collection(
    Startup,
    "startups",
    missing="STARTUP_NOT_FOUND",
    indexes=(
        Index(("credit_code",), where={"credit_code": {"$type": "string"}}, taken="CREDIT_CODE_TAKEN"),
        Index(("district", "_id")),
        Index(("technology_field", "_id")),
        Index(("residency.space", "_id")),
        Index(("display_name", "_id"), locale="zh"),
    ),
)
ORDERS = {"create_time": Order(), "display_name": Order("display_name", locale="zh")}
_STAGES = {Stage.TEAM: None, Stage.FIRM: {"$type": "string"}}


class StartupsStore(Store):
    """The documents of startups."""

    collections = (STARTUPS,)

    async def startups(self, ask: ListStartups, asked: Asked) -> Paged[Startup]:
        """A page of startups, by name or by what they are called."""
        clauses: list[dict[str, Any]] = []
        if ask.stage is not None:
            clauses.append({"credit_code": _STAGES[ask.stage]})
        if ask.space is not None:
            clauses.append({"residency.space": ask.space, "residency.state": ResidencyState.CURRENT})
        where = {
            "district": ask.district,
            "technology_field": ask.technology_field,
            # A partial index serves only a query that says its condition again.
            "credit_code": {"$eq": ask.credit_code, "$type": "string"} if ask.credit_code else None,
            **({"$and": clauses} if clauses else {}),
        }
        return await self.list(Startup, where, ask, asked, order_by(ask.order_by, ORDERS))
