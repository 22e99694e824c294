"""Credit codes that an official confirms from the licence, and codes that an administrator corrects."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from libs.common.domain.errors import Invalid, Precondition, Refusal, Stale
from services.startups.domain.credit_code import CreditCodeCheck
from services.startups.domain.startup import (
    ConfirmCreditCode,
    CorrectCreditCode,
    CreditCodeCorrection,
    RegisterStartup,
    Stage,
    StartupCreditCodeCorrected,
    StartupUpdated,
    confirm_credit_code,
    correct_credit_code,
    register,
    update,
)
from tests.startups import samples
from tests.startups.samples import CITY, CODES, ISSUED_DIFFERENTLY, TODAY, spec, startup, stay

ISSUED = ISSUED_DIFFERENTLY[0]
MISTYPED, REISSUED = CreditCodeCorrection.MISTYPED, CreditCodeCorrection.REISSUED
#: A firm with a code whose 18th character does not fit.
CONFIRMED = startup(credit_code=ISSUED)


def confirm(code: str, etag: str = "") -> ConfirmCreditCode:
    """Confirm a code."""
    return ConfirmCreditCode(name="startups/a1", credit_code=code, etag=etag)


def correct(code: str, reason: CreditCodeCorrection = MISTYPED, etag: str = "") -> CorrectCreditCode:
    """Correct a code."""
    return CorrectCreditCode(name="startups/a1", credit_code=code, correction_reason=reason, etag=etag)


def violations(refusal: Refusal) -> dict[str, str]:
    """Return the invalid fields with their reasons."""
    assert isinstance(refusal, Invalid)
    return {violation.field: violation.reason for violation in refusal.violations}


# --- without a confirmation -------------------------------------------------------------------


def test_a_code_that_does_not_fit_is_refused_with_its_path() -> None:
    """Register, update and correct refuse a code whose 18th character does not fit (CREDIT_CODE_CHECK_DIGIT)."""
    with pytest.raises(Invalid) as refusal:
        register(RegisterStartup(startup=spec(credit_code=ISSUED)), CITY, name="startups/a1", today=TODAY)
    assert violations(refusal.value) == {"startup.credit_code": "CREDIT_CODE_CHECK_DIGIT"}
    for path in ("credit_code", "*"):
        with pytest.raises(Invalid) as refusal:
            update(startup(), samples.update(spec(credit_code=ISSUED), path), CITY, today=TODAY)
        assert violations(refusal.value) == {"startup.credit_code": "CREDIT_CODE_CHECK_DIGIT"}
    with pytest.raises(Invalid) as refusal:
        correct_credit_code(startup(credit_code=CODES[0]), correct(ISSUED))
    assert violations(refusal.value) == {"credit_code": "CREDIT_CODE_CHECK_DIGIT"}


# --- confirmation -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", ISSUED_DIFFERENTLY)
def test_a_team_becomes_a_firm_by_a_confirmed_code(code: str) -> None:
    """A published code that does not fit is recorded with that finding, and the change is published."""
    change = confirm_credit_code(startup(), confirm(code))
    assert change.reply == startup(credit_code=code)
    assert (change.reply.stage, change.reply.credit_code_check) == (Stage.FIRM, CreditCodeCheck.CHECK_DIGIT_DIFFERS)
    assert change.saves == (change.reply,)
    assert change.facts == (StartupUpdated.of(change.reply),)


def test_a_code_that_fits_may_be_confirmed_too() -> None:
    """Confirming does not require that the code be one of the exceptions."""
    assert confirm_credit_code(startup(), confirm(CODES[0])).reply.credit_code_check is CreditCodeCheck.VALID


@pytest.mark.parametrize("known", [CODES[0], ISSUED_DIFFERENTLY[1]])
def test_a_code_that_is_set_cannot_be_confirmed_away(known: str) -> None:
    """A startup with another code keeps it (CREDIT_CODE_FIXED)."""
    with pytest.raises(Precondition) as refusal:
        confirm_credit_code(startup(credit_code=known), confirm(ISSUED))
    assert refusal.value.reason == "CREDIT_CODE_FIXED"
    assert refusal.value.metadata == {"name": "startups/a1"}


def test_confirming_a_known_code_changes_nothing() -> None:
    """A code that the startup already has makes no new version and no fact."""
    change = confirm_credit_code(CONFIRMED, confirm(ISSUED))
    assert (change.reply, change.saves, change.facts) == (CONFIRMED, (), ())


@pytest.mark.parametrize(
    ("code", "reason"),
    [("", "REQUIRED"), (ISSUED[:17], "CREDIT_CODE_SHAPE"), ("110101199003070011", "LOOKS_LIKE_RESIDENT_ID")],
)
def test_a_confirmed_code_still_has_a_shape(code: str, reason: str) -> None:
    """Confirming accepts another 18th character and nothing else that is no code."""
    with pytest.raises(ValidationError) as error:
        confirm(code)
    assert violations(Invalid.of(error.value)) == {"credit_code": reason}


def test_an_unrelated_update_leaves_a_confirmed_code() -> None:
    """An update of another field does not check the confirmed code again."""
    after = update(CONFIRMED, samples.update(spec(display_name="新名"), "display_name"), CITY, today=TODAY).reply
    assert after == CONFIRMED.with_(display_name="新名")


def test_a_startup_with_a_confirmed_code_can_be_written_back() -> None:
    """Reading a startup and writing it back with the mask `*` keeps the confirmed code."""
    read_back = spec(credit_code=CONFIRMED.credit_code)
    assert update(CONFIRMED, samples.update(read_back, "*"), CITY, today=TODAY).reply == CONFIRMED


# --- correction -------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [CODES[0], ISSUED])
@pytest.mark.parametrize("after", [CODES[1], ""])
def test_a_correction_replaces_or_removes_the_code(before: str, after: str) -> None:
    """The new code and its check are recorded, or the firm becomes a team; all else stays."""
    resident = startup(credit_code=before).with_residency(stay("1", 1, 0))
    change = correct_credit_code(resident, correct(after, REISSUED))
    assert change.reply == startup(credit_code=after or None).with_residency(stay("1", 1, 0))
    assert change.reply.stage is (Stage.FIRM if after else Stage.TEAM)
    assert change.saves == (change.reply,)


def test_a_correction_publishes_the_previous_code_and_the_reason() -> None:
    """StartupCreditCodeCorrected has the startup as it is now, the code it had, and why it was corrected."""
    change = correct_credit_code(startup(credit_code=CODES[0]), correct(CODES[1], REISSUED))
    [fact] = change.facts
    assert isinstance(fact, StartupCreditCodeCorrected)
    assert (fact.name, fact.credit_code, fact.stage) == ("startups/a1", CODES[1], Stage.FIRM)
    assert (fact.previous_credit_code, fact.correction_reason) == (CODES[0], REISSUED)


@pytest.mark.parametrize("known", ["", CODES[0], ISSUED])
def test_a_correction_to_the_same_code_changes_nothing(known: str) -> None:
    """A startup that already has the given code, or none, is neither saved nor published."""
    before = startup(credit_code=known or None)
    change = correct_credit_code(before, correct(known))
    assert (change.reply, change.saves, change.facts) == (before, (), ())


def test_a_code_that_does_not_fit_is_corrected_in_two_steps() -> None:
    """Where the right code does not fit, the wrong one is removed, and the right one is then CONFIRMED."""
    removed = correct_credit_code(startup(credit_code=CODES[0]), correct("")).reply
    assert removed.stage is Stage.TEAM
    assert confirm_credit_code(removed, confirm(ISSUED)).reply.credit_code == ISSUED


def test_a_stale_etag_is_refused() -> None:
    """Confirming or correcting on another version is refused with the current etag (ETAG_MISMATCH)."""
    changes: list[Callable[[], object]] = [
        lambda: confirm_credit_code(CONFIRMED, confirm(ISSUED, etag="v2")),
        lambda: correct_credit_code(CONFIRMED, correct("", etag="v2")),
    ]
    for decide in changes:
        with pytest.raises(Stale) as refusal:
            decide()
        assert (refusal.value.reason, refusal.value.metadata["etag"]) == ("ETAG_MISMATCH", "v1")
    assert correct_credit_code(CONFIRMED, correct("", etag="v1")).reply.stage is Stage.TEAM
