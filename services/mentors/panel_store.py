"""Collections, indexes and queries of panels and secondments."""

from collections.abc import Sequence
from typing import Any

from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.store.listing import Order, parse_order_by
from libs.common.store.schema import DUE_TIME, EntitySchema, Index
from libs.common.store.store import Store
from services.mentors.domain.consultation import RECORDED
from services.mentors.domain.consultation import State as ConsultationState
from services.mentors.domain.eligibility import Pair
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.panel import ConflictDeclaration, ListPanels, Panel, PanelDraw
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.secondment import ListSecondments, Secondment
from services.mentors.domain.working_time import WorkingTime

PANELS = EntitySchema(
    Panel,
    "panels",
    missing="PANEL_NOT_FOUND",
    personal=True,
    indexes=(
        Index(("district", "_id")),
        Index(("mentors", "_id")),
        Index(("subjects.startup", "_id")),
        Index(("state", "_id")),
        Index(("start_time", "_id")),
    ),
)
PANEL_DRAWS = EntitySchema(
    PanelDraw,
    "panel_draws",
    missing="PANEL_DRAW_NOT_FOUND",
    personal=True,
    indexes=(Index(("candidates.mentor",)),),
)
DECLARATIONS = EntitySchema(
    ConflictDeclaration,
    "declarations",
    missing="CONFLICT_DECLARATION_NOT_FOUND",
    personal=True,
    indexes=(Index(("mentor",)),),
)
DUTIES = EntitySchema(Duties, "duties", missing="MENTOR_NOT_FOUND")
SECONDMENTS = EntitySchema(
    Secondment,
    "secondments",
    missing="SECONDMENT_NOT_FOUND",
    personal=True,
    indexes=(
        Index(("mentor", "_id")),
        Index(("spaces", "_id")),
        Index(("district", "_id")),
        Index(("state", "_id")),
        Index(("start_date", "_id")),
        DUE_TIME,
    ),
)
WORKING_TIMES = EntitySchema(WorkingTime, "working_times", missing="MENTOR_NOT_FOUND")
PANEL_SCHEMAS = (PANELS, PANEL_DRAWS, DECLARATIONS, DUTIES, SECONDMENTS, WORKING_TIMES)

PANEL_ORDERS = {"create_time": Order(), "start_time": Order("start_time")}
SECONDMENT_ORDERS = {"create_time": Order(), "start_date": Order("start_date")}
#: The states of a consultation by which a mentor is known to a startup.
ADVISING = sorted({ConsultationState.SCHEDULED, ConsultationState.HELD, *RECORDED})


class PanelQueries:
    """What panels and secondments read. Lists are limited to the caller's scope; the rest is for the service's work."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mentors = store.database.collection("mentors")
        self._consultations = store.database.collection("consultations")

    async def candidates(self, technology_fields: Sequence[str], limit: int) -> tuple[str, ...]:
        """Return the names of appointed mentors in one of the fields, or in any without fields; at most `limit`."""
        where: dict[str, Any] = {"state": MentorState.APPOINTED}
        if technology_fields:
            where["technology_fields"] = {"$in": list(technology_fields)}
        rows = await self._mentors.find(where, {"_id": 1}).sort("_id", 1).limit(limit).to_list(None)
        return tuple(row["_id"] for row in rows)

    async def advised(self, startups: Sequence[str]) -> frozenset[Pair]:
        """Return which mentors advise which of the startups, by consultations that are scheduled, held or on record."""
        if not startups:
            return frozenset()
        where = {"startups": {"$in": list(startups)}, "state": {"$in": ADVISING}}
        rows = await self._consultations.find(where, {"mentor": 1, "startups": 1}).to_list(None)
        return frozenset((row["mentor"], startup) for row in rows for startup in row["startups"])

    async def list_panels(self, query: ListPanels, ctx: CallContext) -> Page[Panel]:
        """Return a page of panels."""
        where: dict[str, Any] = {
            "state": {"$in": list(query.states)} if query.states else None,
            "district": query.district,
            "mentors": query.mentor,
            "subjects.startup": query.subject,
        }
        return await self._store.list(Panel, where, query, ctx, parse_order_by(query.order_by, PANEL_ORDERS))

    async def list_secondments(self, query: ListSecondments, ctx: CallContext) -> Page[Secondment]:
        """Return a page of secondments."""
        where: dict[str, Any] = {
            "state": {"$in": list(query.states)} if query.states else None,
            "mentor": query.mentor,
            "district": query.district,
        }
        order = parse_order_by(query.order_by, SECONDMENT_ORDERS)
        return await self._store.list(Secondment, where, query, ctx, order)
