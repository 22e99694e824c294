"""Mentors, startups and spaces, as domain values. Days are counted from TODAY."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from libs.common.domain.profile import read_profile
from services.mentors.domain.mentor import Appointment, Format, Mentor, MentorSpec, State
from services.mentors.domain.profile import MentorsProfile
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 24)
#: Noon of TODAY in the city.
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
PROFILE = read_profile(Path(__file__).parents[2] / "profiles" / "jilin")
CITY = PROFILE.city
MENTORS_PROFILE = PROFILE.section("mentors", MentorsProfile)
VOCABULARY = MENTORS_PROFILE.vocabulary(CITY)
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"


def day(offset: int) -> date:
    """Return the day that many days after TODAY."""
    return TODAY + timedelta(days=offset)


def spec(**fields: Any) -> MentorSpec:
    """Describe an entrepreneur; `fields` replace or add."""
    values = {"display_name": "林江", "kind": "entrepreneur", "district": LONGTAN}
    return MentorSpec.model_validate({**values, **fields})


def term(
    start: int = -365, end: int = 730, appointer: str = "spaces/s1", number: str = "吉创导2025-001"
) -> Appointment:
    """Return an appointment from a day to a day."""
    return Appointment(
        appointer=appointer, body="江城孵化器", certificate_number=number, start_date=day(start), end_date=day(end)
    )


def mentor(appointments: Iterable[Appointment] | None = None, **fields: Any) -> Mentor:
    """Return a mentor whom one space has appointed for a term that includes TODAY, unless other terms are given."""
    terms = (term(),) if appointments is None else tuple(appointments)
    appointers = sorted({each.appointer for each in terms if each.end_date > TODAY})
    values = {
        "name": "mentors/m1",
        "version": 1,
        "display_name": "林江",
        "kind": "entrepreneur",
        "district": LONGTAN,
        "technology_fields": ("new-materials",),
        "skills": ("fundraising",),
        "languages": ("zh",),
        "formats": (Format.ON_SITE, Format.VIDEO),
        "state": State.APPOINTED if terms else State.NOMINATED,
        "nominator": "spaces/s1",
        "spaces": tuple(name for name in appointers if name.startswith("spaces/")),
        "districts": tuple(name for name in appointers if name.startswith("districts/")),
        "appointments": terms,
    }
    return Mentor(**{**values, **fields})


def startup(name: str = "startups/a1", **fields: Any) -> Startup:
    """Return a startup as mentors knows it."""
    values = {"version": 1, "sequence": 1, "display_name": "松江碳材", "district": LONGTAN, "stage": "TEAM"}
    return Startup(name=name, **{**values, "technology_field": "new-materials", **fields})


def space(name: str = "spaces/s1", **fields: Any) -> Space:
    """Return a space as mentors knows it."""
    values = {"version": 1, "sequence": 1, "display_name": "江城孵化器", "kind": "INCUBATOR", "district": LONGTAN}
    return Space(name=name, **{**values, **fields})
