"""The unified social credit code (GB 32100-2015), with both of its check digits."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from libs.common.errors import wrong

#: 31 signs: no I, O, S, V, Z, which look like figures.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
#: GB 11714: the organisation code within is made of figures and letters, all of them.
_ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
#: Who registered it: figures for eight kinds of authority and for trade and industry, A the army, N villages, Y others.
_AUTHORITIES = frozenset("123456789ANY")


def normal(given: str) -> str:
    """Half-width, upper case, without spaces and hyphens; refuses what holds nothing else (CREDIT_CODE_SHAPE)."""
    text = unicodedata.normalize("NFKC", given).upper()
    code = "".join(sign for sign in text if not sign.isspace() and sign not in "-‐‑–—")
    if given and not code:
        raise wrong("CREDIT_CODE_SHAPE", "a credit code has 18 signs, and this holds none")
    return code


def checked(code: str) -> str:
    """The code; refuses another shape (CREDIT_CODE_SHAPE) and wrong check digits (CREDIT_CODE_CHECK_DIGIT)."""
    if not code:
        return code
    if len(code) != 18 or any(sign not in ALPHABET for sign in code) or code[0] not in _AUTHORITIES:
        raise wrong("CREDIT_CODE_SHAPE", "a credit code has 18 signs of 0-9 and A-Y without I, O, S, V")
    if not code[2:8].isdigit():
        raise wrong("CREDIT_CODE_SHAPE", "signs 3 to 8 are the division it was registered in")
    if code[16] != organisation_check(code[8:16]):
        raise wrong("CREDIT_CODE_CHECK_DIGIT", "sign 17 does not fit the organisation code before it")
    if code[17] != check(code[:17]):
        raise wrong("CREDIT_CODE_CHECK_DIGIT", "sign 18 does not fit the signs before it")
    return code


def check(code: str) -> str:
    """The 18th sign for the first 17."""
    total = sum(ALPHABET.index(sign) * weight for sign, weight in zip(code, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def organisation_check(code: str) -> str:
    """The ninth sign of an organisation code (GB 11714) for the first eight."""
    signs = zip(code, _ORGANISATION_WEIGHTS, strict=True)
    rest = 11 - sum(_ORGANISATION_ALPHABET.index(sign) * weight for sign, weight in signs) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


#: A credit code that holds, in its normal form; empty for a team.
CreditCode = Annotated[str, StringConstraints(max_length=40), AfterValidator(normal), AfterValidator(checked)]
