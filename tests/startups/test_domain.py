"""Startups: who they are before the law, and where they live."""

from collections.abc import Mapping
from datetime import date
from functools import reduce
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from libs.common.errors import Invalid, Precondition, Stale
from services.startups.domain import (
    ListStartups,
    RegisterStartup,
    Residency,
    ResidencyState,
    Stage,
    Startup,
    StartupRegistered,
    StartupSpec,
    StartupUpdated,
    note_residency,
    register_startup,
    update_startup,
)
from services.startups.domain.credit_code import ALPHABET, CreditCode, check, organisation_check
from tests.startups.examples import CITY, CODES, FENGMAN, HIGH_TECH, TODAY, day, spec, startup, stay, update

CURRENT, ENDED = ResidencyState.CURRENT, ResidencyState.ENDED
CODE = TypeAdapter(CreditCode)
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read(given: str) -> str:
    """The code as it is kept."""
    return CODE.validate_python(given)


def why(given: str) -> str:
    """The reason for which a code is refused."""
    with pytest.raises(ValidationError) as refused:
        read(given)
    [wrong] = Invalid.of(refused.value).violations
    return wrong.reason


# --- credit codes --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_a_true_code_passes(code: str) -> None:
    """Codes of firms, institutes, private non-profits and villages pass as they are."""
    assert read(code) == code


@pytest.mark.parametrize("authority", "123456789ANY")
def test_every_authority_may_register(authority: str) -> None:
    """All twelve kinds of registering authority, A the army, N agriculture and Y others among them, give codes."""
    body = f"{authority}1220200MA0Y1X2K"
    body += organisation_check(body[8:])
    assert read(body + check(body)) == body + check(body)


@pytest.mark.parametrize("code", CODES)
def test_every_single_slip_is_refused(code: str) -> None:
    """No code with one wrong character passes, at any of its 18 places with any of the 30 other signs."""
    slips = [code[:at] + sign + code[at + 1 :] for at in range(18) for sign in ALPHABET if sign != code[at]]
    assert len(slips) == 540
    assert [slip for slip in slips if not why(slip).startswith("CREDIT_CODE")] == []


@pytest.mark.parametrize("code", CODES)
def test_swapped_neighbours_are_refused(code: str) -> None:
    """No code in which two different signs next to one another have changed places passes."""
    for at in range(17):
        swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        assert swapped == code or why(swapped).startswith("CREDIT_CODE")


@pytest.mark.parametrize("code", CODES)
def test_both_check_digits_count(code: str) -> None:
    """A code whose last sign fits is refused still when the organisation code within it does not check."""
    wrong = next(sign for sign in LETTERS if sign in ALPHABET and sign != code[16])
    body = code[:16] + wrong
    assert why(body + check(body)) == "CREDIT_CODE_CHECK_DIGIT"
    last = next(sign for sign in ALPHABET if sign != code[17])
    assert why(code[:17] + last) == "CREDIT_CODE_CHECK_DIGIT"


@pytest.mark.parametrize("rest", ["X", "0", "7"])
def test_the_organisation_code_checks_with_figures_and_x(rest: str) -> None:
    """The ninth sign of an organisation code may be a figure, X for ten and 0 for eleven (GB 11714)."""
    codes = (f"MA{number:06d}" for number in range(200))
    organisation = next(code for code in codes if organisation_check(code) == rest)
    body = f"91220200{organisation}{rest}"
    assert read(body + check(body)) == body + check(body)


@given(st.sampled_from(CODES), st.randoms(use_true_random=False))
def test_spelling_does_not_matter(code: str, chance: Random) -> None:
    """Lower case, full width, spaces of any kind and hyphens anywhere give the same code."""
    signs = [
        chance.choice([sign, sign.lower(), chr(ord(sign) + 0xFEE0), chr(ord(sign.lower()) + 0xFEE0)]) for sign in code
    ]
    for _ in range(chance.randrange(8)):
        signs.insert(chance.randrange(len(signs) + 1), chance.choice(" \u3000\t\u00a0-－‐–"))
    assert read("".join(signs)) == code


@pytest.mark.parametrize("sign", "IOSVZ")
@pytest.mark.parametrize("at", [1, 8, 12, 15])
def test_signs_that_look_like_figures_are_refused(sign: str, at: int) -> None:
    """I, O, S, V and Z have no place in a code, wherever they stand."""
    assert why(CODES[0][:at] + sign + CODES[0][at + 1 :]) == "CREDIT_CODE_SHAPE"


@pytest.mark.parametrize(
    "given",
    [
        CODES[0][:17],
        CODES[0] + "0",
        "0" + CODES[0][1:],
        "B" + CODES[0][1:],
        CODES[0][:2] + "A" + CODES[0][3:],
        CODES[0][:5] + "。" + CODES[0][6:],
        "吉林市松江碳材有限责任公司吉林市松江",
        "٩١٢٢٠٢٠٢MA0Y1X2KX3",
    ],
)
def test_another_shape_is_refused(given: str) -> None:
    """Another length, another authority, letters in the division or signs of other scripts are no code."""
    assert why(given) == "CREDIT_CODE_SHAPE"


def test_a_list_is_asked_for_by_any_spelling() -> None:
    """Whoever looks a firm up by its code may spell it as freely as whoever registers it."""
    assert ListStartups(credit_code=f" {CODES[0][:8].lower()}-{CODES[0][8:].lower()}").credit_code == CODES[0]


# --- the register ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "stage"), [("", Stage.TEAM), (CODES[0], Stage.FIRM)])
def test_a_firm_is_who_has_a_code(code: str, stage: Stage) -> None:
    """Without a code it is a team, with one a firm; either enters the register and is told."""
    change = register_startup(RegisterStartup(startup=spec(credit_code=code)), CITY, name="startups/a1", today=TODAY)
    assert (change.reply.name, change.reply.stage, change.reply.credit_code) == ("startups/a1", stage, code or None)
    assert change.saves == (change.reply,)
    assert change.facts == (StartupRegistered.of(change.reply),)


def test_a_team_that_becomes_a_firm_keeps_its_name() -> None:
    """A team that names its code becomes a firm; its resource name and all else stays."""
    change = update_startup(startup(), update(spec(credit_code=CODES[0]), "credit_code"), CITY, today=TODAY)
    assert change.reply == startup(credit_code=CODES[0])
    assert change.reply.stage is Stage.FIRM
    assert change.facts == (StartupUpdated.of(change.reply),)


@pytest.mark.parametrize("code", ["", CODES[1]])
@pytest.mark.parametrize("path", ["credit_code", "*"])
def test_a_code_once_set_stays(code: str, path: str) -> None:
    """A firm can neither change its code nor be without one again (CREDIT_CODE_FIXED)."""
    firm = startup(credit_code=CODES[0])
    with pytest.raises(Precondition) as refused:
        update_startup(firm, update(spec(credit_code=code), path), CITY, today=TODAY)
    assert refused.value.reason == "CREDIT_CODE_FIXED"


@pytest.mark.parametrize("path", ["credit_code", "*"])
def test_the_same_code_may_be_said_again(path: str) -> None:
    """Saying a firm's own code again is no change of it."""
    firm = startup(credit_code=CODES[0])
    changed = update_startup(firm, update(spec(credit_code=CODES[0]), path), CITY, today=TODAY)
    assert changed.reply.credit_code == CODES[0]


WRONG: list[tuple[Mapping[str, Any], Mapping[str, str]]] = [
    ({"display_name": ""}, {"startup.display_name": "REQUIRED"}),
    ({"display_name": " \t"}, {"startup.display_name": "REQUIRED"}),
    ({"district": ""}, {"startup.district": "REQUIRED"}),
    ({"technology_field": ""}, {"startup.technology_field": "REQUIRED"}),
    ({"district": "districts/110000"}, {"startup.district": "MALFORMED"}),
    ({"district": HIGH_TECH}, {"startup.district": "MALFORMED"}),
    ({"technology_field": "alchemy"}, {"startup.technology_field": "MALFORMED"}),
    ({"industry_chain": "alchemy"}, {"startup.industry_chain": "MALFORMED"}),
    ({"founded_date": day(1)}, {"startup.founded_date": "DATE_OUT_OF_RANGE"}),
]


@pytest.mark.parametrize(("fields", "wrong"), WRONG)
def test_what_the_city_does_not_know_is_refused(fields: Mapping[str, Any], wrong: Mapping[str, str]) -> None:
    """A startup has a name, a district and a field of the city's profile, and was not founded tomorrow."""
    with pytest.raises(Invalid) as refused:
        register_startup(RegisterStartup(startup=spec(**fields)), CITY, name="startups/a1", today=TODAY)
    assert {found.field: found.reason for found in refused.value.violations} == wrong
    with pytest.raises(Invalid) as refused:
        update_startup(startup(), update(spec(**fields), *fields), CITY, today=TODAY)
    assert {found.field: found.reason for found in refused.value.violations} == wrong


@pytest.mark.parametrize("founded", [None, TODAY, date(1900, 1, 1)])
def test_a_startup_may_be_founded_today_or_long_ago(founded: date | None) -> None:
    """The day of founding is today at the latest, and may be unknown."""
    ask = RegisterStartup(startup=spec(founded_date=founded, industry_chain="aviation"))
    assert register_startup(ask, CITY, name="startups/a1", today=TODAY).reply.founded_date == founded


def test_only_masked_fields_change() -> None:
    """An update takes the fields that its mask names and no other; where a startup lives is not touched."""
    living = startup().living(stay("1", 1, 0))
    said = StartupSpec(display_name="松江新材", district=FENGMAN, industry_chain="aviation")
    changed = update_startup(living, update(said, "display_name", "industry_chain"), CITY, today=TODAY).reply
    assert changed == living.with_(display_name="松江新材", industry_chain="aviation")


@pytest.mark.parametrize("path", ["stage", "residency", "stays", "name", "etag", "no_such_field", ""])
def test_an_unknown_path_is_refused(path: str) -> None:
    """A mask that names what nobody may say, or no field at all, is refused with the place of that path."""
    with pytest.raises(Invalid) as refused:
        update_startup(startup(), update(spec(), "district", path), CITY, today=TODAY)
    assert {found.field: found.reason for found in refused.value.violations} == {
        "update_mask.paths[1]": "UNKNOWN_FIELD"
    }


def test_a_stale_etag_is_refused() -> None:
    """A change decided on an older version is refused with the etag that the startup has now."""
    with pytest.raises(Stale) as refused:
        update_startup(startup(version=3), update(spec(), "district", etag="v2"), CITY, today=TODAY)
    assert refused.value.metadata["etag"] == "v3"
    same = update_startup(startup(version=3), update(spec(), "district", etag="v3"), CITY, today=TODAY)
    assert same.reply.district == spec().district


# --- where it lives --------------------------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn) -> list[Residency]:
    """What is told of a startup's tenancies, in order: one after another, each cut short, kept open or never begun."""
    told, start = list[Residency](), draw(st.integers(-30, 0))
    names = draw(st.permutations("123456"))
    for tenancy in names[: draw(st.integers(1, 5))]:
        first = draw(st.integers(1, 3))  # the first versions may be SIGNED, of which startups hears nothing
        length = draw(st.integers(0, 4))
        notices = draw(st.integers(1, 2)) if length or draw(st.booleans()) else 0
        told += [stay(tenancy, first + place, start, None if place == 0 else start + 9) for place in range(notices)]
        if draw(st.booleans()) or not notices:
            told.append(stay(tenancy, first + notices, start, start + length, ENDED))
        start += max(length, draw(st.integers(0, 3)) if length else 0)
    return told


def residency(told: list[Residency]) -> Residency | None:
    """Where a startup is seen to live after it was told."""

    def note(known: Startup, fact: Residency) -> Startup:
        saved = note_residency(known, fact).saves
        return known.with_(**dict(saved[0])) if saved else known

    return reduce(note, told, startup()).residency


@settings(max_examples=120)
@given(lives(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_told_does_not_matter(told: list[Residency], chance: Random) -> None:
    """Told in any order and as often as anybody likes, a startup is seen to live where it does when told in order."""
    again = [*told, *chance.choices(told, k=3)]
    chance.shuffle(again)
    assert residency(again) == residency(told)


def test_a_repeat_changes_nothing() -> None:
    """What was told already, or is older than that, keeps nothing and so makes no new version."""
    living = startup().living(stay("1", 2, 0))
    for old in (stay("1", 2, 0), stay("1", 1, 0)):
        assert note_residency(living, old).saves == ()


@pytest.mark.parametrize(
    ("told", "tenancy", "state"),
    [
        ([stay("1", 1, -9)], "1", CURRENT),
        ([stay("1", 1, -9), stay("1", 2, -9, -5, ENDED)], "1", ENDED),
        ([stay("1", 1, -9), stay("1", 2, -9, -5, ENDED), stay("2", 1, -5)], "2", CURRENT),
        ([stay("2", 1, -9, -5), stay("2", 2, -9, -5, ENDED), stay("1", 2, -5)], "1", CURRENT),
        ([stay("1", 1, -9), stay("2", 2, 5, 5, ENDED)], "1", CURRENT),
        ([stay("1", 1, -9), stay("2", 1, -30, -20, ENDED)], "1", CURRENT),
        ([stay("1", 1, 0), stay("1", 2, 0, 0, ENDED)], "1", ENDED),
    ],
    ids=["moves-in", "moves-out", "moves-on", "moves-on-to-an-older-name", "cancels", "learns-of-the-past", "same-day"],
)
def test_a_startup_lives_where_its_latest_stay_is(told: list[Residency], tenancy: str, state: ResidencyState) -> None:
    """A startup is seen where it last moved in; a stay that never began does not hide the one that did."""
    seen = residency(told)
    assert seen is not None
    assert (seen.tenancy.rpartition("/")[2], seen.state) == (tenancy, state)
