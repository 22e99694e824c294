"""Collections, indexes and queries of mentors."""

from typing import Any

from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.store.listing import Order, parse_order_by
from libs.common.store.schema import EntitySchema, Index, sort_path
from libs.common.store.store import Store
from services.mentors.domain.appointment import CertificateNumber
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import ListMentors, Mentor
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.nomination import Nomination
from services.mentors.domain.residence import Residence
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup

BY_DISPLAY_NAME = sort_path("display_name")
DUE = Index(("due_time",), where={"due_time": {"$type": "date"}})

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
        Index(("skills", "_id")),
        Index(("languages", "_id")),
        Index(("formats", "_id")),
        Index(("spaces", "_id")),
        Index(("districts", "_id")),
        Index(("district", "_id")),
        Index(("nominator", "_id")),
        Index(("industry_expert", "_id")),
        Index((BY_DISPLAY_NAME, "_id")),
        DUE,
    ),
    sorted_by=("display_name",),
)
NOMINATIONS = EntitySchema(Nomination, "nominations", missing="NOMINATION_NOT_FOUND", personal=True)
CONTACTS = EntitySchema(MentorContact, "contacts", missing="MENTOR_CONTACT_NOT_FOUND", personal=True)
CERTIFICATE_NUMBERS = EntitySchema(CertificateNumber, "certificate_numbers", missing="APPOINTMENT_NOT_FOUND")

# --- projections ---
STARTUPS = EntitySchema(Startup, "startups", missing="STARTUP_NOT_FOUND", projection=True)
SPACES = EntitySchema(Space, "spaces", missing="SPACE_NOT_FOUND", projection=True)
RESIDENCES = EntitySchema(Residence, "residences", missing="STARTUP_NOT_FOUND")

# --- consultations ---
CALENDARS = EntitySchema(CalendarPage, "calendars", missing="MENTOR_NOT_FOUND")
CONSULTATIONS = EntitySchema(
    Consultation,
    "consultations",
    missing="CONSULTATION_NOT_FOUND",
    personal=True,
    indexes=(
        Index(("mentor", "_id")),
        Index(("startups", "_id")),
        Index(("spaces", "_id")),
        Index(("districts", "_id")),
        Index(("state", "_id")),
        Index(("start_time", "_id")),
        DUE,
    ),
)

# --- what counts ---
MENTEES = EntitySchema(Mentee, "mentees", missing="STARTUP_NOT_FOUND")
MENTOR_YEARS = EntitySchema(
    MentorYear,
    "mentor_years",
    missing="MENTOR_NOT_FOUND",
    indexes=(Index(("mentor", "_id")), Index(("year", "_id")), Index(("spaces", "_id")), Index(("districts", "_id"))),
)

MENTOR_ORDERS = {"create_time": Order(), "display_name": Order(BY_DISPLAY_NAME)}


class MentorsStore(Store):
    """The documents of mentors."""

    schemas = (
        # --- mentors ---
        MENTORS,
        NOMINATIONS,
        CONTACTS,
        CERTIFICATE_NUMBERS,
        # --- projections ---
        STARTUPS,
        SPACES,
        RESIDENCES,
        # --- consultations ---
        CALENDARS,
        CONSULTATIONS,
        # --- what counts ---
        MENTEES,
        MENTOR_YEARS,
    )

    async def list_mentors(self, query: ListMentors, ctx: CallContext) -> Page[Mentor]:
        """Return a page of mentors, by nomination or by display name."""
        where: dict[str, Any] = {
            "state": {"$in": list(query.states)} if query.states else None,
            "kind": query.kind,
            "technology_fields": query.technology_field,
            "skills": query.skill,
            "languages": query.language,
            "formats": query.format,
            "spaces": query.space,
            "district": query.district,
            # `False` would be taken for no filter.
            "industry_expert": None if query.industry_expert is None else {"$eq": query.industry_expert},
        }
        return await self.list(Mentor, where, query, ctx, parse_order_by(query.order_by, MENTOR_ORDERS))
