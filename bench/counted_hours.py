"""What a year of consultations adds up to, and whether the documents say the same."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from bench.contenders import Database
from bench.dataset import ZONE
from libs.calendar.page import CalendarPage
from libs.common.store.schema import from_document
from services.mentors.domain import tally
from services.mentors.domain.consultation import OCCUPYING, Consultation, Service, ServiceState
from services.mentors.domain.mentee import Mentee, Relation, YearTotal
from services.mentors.domain.mentor_year import MentorYear, Tally
from services.mentors.store import CALENDARS, CONSULTATIONS, MENTEES, MENTOR_YEARS

#: The consultations of one mentor and startup, with the mentor's name as it is shown.
Sessions = list[tuple[Consultation, date]]


def confirmed(consultation: Consultation) -> list[Service]:
    """Return the services that count."""
    return [service for service in consultation.services if service.state is ServiceState.CONFIRMED]


def mentor_years(consultations: Iterable[Consultation]) -> list[MentorYear]:
    """Return the years of one mentor. The service adds one answer after another, which takes ten times as long."""
    by_year: dict[int, list[Consultation]] = defaultdict(list)
    for each in consultations:
        if confirmed(each):
            by_year[tally.day_of(each.start_time, ZONE).year].append(each)
    return [_year(year, held) for year, held in by_year.items()]


def _year(year: int, held: list[Consultation]) -> MentorYear:
    rows: dict[tuple[int, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    answers = [answer for each in held for answer in confirmed(each)]
    for each in held:
        month = tally.day_of(each.start_time, ZONE).month
        for (space, district), services in _places(confirmed(each)).items():
            row = rows[month, each.kind.value, space, district]
            row[:] = row[0] + 1, row[1] + services, row[2] + each.minutes
    tallies = tuple(_tally(key, rows[key]) for key in sorted(rows))
    whole = tuple(row for row in tallies if not row.space and not row.district)
    places = tuple(row for row in tallies if row.space or row.district)
    mentor = held[0].mentor
    return MentorYear(
        name=tally.year_name(mentor, year),
        mentor=mentor,
        year=year,
        spaces=tuple(sorted({row.space for row in places} - {""})),
        districts=tuple(sorted({row.district for row in places} - {""})),
        tallies=whole,
        places=places,
        ratings=sum(bool(answer.rating) for answer in answers),
        rating_sum=sum(answer.rating for answer in answers),
        **{name: sum(getattr(row, name) for row in whole) for name in tally.FIGURES},
    )


def _places(services: list[Service]) -> dict[tuple[str, str], int]:
    """Return how many services of a session count in the city, in each space and in each district."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for service in services:
        spaces = {service.space} - {""}
        for place in [("", ""), *((space, "") for space in spaces), *(("", at) for at in tally.districts_of(service))]:
            counts[place] += 1
    return counts


def _tally(key: tuple[int, str, str, str], row: list[int]) -> Tally:
    month, kind, space, district = key
    counted = dict(zip(tally.FIGURES, (*row, *row), strict=True))  # every mentor was appointed at all times
    return Tally(month=month, kind=kind, space=space, district=district, **counted)


class Mentees:
    """The relations of startups, gathered mentor by mentor."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Sessions]] = defaultdict(lambda: defaultdict(list))

    def add(self, consultations: Iterable[Consultation]) -> None:
        """Add the consultations of one mentor."""
        for each in consultations:
            for service in confirmed(each):
                self._held[service.startup][each.mentor].append((each, tally.day_of(each.start_time, ZONE)))

    def all(self) -> Iterable[Mentee]:
        """Return what counts of each startup."""
        for startup, relations in self._held.items():
            yield Mentee(
                name=startup,
                relations=tuple(_relation(mentor, relations[mentor]) for mentor in sorted(relations)),
                years=_totals([session for sessions in relations.values() for session in sessions]),
            )


def _relation(mentor: str, sessions: Sessions) -> Relation:
    dates = tuple(sorted(day for _, day in sessions))
    return Relation(
        mentor=mentor,
        mentor_display_name=sessions[0][0].mentor_display_name,
        sessions=len(sessions),
        minutes=sum(each.minutes for each, _ in sessions),
        last_date=dates[-1],
        sequence=len(sessions),
        dates=dates,
    )


def _totals(sessions: Sessions) -> tuple[YearTotal, ...]:
    totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for each, day in sessions:
        totals[day.year][:] = totals[day.year][0] + 1, totals[day.year][1] + each.minutes
    return tuple(
        YearTotal(year=year, sessions=count, minutes=minutes, appointed_sessions=count, appointed_minutes=minutes)
        for year, (count, minutes) in sorted(totals.items())
    )


# --- whether the documents agree --------------------------------------------------------------


def ensure_consistent(database: Database, mentors: Iterable[str], startups: Iterable[str]) -> None:
    """Count again, by the service's own rules, what is stored of a sample; AssertionError when it differs."""
    for mentor in mentors:
        held = _stored(database, {"mentor": mentor})
        years = _replayed(held)[0]
        stored = {
            each["_id"]: from_document(MentorYear, each)
            for each in database[MENTOR_YEARS.collection].find({"mentor": mentor})
        }
        assert {name: _bare(each) for name, each in stored.items()} == years, f"the years of {mentor}"
        pages = map(_page, database[CALENDARS.collection].find({"resource": mentor}))
        holders = {entry.holder: (entry.start, entry.end) for page in pages for entry in page.entries}
        occupied = {each.name: (each.start_time, each.end_time) for each in held if each.state in OCCUPYING}
        assert holders == occupied, f"the calendar of {mentor}"
    for startup in startups:
        mentees = _replayed(_stored(database, {"startups": startup}))[1]
        found = database[MENTEES.collection].find_one({"_id": startup})
        assert (_bare(from_document(Mentee, found)) if found else None) == mentees.get(startup), startup


def _stored(database: Database, where: dict[str, str]) -> list[Consultation]:
    found = database[CONSULTATIONS.collection].find(where).sort("start_time", 1)
    return [from_document(Consultation, each) for each in found]


def _replayed(held: list[Consultation]) -> tuple[dict[str, MentorYear], dict[str, Mentee]]:
    """Confirm one service after another, as the startups did."""
    years: dict[str, MentorYear] = {}
    mentees: dict[str, Mentee] = {}
    for each in held:
        answered: tuple[Service, ...] = ()
        for service in confirmed(each):
            answered = (*answered, service)
            name = tally.year_name(each.mentor, tally.day_of(each.start_time, ZONE).year)
            known = years.get(name), mentees.get(service.startup)
            so_far = each.with_(services=answered)
            years[name], mentees[service.startup] = tally.confirm(*known, so_far, service, zone=ZONE)
    return years, mentees


def _bare(entity: MentorYear | Mentee) -> MentorYear | Mentee:
    fields = {name: type(entity).model_fields[name].default for name in ("version", "create_time", "update_time")}
    return entity.with_(**fields)


def _page(document: dict[str, object]) -> CalendarPage:
    return from_document(CalendarPage, document)
