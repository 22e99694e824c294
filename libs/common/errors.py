"""What a request can be refused for: a few kinds of exception, each with a stable reason, translated once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import LiteralString

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

#: More of them would not fit into what a status may carry.
MOST_VIOLATIONS = 20


class Refusal(Exception):
    """A request that was understood and refused; nothing was changed.

    `reason` is UPPER_SNAKE, stable and listed in docs/errors.md; `metadata` holds what a program
    would want to know of it, never personal data; `retry_after` is in seconds, where waiting helps.
    """

    def __init__(self, reason: str, message: str, *, retry_after: float | None = None, **metadata: object) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.metadata: Mapping[str, str] = {key: str(value) for key, value in metadata.items()}


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that is wrong: its path in the request, why, and the same in a sentence."""

    field: str
    reason: str
    description: str


class Invalid(Refusal):
    """The request itself is wrong, whatever the state of the world."""

    def __init__(self, *violations: Violation) -> None:
        violations = violations[:MOST_VIOLATIONS]
        super().__init__("INVALID_FIELD", "invalid: " + ", ".join(violation.field for violation in violations))
        self.violations = violations

    @classmethod
    def field(cls, field: str, reason: str, description: str) -> "Invalid":
        """One field that is wrong."""
        return cls(Violation(field, reason, description))

    @classmethod
    def of(cls, error: ValidationError) -> "Invalid":
        """What pydantic found, with the paths that the request's fields have."""
        return cls(*(_violation(found["type"], found["loc"], found["msg"]) for found in error.errors()))


class NotFound(Refusal):
    """What the request names does not exist, or not for this caller."""


class Taken(Refusal):
    """What the request wants to hold is held by another."""


class Precondition(Refusal):
    """The state of the world does not allow it now."""


class Stale(Refusal):
    """The caller decided on an older version than there is."""


class Denied(Refusal):
    """The caller may not do this."""


class Unauthenticated(Refusal):
    """Nobody knows who calls."""


class Exhausted(Refusal):
    """Too much is waiting already; try again after a while."""


class Unavailable(Refusal):
    """Something that the answer needs cannot be reached now; try again."""


class TooLate(Refusal):
    """The caller's deadline passed before the answer was there."""


_REASONS = {
    "missing": "REQUIRED",
    "string_too_short": "REQUIRED",
    "string_too_long": "TOO_LONG",
    "too_long": "TOO_MANY",
    "too_short": "REQUIRED",
    "greater_than_equal": "OUT_OF_RANGE",
    "less_than_equal": "OUT_OF_RANGE",
}


def wrong(reason: LiteralString, description: LiteralString) -> PydanticCustomError:
    """What a validator of ours raises: pydantic adds the path, and the reason stays what it is."""
    return PydanticCustomError(reason, description)


def _violation(kind: str, path: Iterable[int | str], message: str) -> Violation:
    """A finding of pydantic's; any kind without a reason of its own is a malformed value."""
    reason = kind if kind.isupper() else _REASONS.get(kind, "MALFORMED")
    return Violation(_path(path), reason, message)


def _path(path: Iterable[int | str]) -> str:
    """`("names", 3)` as `names[3]`, `("space", "desks")` as `space.desks`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "request"
