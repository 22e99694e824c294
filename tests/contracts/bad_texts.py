"""Texts that a field must refuse: too long, deceptive, or not of the form that its comment states."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.contracts.contract import Field

#: Characters that nobody sees, or that change the reading direction.
CONTROLS = ("\x00", "\x1b", "\x7f", "\u200b", "\u202e", "\u061c", "\u2028", "\u3164")
#: Texts without any visible character.
INVISIBLE = ("\u200b", "\u3164\u3164", "\u2800", "\u0301", "\ufe0f", "\u200d \u200c")
#: Characters that mean nothing to others: private use, not assigned, noncharacters.
PRIVATE = ("\ue000", "\U000f0000", "\u0378", "\uffff", "\U0001ffff")
#: The а is Cyrillic; so is the second word's Р, whose mark does not separate the letters; the ο is Greek.
MIXED = ("Pаypal", "Р\u0336aypal", "gοοgle")
#: Becomes two characters in the normal form in which texts are kept.
GROWS = "\u0958"
JUNK = (
    "No such!",
    "é",
    "a b c",
    "<script>",
    "' or 1=1 --",
    "{$ne: 1}",
    "../../x",
    "\n",
    "٣٤",
    "名",
    "\u2f00",
    "\u2e85",
)


@dataclass(frozen=True)
class BadText:
    """A text that must be refused, for one of the reasons if there are any.

    `may_be_absent` is set for the name of something that does not exist, `is_stale` for an etag of another version.
    """

    label: str
    value: str
    reasons: frozenset[str] = frozenset()
    may_be_absent: bool = False
    is_stale: bool = False


def for_people(given: str) -> bool:
    """Whether a valid value shows that the field takes texts that people write, not names or codes."""
    return not given.isascii()


def bad_texts(field: Field, given: str, others: tuple[str, ...], has_own: bool) -> Iterator[BadText]:
    """Yield what the field must refuse, given a valid value. `has_own` leaves everything but lengths to the service."""
    yield from _lengths(field.limits.max_characters or 0, given)
    if has_own:
        return
    if field.limits.required:
        yield BadText("blank", "   ")
    if for_people(given):
        yield from _deceptions(given)
        return
    for text in (*JUNK, *MIXED, *INVISIBLE):
        yield BadText(f"junk {text!r}", text)
    for character in (*CONTROLS, *PRIVATE):
        yield BadText(f"{character!r} within", _within(given, character))
    if "/" in given:
        yield from _names(field, given, others)
    if "a code of the city's profile" in field.comment:
        yield BadText("unknown code", "no-such-code", may_be_absent=True)
    if field.descriptor.name == "etag":
        yield BadText("stale", "v987654321", frozenset({"ETAG_MISMATCH"}), is_stale=True)


def _lengths(limit: int, given: str) -> Iterator[BadText]:
    too_long = frozenset({"TOO_LONG"})
    for length in (limit + 1, 100_000):
        yield BadText(f"{length} characters", (given or "x").ljust(length, (given or "x")[-1]), too_long)
        yield BadText(f"{length} with spaces behind", (given or "x").ljust(length), too_long)
    yield BadText("grows beyond its length", GROWS * limit)


def _deceptions(given: str) -> Iterator[BadText]:
    """Yield texts that are refused for one reason each, whatever they are the name of."""
    for text in INVISIBLE:
        yield BadText(f"invisible {text!r}", text, frozenset({"INVISIBLE_TEXT"}))
    for character in CONTROLS:
        yield BadText(f"{character!r} within", _within(given, character), frozenset({"CONTROL_CHARACTER"}))
    for character in PRIVATE:
        yield BadText(f"{character!r} within", _within(given, character), frozenset({"PRIVATE_CHARACTER"}))
    for text in MIXED:
        yield BadText(f"mixed {text!r}", text, frozenset({"MIXED_SCRIPTS"}))


def _within(given: str, character: str) -> str:
    half = len(given) // 2
    return given[:half] + character + given[half:]


def _names(field: Field, given: str, others: tuple[str, ...]) -> Iterator[BadText]:
    """Yield names of other resources, names of nothing, and texts that are nearly a name."""
    collection, _, rest = given.partition("/")
    for other in others:
        if _shape(other) != _shape(given):
            yield BadText(f"of another kind {other}", other)
    ends = (given + "/", given + "/x", given + "\n", given + " ", " " + given, "//" + given, given.upper())
    starts = (collection, f"{collection}/", f"{collection}//{rest}", f"{collection}/../{rest}", f"{collection}/*", rest)
    for text in (*ends, *starts, "/", "*", "-", given.replace("/", "%2F")):
        yield BadText(f"nearly {text!r}", text)
    if not field.wildcard:
        yield BadText("a wildcard", f"{collection}/-", may_be_absent=True)
    parent = given.rpartition("/")[0]
    nothing = "999999" if collection == "districts" else "nothing"
    yield BadText("of nothing", f"{parent}/{nothing}", may_be_absent=True)


def _shape(name: str) -> tuple[str, ...]:
    """Return the collections in a name."""
    return tuple(name.split("/")[::2])
