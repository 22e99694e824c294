"""Checks of the journals: replies, versions, and the facts that were published and handled."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.faults.calls import Ledger, Sent, version_of
from tests.faults.snapshot import Document, Snapshot, differences
from tests.faults.stored import CREATED_BY, SUBSCRIBERS, collection_of

#: The collections of the entities that clients see.
PUBLIC = (
    "spaces.spaces",
    "spaces.tenancies",
    "startups.startups",
    "mentors.mentors",
    "mentors.availabilities",
    "mentors.consultations",
)


def check(snapshot: Snapshot, ledger: Ledger) -> Iterator[str]:
    """Yield what is wrong with the journals and the facts."""
    yield from _replies(snapshot, ledger)
    yield from _versions(snapshot)
    yield from _creations(snapshot)
    yield from _seen_versions(snapshot, ledger)
    yield from _published(snapshot)
    yield from _handled(snapshot)


def entry_id(actor: str, request_id: str) -> str:
    """Return the id that a command's journal entry has."""
    return hashlib.blake2b(f"{actor}\0{request_id}".encode(), digest_size=16).hexdigest()


def _replies(snapshot: Snapshot, ledger: Ledger) -> Iterator[str]:
    """Every acknowledged command is in the journal once, with the reply that was sent; a refused one is not."""
    entries = {service: {entry["_id"]: entry for entry in journal} for service, journal in snapshot.journals.items()}
    acknowledged: Counter[str] = Counter()
    for sent in ledger.sent:
        entry = entries[sent.service].get(sent.entry_id)
        if sent.refusal is not None:
            if entry is not None:
                yield f"{sent.method} was refused ({sent.refusal.reason}) and is in the journal: {entry['_id']}"
            continue
        acknowledged[sent.entry_id] += 1
        if entry is None:
            yield f"{sent.method} of {sent.reply.name} was acknowledged and is not in the journal"
        else:
            for found in differences(sent.reply, _journalled(snapshot, sent, entry)):
                yield f"{sent.method} of {sent.reply.name}, {found} as in the journal"
    yield from (f"{found} was acknowledged {times} times" for found, times in acknowledged.items() if times > 1)
    for service, journal in snapshot.journals.items():
        for entry in journal:
            if not entry["actor"].startswith("services/") and entry["_id"] not in acknowledged:
                yield f"{service}'s journal has {entry['_id']} ({entry['command']}), which no client got a reply to"


def _journalled(snapshot: Snapshot, sent: Sent, entry: Document) -> Document:
    """Return what is known of a reply.

    Of one that may hold personal data the journal has name and version, and the entity the rest while it is the same
    version. A repeat is answered with such an entity as it is then.
    """
    reply = entry.get("reply", {"document": {"_id": "nothing"}})
    if "document" in reply:
        return dict(reply["document"])
    name, seen = reply["name"], version_of(sent.reply)
    # A command that changed nothing names no entity, and its reply is the version that it found.
    version = next((each["version"] for each in entry["entities"] if each["name"] == name), seen)
    if sent.tries > 1:
        version = max(version, seen)
    entity = snapshot.entities[collection_of(sent.service, entry, name)].get(name, {})
    return entity if entity.get("version") == version else {"_id": name, "version": version}


def _versions_by_entity(snapshot: Snapshot) -> dict[str, list[tuple[int, Document]]]:
    """Return the versions that journal entries name, with the entries, by collection and name of the entity."""
    named: dict[str, list[tuple[int, Document]]] = defaultdict(list)
    for service, journal in snapshot.journals.items():
        for entry in journal:
            for entity in entry["entities"]:
                collection = collection_of(service, entry, entity["name"])
                named[f"{collection} {entity['name']}"].append((entity["version"], entry))
    return named


def _versions(snapshot: Snapshot) -> Iterator[str]:
    """An entity's version is the number of journal entries that name it; no version is missing or occurs twice."""
    named = _versions_by_entity(snapshot)
    for collection, rows in snapshot.entities.items():
        for name, row in rows.items():
            versions = sorted(version for version, _ in named.pop(f"{collection} {name}", []))
            if row["version"] != len(versions):
                yield f"{collection} {name} is at version {row['version']}, {len(versions)} journal entries name it"
            if versions != list(range(1, len(versions) + 1)):
                gap = next(n for n, version in enumerate(versions, 1) if n != version)
                yield f"{collection} {name}: version {gap} is missing from the journal or occurs twice"
    yield from (f"{name} is named in the journal and does not exist" for name in named)


def _creations(snapshot: Snapshot) -> Iterator[str]:
    """Every entity was created by one journal entry, and equals the reply of the last entry that names it."""
    for key, found in _versions_by_entity(snapshot).items():
        collection, _, name = key.partition(" ")
        row = snapshot.entities[collection].get(name)
        first = [entry for version, entry in found if version == 1]
        if len(first) != 1:
            yield f"{key} was created by {len(first)} journal entries"
        elif first[0]["command"] not in CREATED_BY[collection]:
            yield f"{key} was created by {first[0]['command']}"
        if row is None:
            continue
        for version, entry in found:
            reply = entry.get("reply", {}).get("document", {})
            if version == row["version"] and reply.get("_id") == name and reply != row:
                yield f"{key} differs from the reply of its last journal entry {entry['_id']}"


def _seen_versions(snapshot: Snapshot, ledger: Ledger) -> Iterator[str]:
    """No crash undid a version that a client has seen."""
    public: dict[str, Document] = {}
    for collection in PUBLIC:
        public |= snapshot.entities[collection]
    for name, version in ledger.seen.items():
        row = public.get(name)
        if row is None or row["version"] < version:
            yield f"a client saw {name} at version {version}, it is at {row['version'] if row else 'none'}"


def _published(snapshot: Snapshot) -> Iterator[str]:
    """Every fact of a journal is in the stream unchanged, first published in the order of versions; no other is."""
    for service, journal in snapshot.journals.items():
        facts = {f"{entry['_id']}.{n}": fact for entry in journal for n, fact in enumerate(entry.get("facts", ()))}
        first_at: dict[str, int] = {}
        latest: dict[str, int] = defaultdict(int)
        for position, (headers, body) in enumerate(snapshot.published[service]):
            name, subject, version = headers["Nats-Msg-Id"], headers["ce-subject"], int(headers["ce-sequence"])
            if first_at.setdefault(name, position) != position:
                continue
            fact = facts.get(name)
            if fact is None:
                yield f"{service} published {name}, which is not in its journal"
            elif (fact["type"], fact["subject"], fact["sequence"], fact["body"]) != (
                headers["ce-type"],
                subject,
                version,
                body,
            ):
                yield f"{service} published {name} otherwise than it is in the journal"
            if version <= latest[subject]:
                yield f"{service} published version {version} of {subject} after version {latest[subject]}"
            latest[subject] = max(latest[subject], version)
        missing = facts.keys() - first_at.keys()
        yield from (f"{service} never published {name} ({facts[name]['type']})" for name in missing)


def _handled(snapshot: Snapshot) -> Iterator[str]:
    """Every fact took effect once: it is in the journal of the service that subscribes to it, once."""
    expected: dict[str, str] = {}
    for source, journal in snapshot.journals.items():
        for entry in journal:
            for index, fact in enumerate(entry.get("facts", ())):
                published = f"{source}.{entry['_id']}.{index}"
                for subscriber in SUBSCRIBERS.get(fact["type"], ()):
                    expected[entry_id(f"services/{subscriber}", published)] = f"{published} ({subscriber})"
    for service, journal in snapshot.journals.items():
        for entry in journal:
            if entry["actor"] == f"services/{service}" and expected.pop(entry["_id"], None) is None:
                yield f"{service} handled {entry['_id']} ({entry['command']}), which no service published"
    yield from (f"{fact} was published and never handled" for fact in expected.values())
