"""Collections, indexes and queries of startups."""

from typing import Any

from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.store.listing import Order, parse_order_by
from libs.common.store.schema import EntitySchema, Index, sort_path
from libs.common.store.store import Store
from services.startups.domain import residency
from services.startups.domain.mentoring import ForgottenMentor
from services.startups.domain.startup import ListStartups, Stage, Startup

BY_DISPLAY_NAME = sort_path("display_name")
STARTUPS = EntitySchema(
    Startup,
    "startups",
    missing="STARTUP_NOT_FOUND",
    indexes=(
        Index(("credit_code",), where={"credit_code": {"$type": "string"}}, unique_reason="CREDIT_CODE_TAKEN"),
        Index(("district", "_id")),
        Index(("technology_field", "_id")),
        Index(("residency.space", "_id")),
        Index(("relations.mentor", "_id")),
        Index((BY_DISPLAY_NAME, "_id")),
    ),
    sorted_by=("display_name",),
)
FORGOTTEN_MENTORS = EntitySchema(ForgottenMentor, "forgotten_mentors", missing="STARTUP_NOT_FOUND")
ORDERS = {"create_time": Order(), "display_name": Order(BY_DISPLAY_NAME)}
_STAGES = {Stage.TEAM: None, Stage.FIRM: {"$type": "string"}}


class StartupsStore(Store):
    """The documents of startups."""

    schemas = (STARTUPS, FORGOTTEN_MENTORS)

    async def list_startups(self, query: ListStartups, ctx: CallContext) -> Page[Startup]:
        """Return a page of startups, by registration or by display name."""
        clauses: list[dict[str, Any]] = []
        if query.stage is not None:
            clauses.append({"credit_code": _STAGES[query.stage]})
        if query.space is not None:
            clauses.append({"residency.space": query.space, "residency.state": residency.State.CURRENT})
        where = {
            "district": query.district,
            "technology_field": query.technology_field,
            # A partial index serves only a query that repeats its condition.
            "credit_code": {"$eq": query.credit_code, "$type": "string"} if query.credit_code else None,
            **({"$and": clauses} if clauses else {}),
        }
        return await self.list(Startup, where, query, ctx, parse_order_by(query.order_by, ORDERS))

    async def startups_of(self, mentor: str) -> tuple[str, ...]:
        """Return the names of the startups that have a relation to a mentor."""
        rows = (
            self.database.collection(STARTUPS.collection).find({"relations.mentor": mentor}, {"_id": 1}).sort("_id", 1)
        )
        return tuple(row["_id"] for row in await rows.to_list(None))
