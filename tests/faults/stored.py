"""What each service stores, which commands and facts create it, and which services handle which fact."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

#: Calendar days are those of the city.
ZONE = ZoneInfo("Asia/Shanghai")
#: The collections of each service. In a snapshot the name of the service stands before each: `spaces.tenancies`.
COLLECTIONS: Mapping[str, tuple[str, ...]] = {
    "spaces": ("spaces", "occupants", "tenancies"),
    "startups": ("startups",),
    "mentors": (
        "mentors",
        "nominations",
        "certificate_numbers",
        "availabilities",
        "calendars",
        "consultations",
        "mentees",
        "mentor_years",
        "startups",
        "spaces",
        "residences",
    ),
}
#: The services that subscribe to each fact.
SUBSCRIBERS: Mapping[str, tuple[str, ...]] = {
    "hatchery.startups.v1.StartupRegistered": ("spaces", "mentors"),
    "hatchery.startups.v1.StartupUpdated": ("spaces", "mentors"),
    "hatchery.startups.v1.StartupCreditCodeCorrected": ("mentors",),
    "hatchery.spaces.v1.SpaceCreated": ("mentors",),
    "hatchery.spaces.v1.SpaceUpdated": ("mentors",),
    "hatchery.spaces.v1.TenancySigned": ("mentors",),
    "hatchery.spaces.v1.TenancyActivated": ("startups", "mentors"),
    "hatchery.spaces.v1.TenancyEnded": ("startups", "mentors"),
    "hatchery.mentors.v1.ConsultationConfirmed": ("startups",),
    "hatchery.mentors.v1.ConsultationDisputed": ("startups",),
    "hatchery.mentors.v1.ConsultationRejected": ("startups",),
}

_MENTORS, _CONSULTATIONS = "hatchery.mentors.v1.MentorService", "hatchery.mentors.v1.ConsultationService"
_REGISTERED, _UPDATED, _CORRECTED = (
    f"hatchery.startups.v1.Startup{what}" for what in ("Registered", "Updated", "CreditCodeCorrected")
)
_BOOKED = {f"{_CONSULTATIONS}.{method}" for method in ("RequestConsultation", "LogConsultation")}
_COUNTED = {f"{_CONSULTATIONS}.{method}" for method in ("ConfirmConsultation", "ResolveDispute")}
#: The commands and facts that create the entities of each collection.
CREATED_BY: Mapping[str, set[str]] = {
    "spaces.spaces": {"hatchery.spaces.v1.SpaceService.CreateSpace"},
    "spaces.tenancies": {"hatchery.spaces.v1.TenancyService.RegisterTenant"},
    "spaces.occupants": {_REGISTERED, _UPDATED},
    "startups.startups": {"hatchery.startups.v1.StartupService.RegisterStartup"},
    "mentors.mentors": {f"{_MENTORS}.NominateMentor"},
    "mentors.nominations": {f"{_MENTORS}.NominateMentor"},
    "mentors.certificate_numbers": {f"{_MENTORS}.AppointMentor"},
    "mentors.availabilities": {"hatchery.mentors.v1.AvailabilityService.UpdateAvailability"},
    "mentors.calendars": {*_BOOKED, f"{_CONSULTATIONS}.MoveConsultation"},
    "mentors.consultations": _BOOKED,
    "mentors.mentees": _COUNTED,
    "mentors.mentor_years": _COUNTED,
    "mentors.startups": {_REGISTERED, _UPDATED, _CORRECTED},
    "mentors.spaces": {f"hatchery.spaces.v1.Space{what}" for what in ("Created", "Updated")},
    "mentors.residences": {f"hatchery.spaces.v1.Tenancy{what}" for what in ("Signed", "Activated", "Ended")},
}
#: What is found under the name of a startup in mentors, by the commands and facts that change it.
_OF_STARTUP = ("mentors.startups", "mentors.residences", "mentors.mentees")
#: The collection of an entity by the fixed parts of its name.
_BY_PATTERN = {
    ("spaces", "spaces"): "spaces.spaces",
    ("spaces", "spaces", "tenancies"): "spaces.tenancies",
    ("spaces", "startups"): "spaces.occupants",
    ("startups", "startups"): "startups.startups",
    ("mentors", "mentors"): "mentors.mentors",
    ("mentors", "mentors", "nomination"): "mentors.nominations",
    ("mentors", "mentors", "availability"): "mentors.availabilities",
    ("mentors", "mentors", "calendars"): "mentors.calendars",
    ("mentors", "mentors", "years"): "mentors.mentor_years",
    ("mentors", "certificateNumbers"): "mentors.certificate_numbers",
    ("mentors", "consultations"): "mentors.consultations",
    ("mentors", "spaces"): "mentors.spaces",
}


def collection_of(service: str, entry: Mapping[str, Any], name: str) -> str:
    """Return the collection of an entity that a journal entry names."""
    if service == "mentors" and name.startswith("startups/"):
        command = entry["command"]
        return next((each for each in _OF_STARTUP if command in CREATED_BY[each]), "mentors.mentees")
    return _BY_PATTERN[service, *name.split("/")[::2]]
