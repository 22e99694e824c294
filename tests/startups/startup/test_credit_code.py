"""Credit codes: which are accepted, how they may be spelled, and what a refusal says."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from libs.common.domain.errors import Invalid, Violation
from services.startups.domain.credit_code import (
    ALPHABET,
    CreditCode,
    CreditCodeCheck,
    check,
    check_of,
    ensure_check_digit,
    organisation_check,
)

CODE: TypeAdapter[str] = TypeAdapter(CreditCode)


def typed(given: str) -> str:
    """Read a code as RegisterStartup does, which checks the 18th character."""
    code = CODE.validate_python(given)
    ensure_check_digit("code", code)
    return code


def confirmed(given: str) -> str:
    """Read a code as ConfirmCreditCode does."""
    return CODE.validate_python(given)


Read = Callable[[str], str]
BOTH = pytest.mark.parametrize("kind", [typed, confirmed])

#: Made up with check digits that fit, but for the last, which its owner publishes.
FITTING = (
    "91220202MA0Y1X2KX3",
    "91220203MA0Y3T5R6B",
    "91220211MA17ABCD2H",
    "52220200MJY123458E",
    "12220200413000113T",
    "N2220221MF1234567M",
    "91110000600037341L",
)
#: The kinds of organisation that each authority registers.
KINDS = {
    "1": "1239",
    "2": "19",
    "3": "123459",
    "4": "19",
    "5": "123459",
    "6": "129",
    "7": "129",
    "8": "19",
    "9": "123",
    "A": "19",
    "N": "1239",
    "Y": "1",
}
PAIRS = [authority + kind for authority, kinds in KINDS.items() for kind in kinds]
_REGIONS = {"1": "12345", "2": "123", "3": "1234567", "4": "123456", "5": "01234", "6": "12345"}
PROVINCES = [region + number for region, numbers in _REGIONS.items() for number in numbers]


def published(group: str) -> list[str]:
    """Read one group of the published codes that do not compute."""
    text = Path(__file__).with_name("credit_codes.txt").read_text("utf-8")
    after = text.partition(f"# [{group}]")[2].splitlines()[1:]
    end = next((place for place, line in enumerate(after) if line.startswith("#")), len(after))
    return after[:end]


ISSUED_17 = published("ORGANISATION_DIGIT_DIFFERS")
ISSUED_18 = published("CHECK_DIGIT_DIFFERS")


def refusal(given: str, kind: Read = typed) -> Violation:
    """Return why a code is refused."""
    with pytest.raises((ValidationError, Invalid)) as refused:
        kind(given)
    error = refused.value
    invalid = Invalid.of(error) if isinstance(error, ValidationError) else error
    assert isinstance(invalid, Invalid)
    [violation] = invalid.violations
    return violation


def complete(body: str) -> str:
    """Append the check digits to the first 16 characters."""
    body += organisation_check(body[8:])
    return body + check(body)


def id_check(body: str) -> str:
    """Return the check character of an ID number (GB 11643): the weighted sum of all characters is 1 modulo 11."""
    total = sum(int(digit) * pow(2, 17 - at) for at, digit in enumerate(body))
    return next(sign for value, sign in enumerate("0123456789X") if (total + value) % 11 == 1)


def fits_id(code: str) -> bool:
    """Return whether a code is made of digits and ends like an ID number."""
    return code[:17].isdigit() and id_check(code[:17]) == code[17]


# --- what is accepted ---------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("code", FITTING)
def test_a_code_that_fits_is_accepted(kind: Read, code: str) -> None:
    """Codes of firms, institutes, private non-profits and villages are kept as they are, and said to be valid."""
    assert kind(code) == code
    assert check_of(code) is CreditCodeCheck.VALID


@BOTH
def test_a_team_has_no_code(kind: Read) -> None:
    """An empty code stays empty."""
    assert kind("") == ""


@pytest.mark.parametrize("pair", PAIRS)
def test_every_registering_authority_may_issue_codes(pair: str) -> None:
    """Every pair of authority and kind of organisation in GB 32100 begins a code."""
    code = complete(f"{pair}220200MA0Y1X2K")
    assert typed(code) == code


@pytest.mark.parametrize("province", [*PROVINCES, "10"])
def test_every_province_may_issue_codes(province: str) -> None:
    """Signs 3 and 4 are one of the 31 provinces, or 10 for a national authority."""
    code = complete(f"91{province}0000MA0Y1X2K")
    assert typed(code) == code


@pytest.mark.parametrize("code", ISSUED_17)
def test_an_issued_code_with_another_sign_17_is_accepted(code: str) -> None:
    """A published code whose 17th character does not fit while the 18th does is accepted and marked."""
    assert typed(code) == code
    assert check_of(code) is CreditCodeCheck.ORGANISATION_DIGIT_DIFFERS


@pytest.mark.parametrize("code", ISSUED_18)
def test_an_issued_code_with_another_sign_18_has_to_be_confirmed(code: str) -> None:
    """A published code whose 18th character does not fit is accepted once an official has read it from the licence."""
    assert refusal(code).reason == "CREDIT_CODE_CHECK_DIGIT"
    assert confirmed(code) == code
    assert check_of(code) is CreditCodeCheck.CHECK_DIGIT_DIFFERS


def test_all_published_codes_are_tried() -> None:
    """Both groups of published codes are read whole, without a code twice."""
    assert (len(ISSUED_17), len(ISSUED_18)) == (36, 24)
    assert len({*ISSUED_17, *ISSUED_18}) == 60


def test_an_issued_code_with_letters_in_its_organisation_code_is_accepted() -> None:
    """The 17th character may differ too when the organisation code contains letters."""
    assert confirmed("91350203M0001QKT19") == "91350203M0001QKT19"


@pytest.mark.parametrize("rest", ["X", "0", "7"])
def test_sign_17_is_a_digit_or_x(rest: str) -> None:
    """The check digit of an organisation code is X for ten and 0 for eleven (GB 11714)."""
    organisation = next(
        code for code in (f"MA{number:06d}" for number in range(200)) if organisation_check(code) == rest
    )
    code = complete(f"91220200{organisation}")
    assert code[16] == rest
    assert typed(code) == code


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", FITTING)
def test_every_single_slip_is_refused(code: str) -> None:
    """The 18th character reveals each of the 540 codes that differ in one character."""
    slips = [code[:at] + sign + code[at + 1 :] for at in range(18) for sign in ALPHABET if sign != code[at]]
    assert len(slips) == 540
    assert [slip for slip in slips if check(slip[:17]) == slip[17]] == []
    for slip in slips:
        assert refusal(slip).reason in {"CREDIT_CODE_CHECK_DIGIT", "CREDIT_CODE_SHAPE", "LOOKS_LIKE_RESIDENT_ID"}


@pytest.mark.parametrize("code", FITTING)
def test_swapped_neighbours_are_refused(code: str) -> None:
    """Swapping two different neighbouring characters is found."""
    for at in range(17):
        swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        assert swapped == code or refusal(swapped).reason.startswith("CREDIT_CODE")


@BOTH
@pytest.mark.parametrize(
    "given",
    [
        FITTING[0][:17],
        FITTING[0] + "0",
        "0" + FITTING[0][1:],
        "B1" + FITTING[0][2:],
        "94" + FITTING[0][2:],
        "Y2" + FITTING[0][2:],
        complete("91990000MA0Y1X2K"),
        complete("91710000MA0Y1X2K"),
        complete("91200000MA0Y1X2K"),
        FITTING[0][:5] + "A" + FITTING[0][6:],
        FITTING[0][:5] + "。" + FITTING[0][6:],
        "吉林市松江碳材有限责任公司吉林市松江",
        "٩١٢٢٠٢٠٢MA0Y1X2KX3",
        "220202850101123",
        "\u200b\ufeff",
        " - ",
        "'",
    ],
    ids=ascii,
)
def test_another_shape_is_refused(kind: Read, given: str) -> None:
    """Another length (such as an ID number of 15 digits), authority, kind, province, script or nothing is no code."""
    assert refusal(given, kind).reason == "CREDIT_CODE_SHAPE"


@pytest.mark.parametrize(
    ("sign", "guess"),
    [("O", ", perhaps 0"), ("I", ", perhaps 1"), ("S", ", perhaps 5"), ("Z", ", perhaps 2"), ("V", "")],
)
@pytest.mark.parametrize("place", [1, 2, 9, 18])
def test_a_letter_that_no_code_has_is_named_with_its_place(sign: str, guess: str, place: int) -> None:
    """I, O, S, V and Z are named with their place and, but for V, with the digit that they are taken for."""
    given = FITTING[0][: place - 1] + sign.lower() + FITTING[0][place:]
    violation = refusal(f" {given[:8]}-{given[8:]}")
    assert violation.reason == "CREDIT_CODE_SHAPE"
    assert violation.description.endswith(f": {sign} at position {place}; the alphabet has no {sign}{guess}")


# --- spellings ----------------------------------------------------------------------------------------------------


@BOTH
@given(st.sampled_from(FITTING), st.randoms(use_true_random=False))
def test_the_spelling_does_not_matter(kind: Read, code: str, chance: Random) -> None:
    """Lower case, full width, spaces, dashes and invisible characters anywhere give the same code."""
    signs = [
        chance.choice([sign, sign.lower(), chr(ord(sign) + 0xFEE0), chr(ord(sign.lower()) + 0xFEE0)]) for sign in code
    ]
    for _ in range(chance.randrange(8)):
        between = " \u3000\t\u00a0-－‐–−\u200b\u200d\ufeff\u2060\u00ad\u202c\ufe0f\u034f\u3164\u2800"
        signs.insert(chance.randrange(len(signs) + 1), chance.choice(between))
    assert kind("".join(signs)) == code


@pytest.mark.parametrize("apostrophe", ["'", "＇", "\u2019", " '", "\ufeff'", "' "], ids=ascii)
def test_the_apostrophe_of_a_spreadsheet_is_dropped(apostrophe: str) -> None:
    """An apostrophe in front, with which Excel marks text, does not belong to the code; one within it is refused."""
    assert typed(apostrophe + FITTING[0]) == FITTING[0]
    assert refusal(FITTING[0][:9] + "'" + FITTING[0][9:]).reason == "CREDIT_CODE_SHAPE"


# --- ID numbers of persons ----------------------------------------------------------------------------------------


def id_numbers(count: int) -> list[str]:
    """Make up ID numbers of all provinces, with birthdays from 1900 to 2026."""
    chance = Random(11643)
    days = (date(2026, 11, 24) - date(1900, 1, 1)).days
    regions = [*PROVINCES, "71", "81", "82", "83"]
    numbers = []
    for at in range(count):
        birthday = date(1900, 1, 1) + timedelta(days=chance.randint(0, days))
        county = f"{chance.randint(0, 90):02d}{chance.randint(0, 99):02d}"
        body = f"{regions[at % len(regions)]}{county}{birthday:%Y%m%d}{chance.randint(0, 999):03d}"
        numbers.append(body + id_check(body))
    return numbers


def test_no_id_number_is_accepted() -> None:
    """Of 100,000 ID numbers of all provinces, many with a fitting 18th character, neither type accepts one."""
    numbers = id_numbers(100_000)
    assert sum(check(number[:17]) == number[17] for number in numbers) > 1000
    for number in numbers:
        for kind in (typed, confirmed):
            with pytest.raises(ValidationError) as refused:
                kind(number)
            assert refused.value.errors(include_input=False)[0]["type"] == "LOOKS_LIKE_RESIDENT_ID"


@BOTH
@pytest.mark.parametrize("number", ["911124198108030024", "932682198501010017"])
def test_the_id_number_of_a_foreign_resident_is_refused(kind: Read, number: str) -> None:
    """The official specimens of cards of foreign permanent residents begin like codes of firms, and are refused."""
    assert refusal(number, kind).reason == "LOOKS_LIKE_RESIDENT_ID"


@BOTH
def test_the_spelling_of_an_id_number_does_not_matter(kind: Read) -> None:
    """Spaces, dashes, full width and a small x do not hide an ID number."""
    number = next(number for number in id_numbers(1000) if number.endswith("X"))
    for spelled in (number.lower(), f"'{number}", f"{number[:6]} {number[6:14]}-{number[14:]}", f"\u200b{number}"):
        assert refusal(spelled, kind).reason == "LOOKS_LIKE_RESIDENT_ID"


@BOTH
@pytest.mark.parametrize(
    "given",
    [
        id_numbers(1)[0],
        id_numbers(1)[0][:17],
        id_numbers(1)[0][:8] + "O" + id_numbers(1)[0][9:],
        "220202850101123",
        id_numbers(1)[0] * 4,
        FITTING[0][:17] + "4",
    ],
)
def test_a_refusal_never_repeats_what_was_entered(kind: Read, given: str) -> None:
    """A violation quotes no three consecutive characters of a refused code, which may be a person's ID number."""
    try:
        kind(given)
    except (ValidationError, Invalid) as refused:
        [violation] = (Invalid.of(refused) if isinstance(refused, ValidationError) else refused).violations
        said = f"{violation.reason} {violation.description}"
        assert [given[at : at + 3] for at in range(len(given) - 2) if given[at : at + 3] in said] == []
    else:
        assert kind is confirmed


@pytest.mark.parametrize("district", ["110119", "120119", "310120", "500119", "500120"])
def test_a_firm_of_a_district_that_ends_like_a_year_is_no_person(district: str) -> None:
    """Where the district ends in 19 or 20, a firm's code may read as a birthday and fit GB 11643 by chance."""
    codes = (complete(f"91{district}0512{number:04d}") for number in range(100, 3200))
    code = next(code for code in codes if "01" <= code[12:14] <= "31" and fits_id(code))
    assert typed(code) == code


def test_digits_without_a_birthday_are_no_person() -> None:
    """A code of digits alone whose characters 7 to 14 are no day is a code, even if its last one fits GB 11643."""
    codes = (complete(f"91220202{number:08d}") for number in range(41300000, 41310000))
    code = next(code for code in codes if fits_id(code))
    assert typed(code) == code
