"""Checks of mentors: their calendars, what counts of their consultations, and what startups show of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from libs.api.hatchery.mentors.v1 import facts_pb2 as facts
from tests.faults.snapshot import Document, Snapshot
from tests.faults.stored import SUBSCRIBERS, ZONE

ENDED = frozenset({"DECLINED", "WITHDRAWN", "CANCELLED", "EXPIRED"})
RECORDED = frozenset({"LOGGED", "CONFIRMED", "DISPUTED", "CLOSED"})
MESSAGES: dict[str, Any] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (facts.ConsultationConfirmed, facts.ConsultationDisputed, facts.ConsultationRejected)
}
#: What is counted: sessions, services and minutes, and the part of each on days with a valid appointment.
FIGURES = ("sessions", "services", "minutes", "appointed_sessions", "appointed_services", "appointed_minutes")
Key = tuple[Any, ...]


def check(snapshot: Snapshot) -> Iterator[str]:
    """Yield what is wrong with mentors, their consultations and figures."""
    yield from _calendars(snapshot)
    yield from _states(snapshot)
    yield from _years(snapshot)
    yield from _mentees(snapshot)
    yield from _relations(snapshot)
    yield from _certificates(snapshot)
    yield from _projections(snapshot)
    yield from _residences(snapshot)


def day_of(consultation: Document) -> date:
    """Return the day of the city on which a consultation began."""
    return _in_city(consultation["start_time"]).date()


def _in_city(instant: datetime) -> datetime:
    return instant.astimezone(ZONE)


def minutes_of(consultation: Document) -> int:
    """Return the length of a consultation."""
    return int((consultation["end_time"] - consultation["start_time"]) / timedelta(minutes=1))


def confirmed(consultation: Document) -> list[Document]:
    """Return the services that startups have confirmed."""
    return [service for service in consultation["services"] if service["state"] == "CONFIRMED"]


# --- calendars --------------------------------------------------------------------------------


def _calendars(snapshot: Snapshot) -> Iterator[str]:
    """No two consultations occupy a mentor's time at once, and each page has those that occupy its week."""
    by_mentor: dict[str, list[Document]] = defaultdict(list)
    expected: dict[str, set[Key]] = defaultdict(set)
    for name, row in snapshot.entities["mentors.consultations"].items():
        if row["state"] not in ENDED:
            by_mentor[row["mentor"]].append(row)
            for page in _pages(row):
                expected[page].add((name, row["startups"][0], row["start_time"], row["end_time"]))
    for mentor, rows in by_mentor.items():
        for before, after in pairwise(sorted(rows, key=lambda row: row["start_time"])):
            if after["start_time"] < before["end_time"]:
                yield f"{before['_id']} and {after['_id']} of {mentor} have the same time"
    for name, row in snapshot.entities["mentors.calendars"].items():
        entries = [tuple(entry[field] for field in ("holder", "person", "start", "end")) for entry in row["entries"]]
        if len(entries) != len(set(entries)) or set(entries) != expected.pop(name, set()):
            yield f"{name}: its entries are not the consultations of its week"
    yield from (f"{page} does not exist, and a consultation occupies it" for page in expected)


def _pages(consultation: Document) -> set[str]:
    """Return the names of the pages on which a consultation lies: one for each ISO week of the city that it touches."""
    first, last = consultation["start_time"], consultation["end_time"] - timedelta.resolution
    weeks = (_in_city(each).isocalendar() for each in (first, last))
    return {f"{consultation['mentor']}/calendars/{week.year:04}-w{week.week:02}" for week in weeks}


def _states(snapshot: Snapshot) -> Iterator[str]:
    """The state of a record follows from what its startups say, and only a record has anything of that kind."""
    for name, row in snapshot.entities["mentors.consultations"].items():
        said = {service["state"] for service in row["services"]}
        if row["state"] not in RECORDED:
            if said - {"PENDING"}:
                yield f"{name} is {row['state']}, and a startup has answered"
        elif row["state"] != next((state for state in ("DISPUTED", "CONFIRMED") if state in said), _unanswered(said)):
            yield f"{name} is {row['state']}, its startups say {sorted(said)}"


def _unanswered(said: set[str]) -> str:
    return "LOGGED" if "PENDING" in said else "CLOSED"


# --- what counts ------------------------------------------------------------------------------


def _years(snapshot: Snapshot) -> Iterator[str]:
    """The figures of each mentor's year are a count over the consultations of the year."""
    expected: dict[str, list[Document]] = defaultdict(list)
    for row in snapshot.entities["mentors.consultations"].values():
        if confirmed(row):
            expected[f"{row['mentor']}/years/{day_of(row).year}"].append(row)
    for name, year in snapshot.entities["mentors.mentor_years"].items():
        rows = expected.pop(name, [])
        tallies, places = _count(_whole(rows)), _count(_places(rows))
        if _stored(year["tallies"]) != tallies:
            yield f"{name}: its tallies are {_stored(year['tallies'])}, its consultations give {tallies}"
        if _stored(year["places"]) != places:
            yield f"{name}: its places are not a count over its consultations"
        if [year[figure] for figure in FIGURES] != [sum(row) for row in zip([0] * 6, *tallies.values(), strict=True)]:
            yield f"{name}: its figures are not the sums of its tallies"
        ratings = [service["rating"] for row in rows for service in confirmed(row) if service["rating"]]
        if (year["ratings"], year["rating_sum"]) != (len(ratings), sum(ratings)):
            yield f"{name}: its ratings are {year['ratings']}, its consultations have {len(ratings)}"
    yield from (f"{name} does not exist, and consultations of it are confirmed" for name in expected)


def _whole(rows: Iterable[Document]) -> Iterator[tuple[Key, Document, int]]:
    """Yield each consultation with the row to which it counts, and how many services it adds."""
    for row in rows:
        yield (day_of(row).month, row["kind"], "", ""), row, len(confirmed(row))


def _places(rows: Iterable[Document]) -> Iterator[tuple[Key, Document, int]]:
    """Yield each consultation for each space, and for each district or zone, of those who confirmed it."""
    for row in rows:
        services: dict[tuple[str, str], int] = defaultdict(int)
        for service in confirmed(row):
            districts = {service["district"], service["zone"]} - {""}
            for place in [(service["space"], "")] * bool(service["space"]) + [("", each) for each in districts]:
                services[place] += 1
        for place, count in services.items():
            yield (day_of(row).month, row["kind"], *place), row, count


def _count(counted: Iterable[tuple[Key, Document, int]]) -> dict[Key, list[int]]:
    """Count sessions, services and minutes by row; a session counts once however many startups took part."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0] * len(FIGURES))
    for key, row, services in counted:
        figures = [1, services, minutes_of(row)]
        figures += [figure if row["appointed"] else 0 for figure in figures]
        sums[key] = [before + more for before, more in zip(sums[key], figures, strict=True)]
    return dict(sums)


def _stored(tallies: Iterable[Document]) -> dict[Key, list[int]]:
    return {
        tuple(row[field] for field in ("month", "kind", "space", "district")): [row[figure] for figure in FIGURES]
        for row in tallies
    }


def _mentees(snapshot: Snapshot) -> Iterator[str]:
    """The relations and years of each startup are a count over the services that it has confirmed."""
    relations: dict[str, dict[str, list[Document]]] = defaultdict(lambda: defaultdict(list))
    years: dict[str, dict[int, list[Document]]] = defaultdict(lambda: defaultdict(list))
    for row in snapshot.entities["mentors.consultations"].values():
        for service in confirmed(row):
            relations[service["startup"]][row["mentor"]].append(row)
            years[service["startup"]][day_of(row).year].append(row)
    for name, mentee in snapshot.entities["mentors.mentees"].items():
        rows = relations.pop(name, {})
        kept = {each["mentor"]: each for each in mentee["relations"]}
        for mentor in kept.keys() | rows.keys():
            stored, days = kept.get(mentor), sorted(map(day_of, rows.get(mentor, [])))
            found = stored and (stored["sessions"], stored["minutes"], [_day(each) for each in stored["dates"]])
            if found != (len(days), sum(map(minutes_of, rows.get(mentor, []))), days):
                yield f"{name}: its relation to {mentor} is {found}, not a count over its consultations"
            elif stored and days and _day(stored["last_date"]) != days[-1]:
                yield f"{name}: its last consultation with {mentor} was not on {stored['last_date']:%F}"
        counted = {year: _of_year(each) for year, each in years[name].items()}
        if {each["year"]: [each[figure] for figure in YEAR_FIGURES] for each in mentee["years"]} != counted:
            yield f"{name}: its years are not a count over its consultations"
    yield from (f"{name} has confirmed consultations and no relations" for name in relations)


YEAR_FIGURES = ("sessions", "minutes", "appointed_sessions", "appointed_minutes")


def _of_year(rows: list[Document]) -> list[int]:
    appointed = [row for row in rows if row["appointed"]]
    return [figure for each in (rows, appointed) for figure in (len(each), sum(map(minutes_of, each)))]


def _day(stored: datetime) -> date:
    return stored.astimezone(UTC).date()


# --- other services ---------------------------------------------------------------------------


def _relations(snapshot: Snapshot) -> Iterator[str]:
    """A startup shows each relation as it was last published, which is as mentors has it."""
    latest: dict[tuple[str, str], Any] = {}
    for headers, body in snapshot.published["mentors"]:
        if (kind := MESSAGES.get(headers["ce-type"])) is None:
            continue
        fact = kind.FromString(body)
        key = fact.startup, fact.mentor
        if fact.relation_sequence > (latest[key].relation_sequence if key in latest else 0):
            latest[key] = fact
    for name, startup in snapshot.entities["startups.startups"].items():
        shown = {each["mentor"]: _shown(each) for each in startup["relations"]}
        last = {mentor: _published(fact) for (of, mentor), fact in latest.items() if of == name}
        if shown != last:
            yield f"{name} shows the relations {shown}, those that were last published are {last}"
        mentee = snapshot.entities["mentors.mentees"].get(name, {"relations": ()})
        known = {each["mentor"]: _shown(each) for each in mentee["relations"]}
        if last != known:
            yield f"{name}: mentors has the relations {known}, and last published {last}"


def _shown(relation: Document) -> Key:
    figures = tuple(relation[field] for field in ("mentor_display_name", "sessions", "minutes", "sequence"))
    # Without sessions the day says nothing.
    return (*figures, _day(relation["last_date"]) if relation["sessions"] else None)


def _published(fact: Any) -> Key:
    day = fact.relation_last_date
    last = date(day.year, day.month, day.day) if fact.HasField("relation_last_date") else None
    figures = (fact.relation_sessions, fact.relation_minutes, fact.relation_sequence)
    return (fact.mentor_display_name, *figures, last)


def _certificates(snapshot: Snapshot) -> Iterator[str]:
    """Each appointment has a certificate number of its own."""
    held = [
        (name, appointment["certificate_number"])
        for name, mentor in snapshot.entities["mentors.mentors"].items()
        for appointment in mentor["appointments"]
    ]
    given = [(each["mentor"], each["number"]) for each in snapshot.entities["mentors.certificate_numbers"].values()]
    if sorted(held) != sorted(given) or len({number for _, number in held}) != len(held):
        yield f"{len(held)} appointments have other certificate numbers than the {len(given)} that were given"


def _projections(snapshot: Snapshot) -> Iterator[str]:
    """Each startup and space has one projection in mentors, which has the state of its last fact."""
    published: dict[str, int] = defaultdict(int)
    for source in ("startups", "spaces"):
        for entry in snapshot.journals[source]:
            for fact in entry.get("facts", ()):
                if "mentors" in SUBSCRIBERS.get(fact["type"], ()):
                    published[fact["subject"]] = max(published[fact["subject"]], fact["sequence"])
    for source, fields in (("startups", ("display_name", "credit_code")), ("spaces", ("display_name", "district"))):
        projections = dict(snapshot.entities[f"mentors.{source}"])
        for name, row in snapshot.entities[f"{source}.{source}"].items():
            found = projections.pop(name, None)
            wanted = (*(row[field] or "" for field in fields), published[name])
            if found is None:
                yield f"{name} has no projection in mentors"
            elif (*(found[field] or "" for field in fields), found["sequence"]) != wanted:
                yield f"{name}: its projection in mentors is not {wanted}"
        yield from (f"{name} has a projection in mentors and does not exist" for name in projections)


def _residences(snapshot: Snapshot) -> Iterator[str]:
    """Mentors knows the latest state of every tenancy."""
    fields = ("space", "start_date", "end_date")
    expected: dict[str, set[Key]] = defaultdict(set)
    for name, row in snapshot.entities["spaces.tenancies"].items():
        expected[row["startup"]].add((name, row["version"], *(row[field] for field in fields)))
    for name, residence in snapshot.entities["mentors.residences"].items():
        stays = [(each["tenancy"], each["sequence"], *(each[field] for field in fields)) for each in residence["stays"]]
        if len(stays) != len(set(stays)) or set(stays) != expected.pop(name, set()):
            yield f"{name}: its stays in mentors are not its tenancies"
    yield from (f"{name} has tenancies that mentors does not know" for name in expected)
