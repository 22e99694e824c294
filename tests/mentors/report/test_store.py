"""Reports in a real MongoDB: figures from tallies and from consultations agree, and every read follows an index."""

import itertools
import random
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from libs.common.domain.errors import Precondition
from libs.common.store.database import Database
from services.mentors.coverage_queries import CoverageQueries
from services.mentors.domain.consultation import Consultation, Kind, ServiceState, State
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.report import MAX_ROWS, GroupBy, Months, Selection, ensure_bounded
from services.mentors.domain.residence import Residence, Stay
from services.mentors.report_queries import ReportQueries
from services.mentors.store import CONSULTATIONS, MENTEES, MENTOR_YEARS, MENTORS, RESIDENCES, SPACES, MentorsStore
from tests.mentors import samples
from tests.mentors.report.samples import (
    DOCK,
    FENGMAN,
    HIGH_TECH,
    HUB,
    LONGTAN,
    NINE,
    ZONE,
    Books,
    answers_of,
    service,
    session,
)
from tests.support.store_fixtures import insert

PLACES = ((HUB, LONGTAN, ""), (DOCK, LONGTAN, HIGH_TECH), ("", FENGMAN, ""), ("", "", ""))
YEAR, SPRING = Months(year=2026), Months(year=2026, first_month=3, last_month=5)
ALL = Selection()


def some_sessions(count: int, seed: int = 1) -> list[Consultation]:
    """Return sessions of a few mentors in two years, some of them with answers that do not count."""
    chance, found = random.Random(seed), list[Consultation]()
    for number in range(count):
        startups = chance.sample(range(6), chance.randint(1, 3))
        services = []
        for startup in startups:
            space, district, zone = chance.choice(PLACES)
            state = chance.choice([ServiceState.CONFIRMED, ServiceState.CONFIRMED, *ServiceState])
            services.append(service(f"startups/a{startup}", space, district, zone=zone, state=state))
        made = session(
            *services,
            start=NINE + timedelta(days=chance.randint(-60, 400), minutes=chance.randint(0, 1439)),
            minutes=chance.randint(15, 300),
            kind=chance.choice(list(Kind)),
            appointed=chance.random() < 0.8,
            name=f"consultations/c{number:04}",
            mentor=f"mentors/m{chance.randint(1, 3)}",
        )
        found.append(made)
    return found


async def fill(database: Database, held: list[Consultation]) -> ReportQueries:
    """Store consultations with the figures that follow from their confirmed services."""
    books = Books()
    confirmed = [(each, answer) for each, answer in answers_of(held) if answer.state is ServiceState.CONFIRMED]
    books.confirm_all(confirmed)
    await insert(database, CONSULTATIONS, held)
    await insert(database, MENTOR_YEARS, books.years.values())
    await insert(database, MENTEES, books.mentees.values())
    return ReportQueries(database, ZONE)


# --- service hours ----------------------------------------------------------------------------


@pytest.mark.parametrize("months", [YEAR, SPRING, Months(year=2027, first_month=1, last_month=1)])
async def test_tallies_and_consultations_agree(store: MentorsStore, months: Months) -> None:
    """The figures that were kept while startups confirmed are those that one counts afterwards, in every group."""
    queries = await fill(store.database, some_sessions(300))
    places: list[dict[str, str]] = [{}, {"space": HUB}, *({"district": each} for each in (LONGTAN, HIGH_TECH, FENGMAN))]
    groups = (None, GroupBy.MENTOR, GroupBy.KIND, GroupBy.MONTH, GroupBy.SPACE)
    for place, group_by, mentor in itertools.product(places, groups, (None, "mentors/m2")):
        only = Selection.model_validate({**place, "mentor": mentor})
        if group_by is GroupBy.SPACE and only.district:
            continue  # only consultations can answer this
        kept = await queries.tallied(months, group_by, only)
        assert kept == await queries.counted(months, group_by, only), (only, group_by)
        assert kept or months != YEAR


async def test_the_totals_of_startups_agree_with_their_consultations(store: MentorsStore) -> None:
    """What startups' documents hold for a year is what their consultations of that year add up to."""
    queries = await fill(store.database, some_sessions(300))
    for year in (2026, 2027):
        totals = await queries.startup_totals(Months(year=year))
        assert totals == await queries.counted(Months(year=year), GroupBy.STARTUP, ALL)
        assert totals


async def test_filters_hold_together(store: MentorsStore) -> None:
    """A space and a district select the services that lie in both, and the session counts once."""
    held = session(
        service("startups/a1", HUB, LONGTAN),
        service("startups/a2", HUB, FENGMAN),
        service("startups/a3", DOCK, LONGTAN),
    )
    queries = await fill(store.database, [held])
    found = await queries.counted(YEAR, None, Selection(space=HUB, district=LONGTAN))
    assert (found[""].sessions, found[""].services, found[""].minutes) == (1, 1, 45)
    by_space = await queries.counted(YEAR, GroupBy.SPACE, Selection(district=LONGTAN))
    assert {space: each.services for space, each in by_space.items()} == {HUB: 1, DOCK: 1}


async def test_months_are_named_with_their_year(store: MentorsStore) -> None:
    """The keys of months sort as time passes."""
    queries = await fill(store.database, some_sessions(200))
    expected = [f"2026-{month:02}" for month in range(1, 13)]
    assert sorted(await queries.tallied(YEAR, GroupBy.MONTH, ALL)) == expected


async def test_more_groups_than_a_report_holds_are_noticed(store: MentorsStore) -> None:
    """A report reads one group more than it may have, and is refused then."""
    rows = [{"_id": f"startups/a{number}", "years": [total(2026)]} for number in range(MAX_ROWS + 5)]
    await store.database.collection("mentees").insert_many(rows)
    groups = await ReportQueries(store.database, ZONE).startup_totals(YEAR)
    assert len(groups) == MAX_ROWS + 1
    with pytest.raises(Precondition):
        ensure_bounded(len(groups))


def total(year: int) -> dict[str, int]:
    """Return the totals of a year as a document holds them."""
    return {"year": year, "sessions": 1, "minutes": 45, "appointed_sessions": 1, "appointed_minutes": 45}


# --- sessions ---------------------------------------------------------------------------------


async def test_recorded_sessions_are_read_as_the_rules_need_them(store: MentorsStore) -> None:
    """Sessions on record of the city's year, with confirmed services, those to tenants, and kinds of evidence."""
    photo = Evidence(kind=EvidenceKind.PHOTO, link="https://files.example.org/1", sha256="0a" * 32)
    services = (service("startups/a1"), service("startups/a2", ""), service("startups/a3", state=ServiceState.PENDING))
    held = session(*services, start=datetime(2026, 12, 31, 15, 59, tzinfo=UTC)).with_(evidence=(photo,))
    next_year = session(*services, start=datetime(2026, 12, 31, 16, tzinfo=UTC), name="consultations/c2")
    cancelled = session(*services, name="consultations/c3").with_(state=State.CANCELLED)
    queries = await fill(store.database, [held, next_year, cancelled])
    found = await queries.sessions([held.mentor, "mentors/other"], YEAR)
    (only,) = found[held.mentor]
    assert (only.consultation, only.date, only.minutes) == (held.name, date(2026, 12, 31), 45)
    assert (only.services, only.tenant_services, only.evidence) == (2, 1, frozenset({EvidenceKind.PHOTO}))
    assert "mentors/other" not in found


async def test_startups_served_are_counted_once_and_only_under_an_appointment(store: MentorsStore) -> None:
    """Two sessions with one startup make one startup; a session without an appointment makes none."""
    held = [
        session(service("startups/a1")),
        session(service("startups/a1"), service("startups/a2"), name="consultations/c2"),
        session(service("startups/a3"), appointed=False, name="consultations/c3"),
        session(service("startups/a4", state=ServiceState.REJECTED), name="consultations/c4"),
    ]
    queries = await fill(store.database, held)
    assert await queries.startups_served(held[0].mentor, YEAR) == 2
    assert await queries.startups_served("mentors/other", YEAR) == 0


# --- coverage ---------------------------------------------------------------------------------


def residence(startup: str, *stays: tuple[str, date, date | None]) -> Residence:
    """Return the stays of a startup."""
    held = (
        Stay(tenancy=f"{space}/tenancies/{number}", sequence=1, space=space, start_date=start, end_date=end)
        for number, (space, start, end) in enumerate(stays)
    )
    return Residence(name=startup, stays=tuple(held))


async def test_tenants_are_those_of_the_day(store: MentorsStore) -> None:
    """The first day of a stay counts and the end date does not; an open stay counts; a later one does not yet."""
    today, later, before = date(2026, 11, 24), date(2026, 11, 25), date(2025, 1, 1)
    await insert(
        store.database,
        RESIDENCES,
        [
            residence("startups/open", (HUB, before, None)),
            residence("startups/first", (HUB, today, later)),
            residence("startups/gone", (HUB, before, today)),
            residence("startups/coming", (HUB, later, None)),
            residence("startups/never", (HUB, today, today)),
            residence("startups/moved", (DOCK, today, None), (HUB, before, today)),
        ],
    )
    queries = CoverageQueries(store.database)
    expected = {HUB: {"startups/open", "startups/first"}, DOCK: {"startups/moved"}}
    assert await queries.tenants(None, today) == expected
    assert await queries.tenants([HUB], today) == {HUB: expected[HUB]}
    everybody = await queries.tenants(None, today)
    assert all(space in everybody for space in (HUB, DOCK))


async def test_who_was_served_and_by_whom(store: MentorsStore) -> None:
    """Startups with a confirmed consultation in the year; mentors who are appointed, and nobody else."""
    await fill(store.database, [session(service("startups/a1")), session(service("startups/a2"), name="c/2")])
    coverage = CoverageQueries(store.database)
    assert await coverage.served(2026, None) == {"startups/a1", "startups/a2"}
    assert await coverage.served(2026, ["startups/a2", "startups/a3"]) == {"startups/a2"}
    assert await coverage.served(2025, None) == set()
    mentors = [samples.mentor(), samples.mentor(name="mentors/m2", state=MentorState.SUSPENDED)]
    await insert(store.database, MENTORS, mentors)
    (corps,) = await coverage.corps()
    assert (corps.mentor, corps.appointers_on(samples.TODAY)) == ("mentors/m1", frozenset({"spaces/s1"}))


async def test_spaces_are_selected_by_district_or_zone(store: MentorsStore) -> None:
    """A district selects by where the space lies, a zone likewise."""
    await insert(store.database, SPACES, [samples.space(HUB), samples.space(DOCK, district=FENGMAN, zone=HIGH_TECH)])
    queries = CoverageQueries(store.database)
    expected: list[tuple[str | None, str, set[str]]] = [
        (None, "", {HUB, DOCK}),
        (HUB, "", {HUB}),
        (None, FENGMAN, {DOCK}),
        (None, HIGH_TECH, {DOCK}),
        (HUB, FENGMAN, set()),
    ]
    for name, district, found in expected:
        assert set(await queries.spaces(name, district)) == found


# --- what reports cost ------------------------------------------------------------------------


async def test_reports_read_along_an_index(store: MentorsStore) -> None:
    """A report about one mentor, space, district or month reads about as many documents as it is about."""
    held = some_sessions(2000)
    rare = [
        each.with_(mentor="mentors/rare", services=(service("startups/rare", "spaces/rare", "districts/220221"),))
        for each in held[::100]
    ]
    rare = [each.with_(spaces=("spaces/rare",), districts=("districts/220221",)) for each in rare]
    names = {each.name for each in rare}
    queries = await fill(store.database, [each for each in held if each.name not in names] + rare)
    calls: list[Awaitable[Any]] = [
        queries.counted(YEAR, GroupBy.STARTUP, Selection(mentor="mentors/rare")),
        queries.counted(YEAR, GroupBy.STARTUP, Selection(space="spaces/rare")),
        queries.counted(YEAR, GroupBy.STARTUP, Selection(district="districts/220221")),
        queries.sessions(["mentors/rare"], YEAR),
        queries.consultations(YEAR, Selection(space="spaces/rare")),
        queries.tallied(YEAR, None, Selection(space="spaces/rare")),
        queries.tallied(YEAR, GroupBy.MENTOR, ALL),
        CoverageQueries(store.database).served(2026, ["startups/rare"]),
    ]
    await store.database.handle.command("profile", 2)
    for call in calls:
        assert await call
    await store.database.handle.command("profile", 0)
    where = {"ns": {"$not": {"$regex": "system"}}, "planSummary": {"$exists": True}}
    records = await store.database.collection("system.profile").find(where).to_list(None)
    assert len(records) == len(calls)
    assert not [each["planSummary"] for each in records if "COLLSCAN" in each["planSummary"]]
    assert max(each["docsExamined"] for each in records) <= 2 * len(rare)


async def test_the_year_of_a_city_is_read_from_an_index_alone(store: MentorsStore) -> None:
    """The report of a year, as a whole or by mentors, opens no document."""
    queries = await fill(store.database, some_sessions(50))
    await store.database.handle.command("profile", 2)
    for group_by in (None, GroupBy.MENTOR):
        assert await queries.tallied(YEAR, group_by, ALL)
    await store.database.handle.command("profile", 0)
    where = {"ns": {"$regex": "mentor_years"}, "planSummary": {"$exists": True}}
    records = await store.database.collection("system.profile").find(where).to_list(None)
    assert [each["docsExamined"] for each in records] == [0, 0]
