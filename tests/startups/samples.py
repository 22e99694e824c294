"""Startups and reported stays, as domain values. Days are counted from TODAY."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from libs.common.domain.entity import UpdateMask
from libs.common.domain.profile import read_profile
from services.startups.domain import residency
from services.startups.domain.credit_code import check, check_of, organisation_check
from services.startups.domain.mentoring import MentorRelation
from services.startups.domain.residency import Residency
from services.startups.domain.startup import Startup, StartupSpec, UpdateStartup

TODAY = date(2026, 11, 24)
CITY = read_profile(Path(__file__).parents[2] / "profiles" / "jilin").city
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"

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
#: Published codes whose 18th character does not fit the others.
ISSUED_DIFFERENTLY: Sequence[str] = tuple(
    (Path(__file__).parent / "startup" / "credit_codes.txt")
    .read_text("utf-8")
    .partition("# [CHECK_DIGIT_DIFFERS]")[2]
    .splitlines()[1:]
)


def code(number: int) -> str:
    """Return a credit code for each number, with check digits that fit."""
    organisation = f"MA{number:06d}"
    body = f"91220200{organisation}{organisation_check(organisation)}"
    return body + check(body)


def day(offset: int) -> date:
    """Return the day that many days after TODAY."""
    return TODAY + timedelta(days=offset)


def spec(**fields: Any) -> StartupSpec:
    """Describe a team; `fields` replace or add."""
    values = {"display_name": "松江碳材", "district": LONGTAN, "technology_field": "new-materials"}
    return StartupSpec.model_validate({**values, **fields})


def startup(**fields: Any) -> Startup:
    """Return a registered team, or a firm when a credit code is given."""
    credit_code = fields.get("credit_code")
    values = {
        **dict(spec()),
        "credit_code": None,
        "credit_code_check": check_of(credit_code) if credit_code else None,
        "name": "startups/a1",
        "version": 1,
    }
    return Startup.model_validate({**values, **fields})


def update(new: StartupSpec, *paths: str, etag: str = "") -> UpdateStartup:
    """Change the fields that the paths name."""
    return UpdateStartup(name="startups/a1", startup=new, update_mask=UpdateMask(paths=paths), etag=etag)


def stay(
    tenancy: str,
    sequence: int,
    start: int,
    end: int | None = None,
    state: residency.State = residency.State.CURRENT,
) -> Residency:
    """Return what a fact of a tenancy reports."""
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


def relation(mentor: str, sequence: int, sessions: int = 1, last: int | None = 0) -> MentorRelation:
    """Return what a fact of a consultation reports."""
    return MentorRelation(
        mentor=f"mentors/{mentor}",
        mentor_display_name=f"林江{mentor}",
        sessions=sessions,
        minutes=45 * sessions,
        last_date=day(last) if sessions and last is not None else None,
        sequence=sequence,
    )
