"""The documents of a city's mentors, inserted as the service stores them."""

from collections.abc import Iterable

from bench.contenders import Database, Say
from bench.counted_hours import Mentees, ensure_consistent, mentor_years
from bench.dataset import CLOCK, ZONE, insert
from bench.mentoring import Mentoring
from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Entity
from libs.common.store.schema import EntitySchema
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.store import (
    AVAILABILITIES,
    CALENDARS,
    CONSULTATIONS,
    MENTEES,
    MENTOR_YEARS,
    MENTORS,
    RESIDENCES,
    SPACES,
    STARTUPS,
)

#: Mentors whose documents are built before they are inserted.
GROUP = 50
SAMPLE = 20


def insert_mentor_city(database: Database, mentors: int, say: Say) -> Mentoring:
    """Insert a city, create its indexes, and compare a sample of its figures with its consultations."""
    city = Mentoring(mentors, CLOCK.today(ZONE))
    everybody, startups = range(city.mentors), range(city.startups)
    insert_entities(database, MENTORS, map(city.mentor, everybody))
    insert_entities(database, AVAILABILITIES, filter(None, map(city.availability, everybody)))
    insert_entities(database, SPACES, map(city.space, range(city.spaces)))
    insert_entities(database, STARTUPS, map(city.startup, startups))
    insert_entities(database, RESIDENCES, filter(None, map(city.residence, startups)))
    count = _insert_consultations(database, city)
    for schema in (MENTORS, RESIDENCES, CONSULTATIONS, MENTEES, MENTOR_YEARS):
        database[schema.collection].create_indexes([index.model() for index in schema.indexes])
    ensure_consistent(
        database,
        [city.mentor_name(number) for number in everybody[:: -(-mentors // SAMPLE)]],
        [city.startup_name(number) for number in startups[:: -(-city.startups // SAMPLE)]],
    )
    say(f"inserted a city of {mentors:,} mentors, {city.startups:,} startups and {count:,} consultations")
    return city


def insert_entities(database: Database, schema: EntitySchema, entities: Iterable[Entity]) -> None:
    """Insert entities as their first version."""
    now = CLOCK.now()
    first = (each.with_(version=1, create_time=now, update_time=now) for each in entities)
    insert(database, schema.collection, map(schema.to_document, first))


def _insert_consultations(database: Database, city: Mentoring) -> int:
    """Insert the consultations with everything that follows from them. Returns their number."""
    mentees, count = Mentees(), 0
    for begin in range(0, city.mentors, GROUP):
        held: list[Consultation] = []
        pages: list[CalendarPage] = []
        years: list[MentorYear] = []
        for mentor in range(begin, min(begin + GROUP, city.mentors)):
            some = city.consultations(mentor)
            mentees.add(some)
            held += some
            pages += city.pages(some)
            years += mentor_years(some)
        insert_entities(database, CONSULTATIONS, held)
        insert_entities(database, CALENDARS, pages)
        insert_entities(database, MENTOR_YEARS, years)
        count += len(held)
    insert_entities(database, MENTEES, mentees.all())
    return count
