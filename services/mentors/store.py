"""Collections, indexes and queries of mentors."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Entity, Page
from libs.common.rpc.context import CallContext
from libs.common.store.listing import Order, parse_order_by
from libs.common.store.schema import DUE_TIME, EntitySchema, Index, sort_path
from libs.common.store.store import Store
from services.mentors.domain.availability import Availability
from services.mentors.domain.block import Block
from services.mentors.domain.booking_commands import ListConsultations
from services.mentors.domain.certificate_number import CertificateNumber
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.forgetting import Erasure
from services.mentors.domain.free_slots import SearchFreeSlots
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import ListMentors, Mentor, State
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.nomination import Nomination
from services.mentors.domain.note import ConsultationNote
from services.mentors.domain.residence import Residence
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup
from services.mentors.domain.tally import FIGURES
from services.mentors.panel_store import PANEL_SCHEMAS

E = TypeVar("E", bound=Entity)

BY_DISPLAY_NAME = sort_path("display_name")

# --- mentors ---
MENTORS = EntitySchema(
    Mentor,
    "mentors",
    missing="MENTOR_NOT_FOUND",
    personal=True,
    indexes=(
        Index(("state", "_id")),
        Index(("kind", "_id")),
        Index(("technology_fields", "_id")),
        Index(("industry_chains", "_id")),
        Index(("skills", "_id")),
        Index(("languages", "_id")),
        Index(("formats", "_id")),
        Index(("spaces", "_id")),
        Index(("districts", "_id")),
        Index(("district", "_id")),
        Index(("nominator", "_id")),
        Index(("industry_expert", "_id")),
        Index((BY_DISPLAY_NAME, "_id")),
        DUE_TIME,
    ),
    sorted_by=("display_name",),
)
NOMINATIONS = EntitySchema(Nomination, "nominations", missing="NOMINATION_NOT_FOUND", personal=True)
CONTACTS = EntitySchema(MentorContact, "contacts", missing="MENTOR_CONTACT_NOT_FOUND", personal=True)
ERASURES = EntitySchema(Erasure, "erasures", missing="MENTOR_NOT_FOUND", indexes=(DUE_TIME,))
CERTIFICATE_NUMBERS = EntitySchema(CertificateNumber, "certificate_numbers", missing="APPOINTMENT_NOT_FOUND")

# --- projections ---
STARTUPS = EntitySchema(Startup, "startups", missing="STARTUP_NOT_FOUND", projection=True)
SPACES = EntitySchema(Space, "spaces", missing="SPACE_NOT_FOUND", projection=True)
RESIDENCES = EntitySchema(Residence, "residences", missing="STARTUP_NOT_FOUND", indexes=(Index(("stays.space",)),))

# --- consultations ---
CALENDARS = EntitySchema(CalendarPage, "calendars", missing="MENTOR_NOT_FOUND")
CONSULTATIONS = EntitySchema(
    Consultation,
    "consultations",
    missing="CONSULTATION_NOT_FOUND",
    personal=True,
    indexes=(
        # Each filter and scope of the list, in its order.
        Index(("mentor", "start_time", "_id")),
        Index(("startups", "start_time", "_id")),
        Index(("spaces", "start_time", "_id")),
        Index(("districts", "start_time", "_id")),
        Index(("state", "start_time", "_id")),
        Index(("kind", "start_time", "_id")),
        Index(("start_time", "_id")),
        # All that matching reads of a month's load, so that it opens no document.
        Index(("mentor", "start_time", "end_time", "state")),
        DUE_TIME,
    ),
)

# --- availability ---
AVAILABILITIES = EntitySchema(Availability, "availabilities", missing="MENTOR_NOT_FOUND")
BLOCKS = EntitySchema(Block, "blocks", missing="BLOCK_NOT_FOUND", personal=True, indexes=(Index(("mentor", "_id")),))

# --- records ---
CONSULTATION_NOTES = EntitySchema(
    ConsultationNote,
    "consultation_notes",
    missing="CONSULTATION_NOT_FOUND",
    personal=True,
    indexes=(Index(("mentor",)),),
)

# --- what counts ---
MENTEES = EntitySchema(
    Mentee,
    "mentees",
    missing="STARTUP_NOT_FOUND",
    indexes=(Index(("years.year",)), Index(("relations.mentor",))),
)
MENTOR_YEARS = EntitySchema(
    MentorYear,
    "mentor_years",
    missing="MENTOR_NOT_FOUND",
    indexes=(Index(("year", "mentor", *FIGURES)), Index(("spaces", "year")), Index(("districts", "year"))),
)

CONSULTATION_ORDERS = {"start_time": Order("start_time")}
MENTOR_ORDERS = {"create_time": Order(), "display_name": Order(BY_DISPLAY_NAME)}


class MentorsStore(Store):
    """The documents of mentors."""

    schemas = (
        # --- mentors ---
        MENTORS,
        NOMINATIONS,
        CONTACTS,
        CERTIFICATE_NUMBERS,
        ERASURES,
        # --- projections ---
        STARTUPS,
        SPACES,
        RESIDENCES,
        # --- consultations ---
        CALENDARS,
        CONSULTATIONS,
        # --- availability ---
        AVAILABILITIES,
        BLOCKS,
        # --- records ---
        CONSULTATION_NOTES,
        # --- what counts ---
        MENTEES,
        MENTOR_YEARS,
        # --- panels and secondments ---
        *PANEL_SCHEMAS,
    )

    async def find_names(self, kind: type[Entity], where: Mapping[str, Any], limit: int) -> list[str]:
        """Return names of entities that match, at most so many. For the service's own work: no scope is checked."""
        collection = self.database.collection(self._schemas[kind].collection)
        rows = await collection.find(where, {"_id": 1}).limit(limit).to_list(None)
        return [row["_id"] for row in rows]

    async def list_mentors(self, query: ListMentors, ctx: CallContext) -> Page[Mentor]:
        """Return a page of mentors, by nomination or by display name."""
        where: dict[str, Any] = {
            **_profession(query),
            "state": {"$in": list(query.states)} if query.states else None,
            "district": query.district,
            # `False` would be taken for no filter.
            "industry_expert": None if query.industry_expert is None else {"$eq": query.industry_expert},
        }
        return await self.list(Mentor, where, query, ctx, parse_order_by(query.order_by, MENTOR_ORDERS))

    # --- availability ---

    async def find(self, kind: type[E], names: Sequence[str]) -> tuple[E | None, ...]:
        """Return entities in the order of their names, None for one that does not exist.

        Scopes are not checked: do that with the mentor to whom they belong.
        """
        reader = self._readers[kind]
        found = await asyncio.gather(*(reader.read(name) for name in names))
        return cast("tuple[E | None, ...]", tuple(found))

    async def list_appointed(self, query: SearchFreeSlots, ctx: CallContext) -> Page[Mentor]:
        """Return a page of the appointed mentors who match."""
        return await self.list(Mentor, {**_profession(query), "state": State.APPOINTED}, query, ctx)

    # --- consultations ---

    async def list_consultations(self, query: ListConsultations, ctx: CallContext) -> Page[Consultation]:
        """Return a page of consultations in the order of their start."""
        begins = {"$gte": query.from_time, "$lt": query.to_time}
        where: dict[str, Any] = {
            "mentor": query.mentor,
            "startups": query.startup,
            "spaces": query.space,
            "state": {"$in": list(query.states)} if query.states else None,
            "kind": query.kind,
            "start_time": {key: given for key, given in begins.items() if given},
        }
        order = parse_order_by(query.order_by, CONSULTATION_ORDERS)
        return await self.list(Consultation, where, query, ctx, order)


def _profession(query: ListMentors | SearchFreeSlots) -> dict[str, Any]:
    """Return the filters of what a mentor is and can, and where."""
    return {
        "kind": query.kind,
        "technology_fields": query.technology_field,
        "skills": query.skill,
        "languages": query.language,
        "formats": query.format,
        "spaces": query.space,
    }
