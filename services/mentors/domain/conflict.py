"""Conflicts of interest between a mentor and a startup, derived from what is known of both."""

import unicodedata
from collections.abc import Collection, Iterable
from datetime import date
from enum import StrEnum
from functools import lru_cache

from libs.common.domain.entity import Value
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Affiliation, Mentor
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup


class ConflictKind(StrEnum):
    """Why a mentor is not impartial towards a startup.

    SAME_ORGANISATION: the mentor works in it. OFFICER: as founder, director, supervisor or the like. MENTOR_OF and
    SAME_SPACE matter to reviews only.
    """

    HOLDS_SHARES = "HOLDS_SHARES"
    OFFICER = "OFFICER"
    SAME_ORGANISATION = "SAME_ORGANISATION"
    MENTOR_OF = "MENTOR_OF"
    SAME_SPACE = "SAME_SPACE"


class Conflict(Value):
    """A conflict of interest, and the values that it rests on.

    HOLDS_SHARES: the share in thousandths, 0 if it is not known. OFFICER: the organisation as the mentor's affiliation
    names it, and the role. SAME_ORGANISATION: the organisation. MENTOR_OF: the number of confirmed sessions and the day
    of the last. SAME_SPACE: the space.
    """

    kind: ConflictKind
    startup: str
    basis: tuple[str, ...]


def conflicts(mentor: Mentor, startup: Startup, officer_roles: Collection[str]) -> tuple[Conflict, ...]:
    """Return the conflicts that forbid a mentor to advise the startup: shares, an office or work in it.

    An affiliation is the startup's if it has the startup's credit code or its name. A role is that of an officer if it
    contains one of `officer_roles`.
    """
    if not (mentor.organisation or mentor.affiliations or mentor.holdings):
        return ()
    return tuple(_interests(mentor, startup, officer_roles))


def review_conflicts(
    mentor: Mentor,
    startup: Startup,
    officer_roles: Collection[str],
    *,
    mentee: Mentee | None,
    residence: Residence | None,
    day: date,
) -> tuple[Conflict, ...]:
    """Return the conflicts that forbid a mentor to judge the startup on a day.

    Besides those above: a confirmed session with the startup, and an appointment by the space where it is a tenant.
    """
    found = list(_interests(mentor, startup, officer_roles))
    for relation in mentee.relations if mentee else ():
        if relation.mentor == mentor.name and relation.sessions:
            basis = str(relation.sessions), str(relation.last_date)
            found.append(_conflict(ConflictKind.MENTOR_OF, startup, *basis))
    space = residence.space_on(day) if residence else ""
    if space and space in mentor.spaces:
        found.append(_conflict(ConflictKind.SAME_SPACE, startup, space))
    return tuple(found)


def _interests(mentor: Mentor, startup: Startup, officer_roles: Collection[str]) -> Iterable[Conflict]:
    for holding in mentor.holdings:
        if holding.startup == startup.name:
            yield _conflict(ConflictKind.HOLDS_SHARES, startup, str(holding.share_per_mille))
    own = [each for each in mentor.affiliations if _is_startup(each, startup)]
    for affiliation in own:
        role = folded(affiliation.role)
        if any(folded(word) in role for word in officer_roles):
            yield _conflict(ConflictKind.OFFICER, startup, affiliation.organisation, affiliation.role)
        else:
            yield _conflict(ConflictKind.SAME_ORGANISATION, startup, affiliation.organisation)
    if not own and _has_name(mentor.organisation, startup):
        yield _conflict(ConflictKind.SAME_ORGANISATION, startup, mentor.organisation)


def _conflict(kind: ConflictKind, startup: Startup, *basis: str) -> Conflict:
    return Conflict(kind=kind, startup=startup.name, basis=basis)


def _is_startup(affiliation: Affiliation, startup: Startup) -> bool:
    """Whether the organisation is the startup. The same name suffices, because a code may be mistyped or missing."""
    has_code = bool(affiliation.credit_code) and affiliation.credit_code == startup.credit_code
    return has_code or _has_name(affiliation.organisation, startup)


def _has_name(organisation: str, startup: Startup) -> bool:
    name = folded(organisation)
    return bool(name) and name == folded(startup.display_name)


@lru_cache(maxsize=16384)
def folded(name: str) -> str:
    """Return a name without case, width, spaces and punctuation, so that two spellings of it are equal."""
    form = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in form if unicodedata.category(letter)[0] in "LNM")
