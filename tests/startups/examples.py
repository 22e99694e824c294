"""A small city, and startups and stays in it, for tests of startups."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from libs.common.profile import City
from libs.common.values import Mask
from services.startups.domain import Residency, ResidencyState, Startup, StartupSpec, UpdateStartup
from services.startups.domain.credit_code import check, organisation_check

TODAY = date(2026, 11, 24)
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"
CITY = City.model_validate(
    {
        "name": "jilin",
        "display_name": {"zh": "吉林市", "en": "Jilin City"},
        "code": "220200",
        "time_zone": "Asia/Shanghai",
        "space_kinds": {},
        "districts": {
            "220203": {"name": {"zh": "龙潭区", "en": "Longtan"}, "kind": "DISTRICT"},
            "220211": {"name": {"zh": "丰满区", "en": "Fengman"}, "kind": "DISTRICT"},
            "220272": {"name": {"zh": "高新区", "en": "High-Tech Zone"}, "kind": "ZONE"},
        },
        "technology_fields": {
            "new-materials": {"zh": "新材料", "en": "New materials"},
            "other": {"zh": "其他", "en": "Other"},
        },
        "industry_chains": {"aviation": {"zh": "航空", "en": "Aviation"}},
    }
)

#: Made up, with check digits that fit, but for the last, which its owner publishes.
CODES: Sequence[str] = (
    "91220202MA0Y1X2KX3",
    "91220203MA0Y3T5R6B",
    "91220211MA17ABCD2H",
    "52220200MJY123458E",
    "12220200413000113T",
    "N2220221MF1234567M",
    "91110000600037341L",
)


def code(number: int) -> str:
    """A credit code for each number, with check digits that fit."""
    organisation = f"MA{number:06d}"
    body = f"91220200{organisation}{organisation_check(organisation)}"
    return body + check(body)


def day(offset: int) -> date:
    """So many days after today."""
    return TODAY + timedelta(days=offset)


def spec(**fields: Any) -> StartupSpec:
    """What a team says of itself, with some of it said otherwise."""
    said = {"display_name": "松江碳材", "district": LONGTAN, "technology_field": "new-materials"}
    return StartupSpec.model_validate({**said, **fields})


def startup(**fields: Any) -> Startup:
    """A team in the register, with some fields otherwise."""
    known = {**dict(spec()), "credit_code": None, "name": "startups/a1", "version": 1}
    return Startup.model_validate({**known, **fields})


def update(said: StartupSpec, *paths: str, etag: str = "") -> UpdateStartup:
    """Asks to change the fields of those paths."""
    return UpdateStartup(name="startups/a1", startup=said, update_mask=Mask(paths=paths), etag=etag)


def stay(
    tenancy: str, sequence: int, start: int, end: int | None = None, state: ResidencyState = ResidencyState.CURRENT
) -> Residency:
    """What a fact of a tenancy tells; days are counted from today."""
    space = f"spaces/s{tenancy}"
    return Residency(
        tenancy=f"{space}/tenancies/{tenancy}",
        sequence=sequence,
        space=space,
        space_display_name=f"空间{tenancy}",
        start_date=day(start),
        end_date=None if end is None else day(end),
        state=state,
    )
