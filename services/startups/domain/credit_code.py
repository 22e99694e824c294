"""The unified social credit code of a firm or another organisation (GB 32100-2015)."""

import unicodedata
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from libs.common.domain.errors import Invalid, validation_error

LENGTH = 18
#: The 31 characters of a code: I, O, S, V and Z are left out.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LOOKS_LIKE = {"I": "1", "O": "0", "S": "5", "Z": "2"}
_DIGITS = frozenset("0123456789")
_WEIGHTS = tuple(pow(3, place, 31) for place in range(LENGTH - 1))
#: GB 11714: characters 9 to 17 are an organisation code with a check digit of its own, over digits and all letters.
_ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
#: The registering authority (character 1) and the kinds of organisation that it registers (character 2).
_KINDS = {
    "1": "1239",  # 机构编制: agencies, public institutions, mass organisations
    "2": "19",  # 外交
    "3": "123459",  # 司法行政: law firms, notaries, arbitration
    "4": "19",  # 文化
    "5": "123459",  # 民政: associations, private non-profits, foundations, residents' and villagers' committees
    "6": "129",  # 旅游
    "7": "129",  # 宗教
    "8": "19",  # 工会
    "9": "123",  # 工商: firms, sole traders, farmers' cooperatives
    "A": "19",  # 中央军委
    "N": "1239",  # 农业: collectives of groups, villages and townships
    "Y": "1",  # other authorities
}
#: Characters 3 and 4: the province of the registration, or 10 for a national authority.
_PROVINCES = frozenset(
    str(code)
    for code in (10, *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66))
)

#: GB 11643: 17 digits, of which the 7th to the 14th are a birthday, and a check character (ISO 7064, MOD 11-2).
_ID_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_ID_CHECK_SIGNS = "10X98765432"
# The domain has no clock. A later end would refuse more real codes by chance: in a division that ends in 20, an
# organisation code from 30000000 on reads as a year from 2030 on.
_BIRTH_YEARS = range(1900, 2030)
# All districts that end like a year of birth. About 0.3 % of the firms there with organisation codes of digits alone
# fit GB 11643 by chance. No ID number is lost: those that begin with 9 belong to foreign residents, hold a country in
# characters 4 to 6, and no country has the code 001, 101 or 201.
_DISTRICTS_LIKE_YEARS = frozenset({"110119", "120119", "310120", "500119", "500120"})

# Dropped besides spaces, dashes, controls, format characters and marks: Hangul fillers, Braille blank, minus sign.
_DROPPED_CATEGORIES = frozenset({"Zs", "Zl", "Zp", "Pd", "Cc", "Cf", "Mn"})
_DROPPED_SIGNS = frozenset("\u115f\u1160\u2800\u2212")
_APOSTROPHES = "'`\u2018\u2019\u02bc"
_MAX_FINDINGS = 3


class CreditCodeCheck(StrEnum):
    """Whether the two check digits of a code fit."""

    VALID = "VALID"
    #: Character 17 does not fit the organisation code; character 18 fits. Registries have issued such codes.
    ORGANISATION_DIGIT_DIFFERS = "ORGANISATION_DIGIT_DIFFERS"
    #: Character 18 does not fit those before it. Registries have issued a few such codes; typing errors look the same.
    CHECK_DIGIT_DIFFERS = "CHECK_DIGIT_DIFFERS"


def check_of(code: str) -> CreditCodeCheck:
    """Return whether the check digits of a code in its normal form fit."""
    if code[17] != check(code[:17]):
        return CreditCodeCheck.CHECK_DIGIT_DIFFERS
    if code[16] != organisation_check(code[8:16]):
        return CreditCodeCheck.ORGANISATION_DIGIT_DIFFERS
    return CreditCodeCheck.VALID


def check(code: str) -> str:
    """Return the 18th character for the first 17."""
    total = sum(ALPHABET.index(sign) * weight for sign, weight in zip(code, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def organisation_check(code: str) -> str:
    """Return the ninth character of an organisation code (GB 11714) for the first eight."""
    signs = zip(code, _ORGANISATION_WEIGHTS, strict=True)
    rest = 11 - sum(_ORGANISATION_ALPHABET.index(sign) * weight for sign, weight in signs) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def _normalize(given: str) -> str:
    """Return half-width capitals without spaces, dashes, invisible characters and the apostrophe of a spreadsheet."""
    text = unicodedata.normalize("NFKC", given).upper()
    kept = (
        sign for sign in text if unicodedata.category(sign) not in _DROPPED_CATEGORIES and sign not in _DROPPED_SIGNS
    )
    code = "".join(kept).lstrip(_APOSTROPHES)
    if given and not code:
        raise _misshapen("this text has none")
    return code


def _ensure_shape(code: str) -> str:
    """Refuse the ID number of a person (LOOKS_LIKE_RESIDENT_ID) and any other shape (CREDIT_CODE_SHAPE).

    The descriptions quote nothing of the input except letters that no code has, and their positions: descriptions are
    sent and logged, and the input may be the ID number of a person.
    """
    if not code:
        return code
    if _is_resident_id(code):
        raise validation_error(
            "LOOKS_LIKE_RESIDENT_ID",
            "this is the ID number of a person, which was not stored; enter the credit code from the business licence",
        )
    if len(code) != LENGTH:
        raise _misshapen(f"this one has {len(code)}")
    if findings := [_foreign(place, sign) for place, sign in enumerate(code, 1) if sign not in ALPHABET]:
        raise _misshapen("; ".join(findings[:_MAX_FINDINGS]))
    if code[1] not in _KINDS.get(code[0], ""):
        raise _misshapen("characters 1 and 2 are not a registering authority and a kind of organisation")
    if not _DIGITS.issuperset(code[2:8]) or code[2:4] not in _PROVINCES:
        raise _misshapen("characters 3 to 8 are not the code of an administrative division")
    return code


def ensure_check_digit(path: str, code: str) -> None:
    """Refuse a code whose 18th character does not fit (CREDIT_CODE_CHECK_DIGIT). ConfirmCreditCode accepts it."""
    if code and check_of(code) is CreditCodeCheck.CHECK_DIGIT_DIFFERS:
        raise Invalid.field(
            path,
            "CREDIT_CODE_CHECK_DIGIT",
            "the 18th character does not fit those before it; compare the code with the business licence. "
            "If they are the same, an official can confirm the code",
        )


def _is_resident_id(code: str) -> bool:
    """Return whether the code is an ID number of a citizen or a foreign permanent resident (GB 11643)."""
    if len(code) != LENGTH or not _DIGITS.issuperset(code[:17]):
        return False
    if code[0] == "9" and code[2:8] in _DISTRICTS_LIKE_YEARS:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code, _ID_WEIGHTS, strict=False))
    if code[17] != _ID_CHECK_SIGNS[total % 11] or int(code[6:10]) not in _BIRTH_YEARS:
        return False
    try:
        date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    except ValueError:
        return False
    return True


def _foreign(place: int, sign: str) -> str:
    """Describe a character that the alphabet lacks. Only a letter is quoted."""
    if not ("A" <= sign <= "Z"):
        return f"the character at position {place} is neither a digit nor a letter"
    guess = f", perhaps {_LOOKS_LIKE[sign]}" if sign in _LOOKS_LIKE else ""
    return f"{sign} at position {place}; the alphabet has no {sign}{guess}"


def _misshapen(finding: str) -> PydanticCustomError:
    return validation_error("CREDIT_CODE_SHAPE", f"a credit code has {LENGTH} digits and letters: {finding}")


#: A code in its normal form; empty for a team. The 18th character need not fit, as in some issued codes.
CreditCode = Annotated[str, StringConstraints(max_length=40), AfterValidator(_normalize), AfterValidator(_ensure_shape)]
