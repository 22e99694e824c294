"""What the contract tests need to know about mentors, joined from `tests/mentors/<resource>/contract.py`.

Each part has REQUESTS, ENTITIES, SCOPES (message to the function that returns the scopes of a resource), FACT_VALUES,
BAD_VALUES and `populate`, and UNANSWERED if it needs that. A part that is added is imported and listed in PARTS, after
those that it builds on.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tests.contracts.calls import Calls
from tests.contracts.requests import Place, ServiceContract
from tests.mentors.availability import contract as availability
from tests.mentors.booking import contract as booking
from tests.mentors.match import contract as match
from tests.mentors.mentor import contract as mentor
from tests.mentors.panel import contract as panel
from tests.mentors.record import contract as record
from tests.mentors.report import contract as report
from tests.mentors.secondment import contract as secondment

PARTS: tuple[ModuleType, ...] = (mentor, match, availability, booking, record, report, panel, secondment)


async def populate(calls: Calls, place: Place) -> None:
    """Create the resources of each part in a place."""
    for part in PARTS:
        await part.populate(calls, place)


def scopes_of(resource: Any, known: Mapping[str, Any]) -> set[str]:
    """Return the scopes that cover a resource, as its part says."""
    scopes = next(part.SCOPES[type(resource)] for part in PARTS if type(resource) in part.SCOPES)
    found: set[str] = scopes(resource, known)
    return found


CONTRACT = ServiceContract(
    populate=populate,
    after=("startups", "spaces"),
    scopes_of=scopes_of,
    requests={method: build for part in PARTS for method, build in part.REQUESTS.items()},
    entities=tuple(entity for part in PARTS for entity in part.ENTITIES),
    fact_values={field: value for part in PARTS for field, value in part.FACT_VALUES.items()},
    bad_values={field: values for part in PARTS for field, values in part.BAD_VALUES.items()},
    unanswered=tuple(field for part in PARTS for field in getattr(part, "UNANSWERED", ())),
)
