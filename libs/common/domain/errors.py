"""The exceptions a service raises to refuse a request. Each carries a stable reason and is mapped to gRPC once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import LiteralString

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

#: A gRPC status travels in trailing metadata, whose size is limited.
MAX_VIOLATIONS = 20


class Refusal(Exception):
    """A request that was understood and refused; nothing was changed.

    `reason` is a value of an ErrorReason enum. `metadata` holds what a program needs to react and
    never personal data. `retry_after` is in seconds and set where waiting helps.
    """

    def __init__(self, reason: str, message: str, *, retry_after: float | None = None, **metadata: object) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.metadata: Mapping[str, str] = {key: str(value) for key, value in metadata.items()}


@dataclass(frozen=True, slots=True)
class Violation:
    """One invalid field: its path in the request, the reason, and a sentence for people."""

    field: str
    reason: str
    description: str


class Invalid(Refusal):
    """The request is wrong whatever the stored state is."""

    def __init__(self, *violations: Violation) -> None:
        violations = violations[:MAX_VIOLATIONS]
        super().__init__("INVALID_FIELD", "invalid: " + ", ".join(violation.field for violation in violations))
        self.violations = violations

    @classmethod
    def field(cls, field: str, reason: str, description: str) -> "Invalid":
        """Refuse one field."""
        return cls(Violation(field, reason, description))

    @classmethod
    def of(cls, error: ValidationError) -> "Invalid":
        """Convert pydantic's errors, with the paths of the fields in the request."""
        found = error.errors(include_url=False)
        return cls(*(_violation(item["type"], item["loc"], item["msg"], item["input"]) for item in found))


class NotFound(Refusal):
    """The request names something that does not exist."""


class Taken(Refusal):
    """Another entity already has what the request would take, such as a unique value."""


class Precondition(Refusal):
    """The stored state does not allow the request now."""


class Stale(Refusal):
    """The caller decided on an older version than the stored one."""


class Denied(Refusal):
    """The caller is known and may not do this."""


class Unauthenticated(Refusal):
    """The caller could not be identified."""


class Exhausted(Refusal):
    """A queue or a rate limit is full; retry later."""


class Unavailable(Refusal):
    """Something the answer depends on cannot be reached now; retry later."""


class TooLate(Refusal):
    """The deadline passed before the answer was ready."""


class Unreadable(str):
    """A message field that has no Python value; the text says why and becomes the violation's description."""

    __slots__ = ()


_REASONS = {
    "missing": "REQUIRED",
    "string_too_short": "REQUIRED",
    "string_too_long": "TOO_LONG",
    "too_long": "TOO_MANY",
    "too_short": "REQUIRED",
    "greater_than_equal": "OUT_OF_RANGE",
    "less_than_equal": "OUT_OF_RANGE",
    "finite_number": "OUT_OF_RANGE",
    "decimal_max_places": "OUT_OF_RANGE",
    "decimal_max_digits": "OUT_OF_RANGE",
    "decimal_whole_digits": "OUT_OF_RANGE",
}


def validation_error(reason: LiteralString, description: str) -> PydanticCustomError:
    """Build what our pydantic validators raise: pydantic adds the path, the reason stays as given."""
    # The description is passed as a value because it may quote characters that the template syntax uses.
    return PydanticCustomError(reason, "{description}", {"description": description})


def _violation(kind: str, path: Iterable[int | str], message: str, given: object) -> Violation:
    """Convert one of pydantic's errors. An error type without a reason of its own becomes MALFORMED."""
    reason = kind if kind.isupper() else _REASONS.get(kind, "MALFORMED")
    return Violation(_path(path), reason, str(given) if isinstance(given, Unreadable) else message)


def _path(path: Iterable[int | str]) -> str:
    """Render `("names", 3)` as `names[3]` and `("space", "desks")` as `space.desks`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "request"
