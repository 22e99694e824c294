"""Startups: registration and updates; credit codes that are confirmed or corrected are in test_credit_code_changes."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from libs.common.domain.errors import Invalid, Precondition, Stale
from services.startups.domain.credit_code import CreditCodeCheck
from services.startups.domain.startup import (
    ListStartups,
    RegisterStartup,
    Stage,
    Startup,
    StartupRegistered,
    StartupSpec,
    StartupUpdated,
    UpdateStartup,
    register,
    update,
)
from tests.startups import samples
from tests.startups.samples import CITY, CODES, FENGMAN, HIGH_TECH, TODAY, day, spec, startup, stay

BY_ORGANISATION = "914512817717388902"  # published: its 17th character does not fit, its 18th does


def registered(**fields: Any) -> Startup:
    """Register a startup today."""
    return register(RegisterStartup(startup=spec(**fields)), CITY, name="startups/a1", today=TODAY).reply


def updated(before: Startup, command: UpdateStartup) -> Startup:
    """Return the startup after an update of today."""
    return update(before, command, CITY, today=TODAY).reply


def violations(refusal: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    """Return the invalid fields with their reasons."""
    return {violation.field: violation.reason for violation in refusal.value.violations}


# --- team and firm ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stage", "check"),
    [
        ("", Stage.TEAM, None),
        (CODES[0], Stage.FIRM, CreditCodeCheck.VALID),
        (BY_ORGANISATION, Stage.FIRM, CreditCodeCheck.ORGANISATION_DIGIT_DIFFERS),
    ],
)
def test_a_startup_with_a_code_is_a_firm(code: str, stage: Stage, check: CreditCodeCheck | None) -> None:
    """Without a code it is a team, with one a firm; the fit of the check digits is recorded and published."""
    command = RegisterStartup(startup=spec(credit_code=code))
    change = register(command, CITY, name="startups/a1", today=TODAY)
    assert (change.reply.name, change.reply.stage, change.reply.credit_code) == ("startups/a1", stage, code or None)
    assert change.reply.credit_code_check == check
    assert change.saves == (change.reply,)
    assert change.facts == (StartupRegistered.of(change.reply),)


def test_a_code_is_normalised() -> None:
    """A code is recorded in its normal form, and a list finds it by any spelling."""
    spelled = f" {CODES[0][:8].lower()}-{CODES[0][8:].lower()}"
    assert registered(credit_code=spelled).credit_code == CODES[0]
    assert ListStartups(credit_code=spelled).credit_code == CODES[0]


def test_a_team_becomes_a_firm_and_keeps_its_name() -> None:
    """A team that is given a code becomes a firm; its resource name and all else stays."""
    change = update(startup(), samples.update(spec(credit_code=CODES[0]), "credit_code"), CITY, today=TODAY)
    assert change.reply == startup(credit_code=CODES[0])
    assert change.reply.stage is Stage.FIRM
    assert change.facts == (StartupUpdated.of(change.reply),)


@pytest.mark.parametrize("code", ["", CODES[1]])
@pytest.mark.parametrize("path", ["credit_code", "*"])
def test_an_update_keeps_a_code_that_is_set(code: str, path: str) -> None:
    """An update can neither change nor remove the code of a firm (CREDIT_CODE_FIXED)."""
    firm = startup(credit_code=CODES[0])
    with pytest.raises(Precondition) as refusal:
        updated(firm, samples.update(spec(credit_code=code), path))
    assert refusal.value.reason == "CREDIT_CODE_FIXED"


@pytest.mark.parametrize("path", ["credit_code", "*"])
def test_an_update_may_repeat_the_code(path: str) -> None:
    """Giving a firm's own code again changes nothing of it."""
    firm = startup(credit_code=CODES[0])
    assert updated(firm, samples.update(spec(credit_code=CODES[0]), path)).credit_code == CODES[0]


# --- fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "invalid"),
    [
        ({"display_name": ""}, {"startup.display_name": "REQUIRED"}),
        ({"display_name": " \t"}, {"startup.display_name": "REQUIRED"}),
        ({"district": ""}, {"startup.district": "REQUIRED"}),
        ({"technology_field": ""}, {"startup.technology_field": "REQUIRED"}),
        ({"district": "districts/110000"}, {"startup.district": "MALFORMED"}),
        ({"district": HIGH_TECH}, {"startup.district": "MALFORMED"}),
        ({"technology_field": "alchemy"}, {"startup.technology_field": "MALFORMED"}),
        ({"industry_chain": "alchemy"}, {"startup.industry_chain": "MALFORMED"}),
        ({"founded_date": day(1)}, {"startup.founded_date": "DATE_OUT_OF_RANGE"}),
    ],
)
def test_fields_fit_the_city(fields: Mapping[str, Any], invalid: Mapping[str, str]) -> None:
    """A startup has a name, a district and a field of the city's profile, and was not founded in the future."""
    with pytest.raises(Invalid) as refusal:
        registered(**fields)
    assert violations(refusal) == invalid
    with pytest.raises(Invalid) as refusal:
        updated(startup(), samples.update(spec(**fields), *fields))
    assert violations(refusal) == invalid


def test_every_missing_field_is_reported() -> None:
    """A startup without any field is refused with all that are required."""
    with pytest.raises(Invalid) as refusal:
        register(RegisterStartup(), CITY, name="startups/a1", today=TODAY)
    assert violations(refusal) == {
        f"startup.{name}": "REQUIRED" for name in ("display_name", "district", "technology_field")
    }


@pytest.mark.parametrize("founded", [None, TODAY, date(1900, 1, 1)])
def test_a_startup_may_be_founded_today_or_long_ago(founded: date | None) -> None:
    """The day of founding is today at the latest, and may be unknown."""
    assert registered(founded_date=founded, industry_chain="aviation").founded_date == founded


def test_an_update_changes_the_masked_fields_only() -> None:
    """Fields that the mask does not name keep their values, and so does the residency."""
    resident = startup().with_residency(stay("1", 1, 0))
    new = StartupSpec(display_name="松江新材", district=FENGMAN, industry_chain="aviation")
    changed = updated(resident, samples.update(new, "display_name", "industry_chain"))
    assert changed == resident.with_(display_name="松江新材", industry_chain="aviation")


@pytest.mark.parametrize(
    "path",
    ["stage", "credit_code_check", "residency", "stays", "name", "etag", "no_such_field", "startup.district", ""],
)
def test_an_unknown_path_is_refused(path: str) -> None:
    """A path that is not a field of the spec is refused with its place in the mask (UNKNOWN_FIELD)."""
    with pytest.raises(Invalid) as refusal:
        updated(startup(), samples.update(spec(), "district", path))
    assert violations(refusal) == {"update_mask.paths[1]": "UNKNOWN_FIELD"}


def test_a_stale_etag_is_refused() -> None:
    """An update decided on another version is refused with the current etag; the current one is accepted."""
    with pytest.raises(Stale) as refusal:
        updated(startup(version=3), samples.update(spec(), "district", etag="v2"))
    assert refusal.value.reason == "ETAG_MISMATCH"
    assert refusal.value.metadata["etag"] == "v3"
    assert updated(startup(version=3), samples.update(spec(), "district", etag="v3")).district == spec().district
