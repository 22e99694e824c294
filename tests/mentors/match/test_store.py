"""What matching reads: candidates by what is sought, and records by an index alone."""

from datetime import datetime, timedelta

import pytest

from libs.common.store.database import Database
from services.mentors.domain.candidate import Candidate, Record
from services.mentors.domain.consultation import OCCUPYING, Consultation, Kind, State
from services.mentors.domain.mentor import Format, Mentor
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.mentor_year import MentorYear, Tally
from services.mentors.domain.need import Need, Sought, sought
from services.mentors.domain.startup import Stage
from services.mentors.match_queries import MatchQueries
from services.mentors.store import CONSULTATIONS, MENTOR_YEARS, MENTORS, MentorsStore
from tests.mentors.samples import LONGTAN, NOW, TODAY, ZONE, mentor, term
from tests.support.store_fixtures import insert, query_plans


@pytest.fixture
def queries(store: MentorsStore) -> MatchQueries:
    """The reads of matching on the database."""
    return MatchQueries(store.database, ZONE)


def named(who: str, **fields: object) -> Mentor:
    """Return an appointed mentor with a name of its own."""
    return mentor(name=f"mentors/{who}").with_(**fields)


async def found(queries: MatchQueries, seeking: Sought) -> list[str]:
    """Return the names of the candidates without their collection."""
    return sorted(each.name.removeprefix("mentors/") for each in await queries.candidates(seeking, TODAY))


# --- candidates -------------------------------------------------------------------------------


EVERYTHING = Sought(
    technology_field="new-materials",
    industry_chain="aviation",
    skills=("fundraising",),
    languages=("zh",),
    stage="TEAM",
    formats=("PHONE",),
    districts=frozenset({LONGTAN}),
    space="spaces/s1",
)


async def test_a_candidate_is_read_as_it_was_stored(queries: MatchQueries, database: Database) -> None:
    """Every field that is sought is read, and what is not sought is not."""
    who = named(
        "m1",
        industry_chains=("aviation",),
        stages=(Stage.TEAM,),
        formats=(Format.PHONE,),
        offered_minutes_per_month=480,
    )
    await insert(database, MENTORS, [who])
    [candidate] = await queries.candidates(EVERYTHING, TODAY)
    assert Candidate.model_validate(dict(candidate)) == Candidate.of(who)
    [candidate] = await queries.candidates(Sought(), TODAY)
    assert candidate == Candidate(name="mentors/m1", offered_minutes_per_month=480)


async def test_a_mentor_who_was_stored_before_a_field_existed_is_read(
    queries: MatchQueries, database: Database
) -> None:
    """A field that an old document lacks has its default."""
    await insert(database, MENTORS, [named("m1")])
    await database.collection("mentors").update_many({}, {"$unset": {"stages": 1, "industry_chains": 1}})
    [candidate] = await queries.candidates(EVERYTHING, TODAY)
    assert (candidate.stages, candidate.industry_chains) == ((), ())


async def test_only_mentors_appointed_today_are_candidates(queries: MatchQueries, database: Database) -> None:
    """A term includes its first day and not its end date; suspended, retired and nominated mentors are left out."""
    await insert(
        database,
        MENTORS,
        [
            named("today", appointments=(term(0, 1),)),
            named("second", appointments=(term(-900, -30), term(-30, 30))),
            named("ended", appointments=(term(-30, 0),)),
            named("tomorrow", appointments=(term(1, 30),)),
            named("between", appointments=(term(-30, 0), term(1, 30))),
            named("suspended", state=MentorState.SUSPENDED),
            named("retired", state=MentorState.RETIRED),
            named("nominated", appointments=(), state=MentorState.NOMINATED),
        ],
    )
    assert await found(queries, Sought()) == ["second", "today"]


async def test_a_candidate_has_part_of_the_subject(queries: MatchQueries, database: Database) -> None:
    """Of field, chain and skills one suffices; without a subject everybody is a candidate."""
    blank = {"technology_fields": (), "skills": ()}
    await insert(
        database,
        MENTORS,
        [
            named("field", **blank | {"technology_fields": ("aerospace", "other")}),
            named("chain", **blank | {"industry_chains": ("aviation",)}),
            named("skill", **blank | {"skills": ("export", "branding")}),
            named("none", **blank),
        ],
    )
    need = Need(technology_field="aerospace", industry_chain="aviation", skills=("fundraising", "export"))
    assert await found(queries, sought(need, None, None)) == ["chain", "field", "skill"]
    assert await found(queries, sought(Need(skills=("branding",)), None, None)) == ["skill"]
    assert await found(queries, sought(Need(languages=("en",)), None, None)) == ["chain", "field", "none", "skill"]


async def test_candidates_are_found_by_indexes(queries: MatchQueries, database: Database) -> None:
    """The query for a subject examines the mentors who have part of it, and no others."""
    others = [named(f"o{number}", technology_fields=("other",), skills=()) for number in range(60)]
    await insert(database, MENTORS, [named("m1", technology_fields=("aerospace",)), *others])
    need = Need(technology_field="aerospace", industry_chain="aviation", skills=("export",))
    async with query_plans(database, "mentors") as plans:
        assert await found(queries, sought(need, None, None)) == ["m1"]
    [plan] = plans
    assert plan.documents == 1, plan


# --- records ----------------------------------------------------------------------------------


def consultation(name: str, start: datetime, minutes: int, state: State = State.SCHEDULED) -> Consultation:
    """Return a consultation of the mentor m1."""
    return Consultation(
        name=f"consultations/{name}",
        version=1,
        mentor="mentors/m1",
        mentor_display_name="林江",
        startups=("startups/a1",),
        kind=Kind.CONSULTING,
        format=Format.VIDEO,
        topic="融资",
        start_time=start,
        end_time=start + timedelta(minutes=minutes),
        state=state,
    )


async def test_every_consultation_that_occupies_the_month_is_load(queries: MatchQueries, database: Database) -> None:
    """Requested, scheduled and held ones count with their minutes; those that were declined or cancelled do not."""
    await insert(database, CONSULTATIONS, [consultation(state.lower(), NOW, 30, state) for state in State])
    assert await queries.records(["mentors/m1"], TODAY) == {"mentors/m1": Record(booked_minutes=30 * len(OCCUPYING))}


async def test_the_month_is_that_of_the_city(queries: MatchQueries, database: Database) -> None:
    """It begins and ends at midnight in the city, where the last hours of a month in UTC belong to the next."""
    first, last = datetime(2026, 11, 1, tzinfo=ZONE), datetime(2026, 11, 30, 23, 30, tzinfo=ZONE)
    hour = timedelta(hours=1)
    await insert(
        database,
        CONSULTATIONS,
        [
            consultation("before", first - hour, 1),
            consultation("first", first, 10),
            consultation("last", last, 100),
            consultation("after", last + hour, 1000),
        ],
    )
    assert (await queries.records(["mentors/m1"], TODAY))["mentors/m1"].booked_minutes == 110


async def test_the_month_of_december_ends_with_the_year(queries: MatchQueries, database: Database) -> None:
    """The month after December is January of the next year."""
    start = datetime(2026, 12, 31, 10, tzinfo=ZONE)
    await insert(
        database, CONSULTATIONS, [consultation("dec", start, 45), consultation("jan", start.replace(year=2027), 1)]
    )
    assert (await queries.records(["mentors/m1"], start.date()))["mentors/m1"].booked_minutes == 45


async def test_results_are_those_of_this_and_the_last_year(queries: MatchQueries, database: Database) -> None:
    """Sessions and ratings of two calendar years are added up, over months and kinds; older ones do not count."""

    def year(number: int, sessions: tuple[int, ...], ratings: int, rating_sum: int) -> MentorYear:
        return MentorYear(
            name=f"mentors/m1/years/{number}",
            mentor="mentors/m1",
            year=number,
            tallies=tuple(Tally(month=month, kind="COACHING", sessions=each) for month, each in enumerate(sessions, 1)),
            places=(Tally(month=1, kind="COACHING", space="spaces/s1", sessions=99),),
            sessions=sum(sessions),
            ratings=ratings,
            rating_sum=rating_sum,
        )

    years = [year(2024, (50,), 9, 9), year(2025, (1, 2), 2, 9), year(2026, (4,), 1, 5)]
    await insert(database, MENTOR_YEARS, years)
    expected = Record(sessions=7, ratings=3, rating_sum=14)
    assert await queries.records(["mentors/m1", "mentors/m2"], TODAY) == {
        "mentors/m1": expected,
        "mentors/m2": Record(),
    }


async def test_the_load_of_a_month_is_read_from_an_index(queries: MatchQueries, database: Database) -> None:
    """No document of a consultation is opened for it, and no entry of another month or mentor is examined."""
    other_month = [consultation(f"c{number}", NOW - timedelta(days=40 + number), 30) for number in range(60)]
    await insert(database, CONSULTATIONS, [consultation("now", NOW, 60), *other_month])
    await database.handle.command("profile", 2)
    assert (await queries.records(["mentors/m1"], TODAY))["mentors/m1"].booked_minutes == 60
    await database.handle.command("profile", 0)
    where = {"command.aggregate": "consultations", "op": "command"}
    [plan] = await database.collection("system.profile").find(where).to_list(None)
    assert (plan["docsExamined"], plan["keysExamined"] <= 3) == (0, True), plan["planSummary"]
