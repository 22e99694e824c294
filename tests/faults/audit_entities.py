"""Checks of the entities: capacity, stays, residencies, projections and credit codes."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from libs.api.hatchery.startups.v1 import facts_pb2 as facts
from services.startups.domain.credit_code import check as check_sign
from services.startups.domain.credit_code import organisation_check
from tests.faults.snapshot import Document, Snapshot
from tests.faults.stored import SUBSCRIBERS

REGISTERED = facts.StartupRegistered.DESCRIPTOR.full_name
CORRECTED = facts.StartupCreditCodeCorrected.DESCRIPTOR.full_name
MESSAGES: dict[str, Any] = {
    REGISTERED: facts.StartupRegistered,
    CORRECTED: facts.StartupCreditCodeCorrected,
    facts.StartupUpdated.DESCRIPTOR.full_name: facts.StartupUpdated,
}
EMPTY: Document = {"desks": 0, "area_m2": 0.0}


def check(snapshot: Snapshot, today: date) -> Iterator[str]:
    """Yield what is wrong with the entities."""
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    yield from _capacity(snapshot, midnight)
    yield from _stays(snapshot)
    yield from _residencies(snapshot)
    yield from _projections(snapshot)
    yield from _credit_codes(snapshot)
    yield from _credit_code_histories(snapshot)


def exact(stored: float) -> Decimal:
    """Return the decimal that a stored double stands for, so that sums are exact."""
    return Decimal(repr(stored))


def _capacity(snapshot: Snapshot, today: datetime) -> Iterator[str]:
    """On every day from today on, a space's occupancy is the sum of its tenancies and within its capacity."""
    by_space: dict[str, list[Document]] = defaultdict(list)
    for tenancy in snapshot.entities["spaces.tenancies"].values():
        by_space[tenancy["space"]].append(tenancy)
    for name, space in snapshot.entities["spaces.spaces"].items():
        steps, tenancies = space["occupancy"], by_space.pop(name, [])
        days = [step["date"] for step in steps]
        if days != sorted(set(days)):
            yield f"{name}: its occupancy steps are not in the order of their days"
        ends = {tenancy["end_date"] for tenancy in tenancies if tenancy["end_date"]}
        for day in sorted({today, *days, *ends, *(tenancy["start_date"] for tenancy in tenancies)}):
            if day >= today:
                yield from _day(space, steps, tenancies, day)
    yield from (f"{name} has tenancies and does not exist" for name in by_space)


def _day(space: Document, steps: list[Document], tenancies: list[Document], day: datetime) -> Iterator[str]:
    step = next((step for step in reversed(steps) if step["date"] <= day), EMPTY)
    for what in ("desks", "area_m2"):
        occupied = exact(step[what])
        leased = sum((exact(tenancy[what]) for tenancy in tenancies if _includes(tenancy, day)), Decimal(0))
        if occupied != leased:
            yield f"{space['_id']}: on {day:%F} its steps have {occupied} {what}, its tenancies {leased}"
        if max(leased, occupied) > exact(space[what]):
            yield f"{space['_id']}: on {day:%F} {leased} of {space[what]} {what} are occupied"


def _includes(tenancy: Document, day: datetime) -> bool:
    return bool(tenancy["start_date"] <= day and (tenancy["end_date"] is None or day < tenancy["end_date"]))


def _stays(snapshot: Snapshot) -> Iterator[str]:
    """An occupant's stays are the periods of its tenancies, and no two of them share a day."""
    expected: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for tenancy in snapshot.entities["spaces.tenancies"].values():
        if tenancy["start_date"] != tenancy["end_date"]:
            expected[tenancy["startup"]].add((tenancy["_id"], tenancy["start_date"], tenancy["end_date"]))
    for name, occupant in snapshot.entities["spaces.occupants"].items():
        stays = [(stay["tenancy"], stay["start"], stay["end"]) for stay in occupant["stays"]]
        if len(stays) != len(set(stays)) or set(stays) != expected.pop(name, set()):
            yield f"{name}: its stays are not the periods of its tenancies"
        in_order = sorted(stays, key=lambda stay: stay[1])
        for (before, _, end), (after, start, _) in pairwise(in_order):
            if end is None or start < end:
                yield f"{name} stays under {before} and {after} at the same time"
    yield from (f"{name} has tenancies and no projection in spaces" for name in expected)


def _residencies(snapshot: Snapshot) -> Iterator[str]:
    """A startup knows the latest state of every tenancy that began, and the last of them is its residency."""
    begun: dict[str, list[Document]] = defaultdict(list)
    for row in sorted(snapshot.entities["spaces.tenancies"].values(), key=lambda row: (row["start_date"], row["_id"])):
        if row["state"] != "SIGNED":
            begun[row["startup"]].append(row)
    for name, startup in snapshot.entities["startups.startups"].items():
        tenancies = begun.pop(name, [])
        reported = {(stay["tenancy"], stay["sequence"]) for stay in startup["stays"]}
        if reported != {(tenancy["_id"], tenancy["version"]) for tenancy in tenancies}:
            yield f"{name}: its stays are not the latest states of its tenancies"
        last = next((row for row in reversed(tenancies) if row["start_date"] != row["end_date"]), None)
        residency: Document | None = startup["residency"]
        known = residency and _lease(residency["tenancy"], residency)
        if known != (last and _lease(last["_id"], {**last, "state": _residency_state(last)})):
            yield f"{name} has the residency {known}, its last tenancy is {last}"
    yield from (f"{name} has tenancies and does not exist in startups" for name in begun)


def _lease(tenancy: str, row: Document) -> tuple[Any, ...]:
    return (tenancy, *(row[field] for field in ("space", "start_date", "end_date", "state")))


def _residency_state(tenancy: Document) -> str:
    return "ENDED" if tenancy["state"] == "ENDED" else "CURRENT"


def _projections(snapshot: Snapshot) -> Iterator[str]:
    """Each startup has one projection in spaces, which has its name and the version of its last fact."""
    published: dict[str, int] = defaultdict(int)
    for entry in snapshot.journals["startups"]:
        for fact in entry.get("facts", ()):
            if "spaces" in SUBSCRIBERS.get(fact["type"], ()):
                published[fact["subject"]] = max(published[fact["subject"]], fact["sequence"])
    projections = dict(snapshot.entities["spaces.occupants"])
    for name, startup in snapshot.entities["startups.startups"].items():
        found = projections.pop(name, None)
        if found is None:
            yield f"{name} has no projection in spaces"
        elif (found["display_name"], found["sequence"]) != (startup["display_name"], published[name]):
            yield f"{name}: its projection has {found['display_name']!r} at {found['sequence']}, not its last fact"
    yield from (f"{name} has a projection in spaces and does not exist" for name in projections)


def _credit_codes(snapshot: Snapshot) -> Iterator[str]:
    """No two startups have the same credit code, and the stored check result is that of the code."""
    owners: dict[str, str] = {}
    for name, startup in snapshot.entities["startups.startups"].items():
        code = startup["credit_code"]
        if code is not None and owners.setdefault(code, name) != name:
            yield f"{name} and {owners[code]} have the same credit code"
        if startup["credit_code_check"] != _check_of(code):
            yield f"{name} has the check {startup['credit_code_check']} for a code that is {_check_of(code)}"


def _check_of(code: str | None) -> str | None:
    if code is None:
        return None
    if code[17] != check_sign(code[:17]):
        return "CHECK_DIGIT_DIFFERS"
    return "VALID" if code[16] == organisation_check(code[8:16]) else "ORGANISATION_DIGIT_DIFFERS"


def _credit_code_histories(snapshot: Snapshot) -> Iterator[str]:
    """By its facts, a code is set once and then only corrected, each time from the code before it."""
    histories: dict[str, list[Document]] = defaultdict(list)
    for entry in snapshot.journals["startups"]:
        for fact in entry.get("facts", ()):
            histories[fact["subject"]].append(fact)
    for name, history in histories.items():
        code = ""
        for fact in sorted(history, key=lambda fact: int(fact["sequence"])):
            message = MESSAGES[fact["type"]].FromString(bytes(fact["body"]))
            if fact["type"] == CORRECTED:
                if message.previous_credit_code != code or message.credit_code == code:
                    yield f"{name}: version {fact['sequence']} does not correct the credit code before it"
            elif code and message.credit_code != code:
                yield f"{name}: version {fact['sequence']} changes the credit code without a correction"
            code = message.credit_code
        if code != (snapshot.entities["startups.startups"].get(name, {}).get("credit_code") or ""):
            yield f"{name}: its last fact has another credit code than the startup"
