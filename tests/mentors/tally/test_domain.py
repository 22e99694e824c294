"""What confirmations add to a mentor's year and to a startup, and that taking one back leaves no trace."""

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mentors.domain.consultation import Consultation
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor_year import Tally
from services.mentors.domain.tally import confirm, day_of, reject, relation_to, year_name
from tests.mentors.report.samples import (
    DOCK,
    FENGMAN,
    HIGH_TECH,
    HUB,
    LONGTAN,
    MENTOR,
    NINE,
    ZONE,
    Books,
    answers_of,
    service,
    session,
    sessions,
)


def figures(rows: Sequence[Tally], **where: object) -> tuple[int, int, int]:
    """Return sessions, services and minutes of the rows that match."""
    chosen = [row for row in rows if all(getattr(row, name) == value for name, value in where.items())]
    return sum(r.sessions for r in chosen), sum(r.services for r in chosen), sum(r.minutes for r in chosen)


# --- one session ------------------------------------------------------------------------------


def test_one_session_of_two_startups_is_one_block_of_hours_and_two_services() -> None:
    """The mentor gets one session and its minutes once; each startup gets a service of its own."""
    one, two = service("startups/a1"), service("startups/a2")
    books, held = Books(), session(one, two)
    books.confirm_all([(held, one), (held, two)])
    assert figures(books.years[year_name(MENTOR, 2026)].tallies) == (1, 2, 45)
    for startup in ("startups/a1", "startups/a2"):
        relation = relation_to(books.mentees[startup], MENTOR)
        assert relation is not None
        assert (relation.sessions, relation.minutes, relation.sequence) == (1, 45, 1)
        assert [(each.year, each.sessions, each.minutes) for each in books.mentees[startup].years] == [(2026, 1, 45)]


def test_a_session_counts_once_in_each_space_and_once_in_the_city() -> None:
    """Startups of two spaces and one that is no tenant: the city has one session, as has each space and district."""
    answers = (
        service("startups/a1", HUB, LONGTAN),
        service("startups/a2", DOCK, LONGTAN, zone=HIGH_TECH),
        service("startups/a3", "", FENGMAN),
        service("startups/a4", HUB, LONGTAN),
    )
    books, held = Books(), session(*answers)
    books.confirm_all([(held, answer) for answer in answers])
    year = books.years[year_name(MENTOR, 2026)]
    assert figures(year.tallies) == (1, 4, 45)
    assert figures(year.places, space=HUB) == (1, 2, 45)
    assert figures(year.places, space=DOCK) == (1, 1, 45)
    assert figures(year.places, district=LONGTAN) == (1, 3, 45)
    assert figures(year.places, district=HIGH_TECH) == (1, 1, 45)
    assert figures(year.places, district=FENGMAN) == (1, 1, 45)
    assert (year.spaces, year.districts) == ((DOCK, HUB), (LONGTAN, FENGMAN, HIGH_TECH))


def test_a_session_after_the_appointment_ended_is_counted_but_not_as_appointed() -> None:
    """A session without a valid appointment on its day is in the figures, and in none of the appointed ones."""
    books, answer = Books(), service()
    books.confirm(session(answer), answer)
    books.confirm(session(answer, appointed=False, minutes=60, name="consultations/c2"), answer)
    (row,) = books.years[year_name(MENTOR, 2026)].tallies
    assert (row.sessions, row.services, row.minutes) == (2, 2, 105)
    assert (row.appointed_sessions, row.appointed_services, row.appointed_minutes) == (1, 1, 45)
    (total,) = books.mentees["startups/a1"].years
    assert (total.sessions, total.appointed_sessions, total.appointed_minutes) == (2, 1, 45)


@pytest.mark.parametrize(
    ("start", "year", "month"),
    [
        (datetime(2026, 12, 31, 15, 59, tzinfo=UTC), 2026, 12),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), 2027, 1),
        (datetime(2026, 2, 28, 16, 0, tzinfo=UTC), 2026, 3),
    ],
)
def test_a_session_belongs_to_the_month_of_the_city_in_which_it_begins(start: datetime, year: int, month: int) -> None:
    """Midnight is the city's: a minute before it the year is the old one, however long the session lasts."""
    books, answer = Books(), service()
    books.confirm(session(answer, start=start, minutes=120), answer)
    (found,) = books.years.values()
    assert (found.year, [row.month for row in found.tallies]) == (year, [month])


def test_the_ratings_of_a_year_are_counted_and_summed() -> None:
    """A startup that confirms without a rating does not pull the average down."""
    books = Books()
    for number, rating in enumerate((5, 2, 0)):
        answer = service(f"startups/a{number}", rating=rating)
        books.confirm(session(answer, name=f"consultations/c{number}"), answer)
    year = books.years[year_name(MENTOR, 2026)]
    assert (year.ratings, year.rating_sum) == (2, 7)


def test_a_relation_keeps_its_last_day_when_a_later_session_is_taken_back() -> None:
    """The last day of a relation is that of the sessions that still count, in whatever order they were confirmed."""
    books, answer = Books(), service()
    march, may = session(answer), session(answer, start=NINE + timedelta(days=60), name="consultations/c2")
    books.confirm(may, answer)
    books.confirm(march, answer)
    before = relation_to(books.mentees[answer.startup], MENTOR)
    assert before is not None
    assert before.last_date == day_of(may.start_time, ZONE)
    books.reject(may, answer)
    after = relation_to(books.mentees[answer.startup], MENTOR)
    assert after is not None
    assert (after.last_date, after.sequence) == (day_of(march.start_time, ZONE), 3)


def test_a_relation_that_lost_all_sessions_keeps_its_sequence() -> None:
    """Copies keep the highest sequence, so a relation that comes back must not begin at 1 again."""
    books, answer = Books(), service()
    books.confirm(session(answer), answer)
    books.reject(session(answer), answer)
    books.confirm(session(answer), answer)
    relation = relation_to(books.mentees[answer.startup], MENTOR)
    assert relation is not None
    assert (relation.sessions, relation.sequence) == (1, 3)


def test_what_was_never_counted_cannot_be_taken_back() -> None:
    """A rejection of something that is not in the figures is an error of the program, not a negative figure."""
    books, answer = Books(), service()
    books.confirm(session(answer), answer)
    other = service("startups/a2")
    with pytest.raises(ValueError, match="not counted"):
        reject(books.years[year_name(MENTOR, 2026)], Mentee(name="startups/a2"), session(other), other, zone=ZONE)
    with pytest.raises(ValueError, match="does not hold"):
        confirm(
            books.years[year_name(MENTOR, 2026)],
            None,
            session(answer, start=NINE.replace(year=2027)),
            answer,
            zone=ZONE,
        )


# --- many sessions ----------------------------------------------------------------------------


@given(sessions(), st.randoms(use_true_random=False))
def test_the_order_of_confirmations_does_not_matter(held: list[Consultation], chance: random.Random) -> None:
    """Whoever confirms first, the figures are the same in the end."""
    answers = answers_of(held)
    shuffled = list(answers)
    chance.shuffle(shuffled)
    one, two = Books(), Books()
    one.confirm_all(answers)
    two.confirm_all(shuffled)
    assert one.summary() == two.summary()


@given(sessions(), st.data())
def test_a_rejection_undoes_its_confirmation_exactly(held: list[Consultation], data: st.DataObject) -> None:
    """Figures after confirming everything and taking some back are those of confirming only the rest."""
    answers = answers_of(held)
    taken = data.draw(st.lists(st.sampled_from(range(len(answers))), unique=True))
    books, expected = Books(), Books()
    books.confirm_all(answers)
    left = list(answers)
    for index in taken:
        left.remove(answers[index])
        consultation, answer = answers[index]
        still = tuple(each for known, each in left if known.name == consultation.name)
        books.reject(consultation.with_(services=still), answer)
    expected.confirm_all(left)
    assert books.summary() == expected.summary()


@given(sessions())
def test_the_figures_equal_a_direct_count(held: list[Consultation]) -> None:
    """Every row is what one gets by counting the sessions of its month, kind and place."""
    books = Books()
    books.confirm_all(answers_of(held))
    for year in books.years.values():
        own = [each for each in held if day_of(each.start_time, ZONE).year == year.year]
        for row in (*year.tallies, *year.places):
            assert row == counted(own, row)
        assert figures(year.tallies) == (year.sessions, year.services, year.minutes)
        assert year.appointed_minutes == sum(each.minutes for each in own if each.appointed)
        assert figures(year.tallies)[0] == len(own)
        assert figures(year.tallies)[2] == sum(each.minutes for each in own)
        given_ratings = [answer.rating for _, answer in answers_of(own) if answer.rating]
        assert (year.ratings, year.rating_sum) == (len(given_ratings), sum(given_ratings))
    services = list(itertools.chain.from_iterable(found.relations for found in books.mentees.values()))
    assert sum(each.sessions for each in services) == len(answers_of(held))
    assert sum(each.minutes for each in services) == sum(each.minutes for each, _ in answers_of(held))


def counted(held: Sequence[Consultation], row: Tally) -> Tally:
    """Count what a row should hold."""
    total = Tally(month=row.month, kind=row.kind, space=row.space, district=row.district).model_dump()
    for each in held:
        taking_part = [
            answer
            for answer in each.services
            if row.space in ("", answer.space) and row.district in ("", answer.district, answer.zone)
        ]
        if taking_part and (day_of(each.start_time, ZONE).month, each.kind) == (row.month, row.kind):
            for prefix in ("", "appointed_") if each.appointed else ("",):
                total[f"{prefix}sessions"] += 1
                total[f"{prefix}minutes"] += each.minutes
                total[f"{prefix}services"] += len(taking_part)
    return Tally(**total)
