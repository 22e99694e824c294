"""The audit: every promise of the house, checked against what the books say. Each check yields what is wrong."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

from tests.faults.books import Books, Document, differences

#: What makes an entity of each collection, and the command or fact that does so.
MADE_BY = {
    "spaces": {"hatchery.spaces.v1.SpaceService.CreateSpace"},
    "tenancies": {"hatchery.spaces.v1.SpaceService.RegisterTenant"},
    "startups": {"hatchery.startups.v1.StartupService.RegisterStartup"},
    "occupants": {"hatchery.startups.v1.StartupRegistered", "hatchery.startups.v1.StartupUpdated"},
}
#: Who keeps which collection.
KEPT_BY = {"spaces": "spaces", "tenancies": "spaces", "occupants": "spaces", "startups": "startups"}
#: Who heeds which facts.
HEEDED = {
    "hatchery.startups.v1.StartupRegistered": "spaces",
    "hatchery.startups.v1.StartupUpdated": "spaces",
    "hatchery.spaces.v1.TenancyActivated": "startups",
    "hatchery.spaces.v1.TenancyEnded": "startups",
}


def audit(books: Books, today: date) -> list[str]:
    """Everything that is wrong; empty when every promise was kept."""
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    return [
        *books.ledger.faults,
        *books.logged,
        *_answers(books),
        *_versions(books),
        *_origins(books),
        *_shown(books),
        *_capacity(books, midnight),
        *_stays(books),
        *_residencies(books, midnight),
        *_cards(books),
        *_told(books),
        *_heeded(books),
        *(f"{row['_id']} is parked: {row['error']}" for rows in books.parked.values() for row in rows),
    ]


def entry_id(actor: str, request_id: str) -> str:
    """The id that a command's entry has in the journal."""
    return hashlib.blake2b(f"{actor}\0{request_id}".encode(), digest_size=16).hexdigest()


def _answers(books: Books) -> Iterator[str]:
    """Every acknowledged command stands in the journal once, with the reply that was answered; a refused one never."""
    entries = {service: {entry["_id"]: entry for entry in journal} for service, journal in books.journals.items()}
    acknowledged: Counter[str] = Counter()
    for sent in books.ledger.sent:
        entry = entries[sent.service].get(sent.entry_id)
        if sent.refusal is not None:
            if entry is not None:
                yield f"{sent.method} was refused ({sent.refusal.reason}) and stands in the journal: {entry['_id']}"
            continue
        acknowledged[sent.entry_id] += 1
        if entry is None:
            yield f"{sent.method} of {sent.answer.name} was acknowledged and is not in the journal"
        else:
            for found in differences(sent.answer, entry.get("reply", {}).get("document", {"_id": "nothing"})):
                yield f"{sent.method} of {sent.answer.name}, {found} in the journal"
    yield from (f"{found} was acknowledged {times} times" for found, times in acknowledged.items() if times > 1)
    for service, journal in books.journals.items():
        for entry in journal:
            if not entry["actor"].startswith("services/") and entry["_id"] not in acknowledged:
                yield f"{service}'s journal holds {entry['_id']} ({entry['command']}), which nobody was answered"


def _named(books: Books) -> dict[str, list[tuple[int, Document]]]:
    """By collection and name of each entity: the versions that journal entries name, with the entries."""
    named: dict[str, list[tuple[int, Document]]] = defaultdict(list)
    for service, journal in books.journals.items():
        for entry in journal:
            for entity in entry["entities"]:
                named[f"{_collection(service, entity['name'])} {entity['name']}"].append((entity["version"], entry))
    return named


def _collection(service: str, name: str) -> str:
    if service == "startups":
        return "startups"
    if name.startswith("startups/"):
        return "occupants"
    return "tenancies" if "/tenancies/" in name else "spaces"


def _versions(books: Books) -> Iterator[str]:
    """An entity's version is the number of journal entries that name it, and no version is missing or there twice."""
    named = _named(books)
    for collection, rows in books.entities.items():
        for name, row in rows.items():
            versions = sorted(version for version, _ in named.pop(f"{collection} {name}", []))
            if row["version"] != len(versions):
                yield f"{collection} {name} is at version {row['version']}, {len(versions)} journal entries name it"
            if versions != list(range(1, len(versions) + 1)):
                gap = next(n for n, version in enumerate(versions, 1) if n != version)
                yield f"{collection} {name}: version {gap} is missing or there twice in the journal"
    yield from (f"{name} is named in the journal and not there" for name in named)


def _origins(books: Books) -> Iterator[str]:
    """What is there was made by one journal entry, and the last answer that names it says what it is."""
    for key, found in _named(books).items():
        collection, _, name = key.partition(" ")
        row = books.entities[collection].get(name)
        first = [entry for version, entry in found if version == 1]
        if len(first) != 1:
            yield f"{key} was made by {len(first)} journal entries"
        elif first[0]["command"] not in MADE_BY[collection]:
            yield f"{key} was made by {first[0]['command']}"
        if row is None:
            continue
        for version, entry in found:
            reply = entry.get("reply", {}).get("document", {})
            if version == row["version"] and reply.get("_id") == name and reply != row:
                yield f"{key} is not what its last journal entry {entry['_id']} says"


def _shown(books: Books) -> Iterator[str]:
    """What anybody was shown was not undone by a crash."""
    everything = {**books.entities["spaces"], **books.entities["tenancies"], **books.entities["startups"]}
    for name, version in books.ledger.shown.items():
        row = everything.get(name)
        if row is None or row["version"] < version:
            yield f"{name} was shown at version {version} and is at {row['version'] if row else 'none'}"


def _capacity(books: Books, today: datetime) -> Iterator[str]:
    """On every day from today on a space's steps say what its tenancies take, which is never more than there is."""
    by_space: dict[str, list[Document]] = defaultdict(list)
    for tenancy in books.entities["tenancies"].values():
        by_space[tenancy["space"]].append(tenancy)
    for name, space in books.entities["spaces"].items():
        steps, tenancies = space["lets"], by_space.pop(name, [])
        days = [step["day"] for step in steps]
        if days != sorted(set(days)):
            yield f"{name}: its steps are not in the order of their days"
        ends = {tenancy["end_date"] for tenancy in tenancies if tenancy["end_date"]}
        for day in sorted({today, *days, *ends, *(tenancy["start_date"] for tenancy in tenancies)}):
            if day >= today:
                yield from _day(space, steps, tenancies, day)
    yield from (f"{name} has tenancies and is not there" for name in by_space)


def _day(space: Document, steps: list[Document], tenancies: list[Document], day: datetime) -> Iterator[str]:
    let = next((step for step in reversed(steps) if step["day"] <= day), {"desks": 0, "area_m2": 0})
    for what in ("desks", "area_m2"):
        taken = sum(tenancy[what] for tenancy in tenancies if _holds(tenancy, day))
        if let[what] != taken:
            yield f"{space['_id']}: on {day:%F} its steps say {let[what]} {what}, its tenancies take {taken}"
        if max(taken, let[what]) > space[what]:
            yield f"{space['_id']}: on {day:%F} {taken} {what} are let and there are {space[what]}"


def _holds(tenancy: Document, day: datetime) -> bool:
    return bool(tenancy["start_date"] <= day and (tenancy["end_date"] is None or day < tenancy["end_date"]))


def _stays(books: Books) -> Iterator[str]:
    """An occupant's stays are the periods of its tenancies, and no two of them share a day."""
    expected: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for tenancy in books.entities["tenancies"].values():
        if tenancy["start_date"] != tenancy["end_date"]:
            expected[tenancy["startup"]].add((tenancy["_id"], tenancy["start_date"], tenancy["end_date"]))
    for name, occupant in books.entities["occupants"].items():
        stays = [(stay["tenancy"], stay["start"], stay["end"]) for stay in occupant["stays"]]
        if len(stays) != len(set(stays)) or set(stays) != expected.pop(name, set()):
            yield f"{name}: its stays are not the periods of its tenancies"
        in_order = sorted(stays, key=lambda stay: stay[1])
        for (before, _, end), (after, start, _) in pairwise(in_order):
            if end is None or start < end:
                yield f"{name} sits by {before} and by {after} at the same time"
    yield from (f"{name} has tenancies and no card" for name in expected)


def _residencies(books: Books, today: datetime) -> Iterator[str]:
    """A startup's page says where the last tenancy that began has it live, and whether it still does."""
    last: dict[str, Document] = {}
    for row in sorted(books.entities["tenancies"].values(), key=lambda row: (row["start_date"], row["_id"])):
        if row["start_date"] != row["end_date"] and row["state"] != "SIGNED":
            last[row["startup"]] = row
    for name, startup in books.entities["startups"].items():
        residency: Document = startup["residency"] or {}
        tenancy: Document = last.get(name, {})
        if not tenancy:
            if residency and residency["start_date"] != residency["end_date"]:
                yield f"{name} lives by {residency['tenancy']}, which never began"
            continue
        state = "ENDED" if tenancy["state"] == "ENDED" else "CURRENT"
        expected = (tenancy["_id"], tenancy["space"], tenancy["start_date"], tenancy["end_date"], state)
        known = tuple(residency.get(path) for path in ("tenancy", "space", "start_date", "end_date", "state"))
        if known != expected:
            yield f"{name} says it lives by {known}, its last tenancy is {expected}"
        elif residency["sequence"] != tenancy["version"]:
            yield f"{name} knows {tenancy['_id']} at {residency['sequence']}, it is at {tenancy['version']}"


def _cards(books: Books) -> Iterator[str]:
    """Each startup has one card in spaces, which says what the startup says."""
    told: dict[str, int] = defaultdict(int)
    for entry in books.journals["startups"]:
        for fact in entry.get("facts", ()):
            told[fact["subject"]] = max(told[fact["subject"]], fact["sequence"])
    cards = dict(books.entities["occupants"])
    for name, startup in books.entities["startups"].items():
        card = cards.pop(name, None)
        if card is None:
            yield f"{name} has no card in spaces"
        elif (card["display_name"], card["sequence"]) != (startup["display_name"], told[name]):
            yield f"{name}: its card says {card['display_name']!r} at {card['sequence']}, not what it last told"
    yield from (f"{name} has a card in spaces and is not there" for name in cards)


def _told(books: Books) -> Iterator[str]:
    """Every fact of a journal is in the stream as it was written, first told in the order of versions; no other is."""
    for service, journal in books.journals.items():
        facts = {f"{entry['_id']}.{n}": fact for entry in journal for n, fact in enumerate(entry.get("facts", ()))}
        seen: dict[str, int] = {}
        latest: dict[str, int] = defaultdict(int)
        for place, (headers, body) in enumerate(books.told[service]):
            name, subject, version = headers["Nats-Msg-Id"], headers["ce-subject"], int(headers["ce-sequence"])
            if seen.setdefault(name, place) != place:
                continue
            fact = facts.get(name)
            if fact is None:
                yield f"{service} told {name}, which is not in its journal"
            elif (fact["type"], fact["subject"], fact["sequence"], fact["body"]) != (
                headers["ce-type"],
                subject,
                version,
                body,
            ):
                yield f"{service} told {name} otherwise than its journal has it"
            if version <= latest[subject]:
                yield f"{service} told version {version} of {subject} after version {latest[subject]}"
            latest[subject] = max(latest[subject], version)
        yield from (f"{service} never told {name} ({facts[name]['type']})" for name in facts.keys() - seen.keys())


def _heeded(books: Books) -> Iterator[str]:
    """Every heeded fact took effect once: it stands once in the journal of the service that heeds it."""
    expected: dict[str, str] = {}
    for source, journal in books.journals.items():
        for entry in journal:
            for place, fact in enumerate(entry.get("facts", ())):
                if heeder := HEEDED.get(fact["type"]):
                    told = f"{source}.{entry['_id']}.{place}"
                    expected[entry_id(f"services/{heeder}", told)] = told
    for service, journal in books.journals.items():
        for entry in journal:
            if entry["actor"] == f"services/{service}" and expected.pop(entry["_id"], None) is None:
                yield f"{service} heeded {entry['_id']} ({entry['command']}), which nobody told"
    yield from (f"{fact} was told and never heeded" for fact in expected.values())
