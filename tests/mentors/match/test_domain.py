"""Matching: written cases of rankings and their reasons, and what holds for all of them."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.domain.errors import Invalid
from services.mentors.domain.candidate import Candidate, Record
from services.mentors.domain.match import Match, ReasonCode, prospects, rank, score, undecided
from services.mentors.domain.matching import MatchingSection, MatchWeights
from services.mentors.domain.mentor import Format
from services.mentors.domain.need import MatchMentors, Need, Sought, sought
from services.mentors.domain.startup import Stage
from tests.mentors.samples import FENGMAN, HIGH_TECH, LONGTAN, MENTORS_PROFILE, VOCABULARY, mentor, space, startup

#: Weights of the written cases, so that these do not depend on the city's profile.
RULES = MatchingSection(
    source="written cases",
    full_sessions=10,
    min_ratings=2,
    officer_roles=("founder",),
    weights=MatchWeights(
        technology_field=20,
        industry_chain=10,
        skill=20,
        language=10,
        stage=6,
        format=4,
        space=8,
        district=2,
        load=10,
        results=6,
        rating=4,
    ),
)
SKILLS = ("fundraising", "export", "branding", "product-development")
FIELDS = ("new-materials", "aerospace", "other")
some = settings(max_examples=60)


def candidate(name: str = "m1", **fields: Any) -> Candidate:
    """Return a mentor without anything that is sought, unless fields give it."""
    return Candidate(**{"name": f"mentors/{name}", "district": FENGMAN, **fields})


def points(who: Candidate, seeking: Sought, record: Record | None = None) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return the points and values of each reason, after checking that they add up to the score."""
    found = score(who, record or Record(), seeking, RULES)
    assert found.score == sum(reason.points for reason in found.reasons)
    assert [reason.points for reason in found.reasons] == sorted((r.points for r in found.reasons), reverse=True)
    return {reason.code: (reason.points, reason.values) for reason in found.reasons}


def ranking(
    candidates: list[Candidate], records: dict[str, Record], seeking: Sought, limit: int
) -> list[tuple[str, int]]:
    """Return the names and scores of the best, after reading every record."""
    known = {each.name: records.get(each.name, Record()) for each in candidates}
    best = rank(prospects(candidates, seeking, RULES), known, RULES, limit)
    return [(each.name.removeprefix("mentors/"), score(each, known[each.name], seeking, RULES).score) for each in best]


# --- what is sought ---------------------------------------------------------------------------


def test_a_startup_seeks_what_it_is() -> None:
    """Without a need, the startup's own field, chain and stage are sought, and its space and their districts."""
    firm = startup(stage="FIRM", industry_chain="aviation")
    found = sought(Need(), firm, space(district=FENGMAN, zone=HIGH_TECH))
    assert (found.technology_field, found.industry_chain, found.stage) == ("new-materials", "aviation", "FIRM")
    assert (found.space, sorted(found.districts)) == ("spaces/s1", [LONGTAN, FENGMAN, HIGH_TECH])
    assert (found.skills, found.languages, found.formats) == ((), (), ())


def test_a_need_goes_before_the_description_of_the_startup() -> None:
    """A field that the need gives is sought instead of the startup's; the others stay."""
    need = Need(technology_field="aerospace", stage=Stage.FIRM, district=FENGMAN, skills=("export", "export"))
    found = sought(need, startup(industry_chain="aviation"), None)
    assert (found.technology_field, found.industry_chain, found.stage) == ("aerospace", "aviation", "FIRM")
    assert (list(found.districts), found.skills) == ([FENGMAN], ("export",))


def test_a_need_alone_seeks_nothing_else() -> None:
    """Without a startup only the need counts."""
    assert sought(Need(skills=("export",)), None, None) == Sought(skills=("export",))
    assert sought(Need(skills=("export",)), None, None).has_subject
    assert not sought(Need(languages=("en",), stage=Stage.TEAM), None, None).has_subject


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (MatchMentors(), "startup"),
        (MatchMentors(need=Need(technology_field="alchemy")), "need.technology_field"),
        (MatchMentors(need=Need(industry_chain="alchemy")), "need.industry_chain"),
        (MatchMentors(need=Need(skills=("export", "alchemy"))), "need.skills[1]"),
        (MatchMentors(need=Need(district="districts/110000")), "need.district"),
    ],
)
def test_a_query_names_something_that_the_city_knows(query: MatchMentors, field: str) -> None:
    """A query without a startup and a need, and codes that the profile does not have, are refused by their field."""
    with pytest.raises(Invalid) as refusal:
        query.ensure_valid(VOCABULARY)
    assert [violation.field for violation in refusal.value.violations] == [field]


@pytest.mark.parametrize("query", [MatchMentors(startup="startups/a1"), MatchMentors(need=Need(district=HIGH_TECH))])
def test_a_startup_or_a_need_suffices(query: MatchMentors) -> None:
    """Each alone is a query, and a need may consist of one field; ten matches are returned unless more are wanted."""
    query.ensure_valid(VOCABULARY)
    assert query.limit == 10


# --- written cases of scores ------------------------------------------------------------------

CASES: dict[str, tuple[dict[str, Any], Need, dict[str, tuple[int, tuple[str, ...]]]]] = {
    "field": (
        {"technology_fields": ("new-materials", "aerospace")},
        Need(technology_field="aerospace"),
        {"TECHNOLOGY_FIELD": (20, ("aerospace",))},
    ),
    "chain": (
        {"industry_chains": ("aviation",)},
        Need(industry_chain="aviation"),
        {"INDUSTRY_CHAIN": (10, ("aviation",))},
    ),
    "all-skills": ({"skills": SKILLS}, Need(skills=SKILLS[:2]), {"SKILL": (20, SKILLS[:2])}),
    "two-skills-of-three": ({"skills": SKILLS[1:3]}, Need(skills=SKILLS[:3]), {"SKILL": (13, SKILLS[1:3])}),
    "any-language": ({"languages": ("zh", "en")}, Need(languages=("en", "ko")), {"LANGUAGE": (10, ("en",))}),
    "stage": ({"stages": (Stage.TEAM,)}, Need(stage=Stage.TEAM), {"STAGE": (6, ("TEAM",))}),
    "any-format": (
        {"formats": (Format.PHONE, Format.VIDEO)},
        Need(formats=(Format.ON_SITE, Format.VIDEO)),
        {"FORMAT": (4, ("VIDEO",))},
    ),
    "district": ({"district": LONGTAN}, Need(district=LONGTAN), {"DISTRICT": (2, (LONGTAN,))}),
    "nothing": (
        {"skills": SKILLS[:1], "languages": ("zh",), "stages": (Stage.TEAM,), "formats": (Format.PHONE,)},
        Need(skills=SKILLS[1:], languages=("en",), stage=Stage.FIRM, formats=(Format.VIDEO,), district=LONGTAN),
        {},
    ),
}


@pytest.mark.parametrize(("fields", "need", "expected"), CASES.values(), ids=CASES.keys())
def test_each_reason_names_what_it_rests_on(
    fields: dict[str, Any], need: Need, expected: dict[str, tuple[int, tuple[str, ...]]]
) -> None:
    """A reason yields the points of its weight and the values that the mentor shares with what is sought."""
    assert points(candidate(**fields), sought(need, None, None)) == expected


def test_the_space_of_the_startup_counts() -> None:
    """A mentor whom the startup's space has appointed has its points; the district of the space counts besides."""
    seeking = sought(Need(), startup(technology_field=""), space(district=FENGMAN))
    found = points(candidate(spaces=("spaces/s1", "spaces/s2")), seeking)
    assert found == {"SPACE": (8, ("spaces/s1",)), "DISTRICT": (2, (FENGMAN,))}


@pytest.mark.parametrize(
    ("booked", "offered", "expected"),
    [
        (0, 600, (10, ("0", "600"))),
        (90, 600, (8, ("90", "600"))),
        (600, 600, (0, ("600", "600"))),
        (900, 600, (0, ("900", "600"))),
    ],
)
def test_the_load_is_what_is_booked_of_the_offered_minutes(
    booked: int, offered: int, expected: tuple[int, tuple[str, ...]]
) -> None:
    """The points are the free share of the month; a full month is named and yields none."""
    who = candidate(offered_minutes_per_month=offered)
    assert points(who, Sought(), Record(booked_minutes=booked)) == {"LOAD": expected}


def test_a_mentor_who_offers_no_hours_has_no_load() -> None:
    """Without an offer nobody knows how much time is left."""
    assert points(candidate(), Sought(), Record(booked_minutes=60)) == {}


@pytest.mark.parametrize(("sessions", "expected"), [(1, 0), (5, 3), (10, 6), (40, 6)])
def test_results_count_up_to_the_full_number(sessions: int, expected: int) -> None:
    """Ten sessions yield the full weight; more do not yield more."""
    assert points(candidate(), Sought(), Record(sessions=sessions)) == {"RESULTS": (expected, (str(sessions),))}


@pytest.mark.parametrize(
    ("ratings", "total", "expected"),
    [(2, 2, (0, ("1.0", "2"))), (2, 6, (2, ("3.0", "2"))), (3, 14, (3, ("4.6", "3"))), (2, 10, (4, ("5.0", "2")))],
)
def test_ratings_count_by_their_average(ratings: int, total: int, expected: tuple[int, tuple[str, ...]]) -> None:
    """One star yields nothing and five the full weight."""
    record = Record(ratings=ratings, rating_sum=total)
    assert points(candidate(), Sought(), record) == {"RATING": expected}


def test_too_few_ratings_say_nothing() -> None:
    """A single rating is no average."""
    assert points(candidate(), Sought(), Record(ratings=1, rating_sum=5)) == {}


def test_a_mentor_who_meets_everything_scores_100() -> None:
    """The weights add up to 100, by the written cases and by the city's profile."""
    who = candidate(
        technology_fields=("new-materials",),
        industry_chains=("aviation",),
        skills=SKILLS,
        languages=("zh",),
        stages=(Stage.TEAM,),
        formats=(Format.VIDEO,),
        spaces=("spaces/s1",),
        district=LONGTAN,
        offered_minutes_per_month=600,
    )
    need = Need(skills=SKILLS, languages=("zh",), formats=(Format.VIDEO,))
    seeking = sought(need, startup(industry_chain="aviation"), space())
    record = Record(sessions=12, ratings=4, rating_sum=20)
    for rules in (RULES, MENTORS_PROFILE.matching):
        match = score(who, record, seeking, rules)
        assert match.score == 100
        assert {reason.code for reason in match.reasons} == set(ReasonCode)


def test_weights_that_do_not_add_up_are_refused() -> None:
    """A profile whose weights add up to anything but 100 is wrong."""
    weights = dict(RULES.weights) | {"rating": 5}
    with pytest.raises(ValueError, match="101"):
        MatchWeights(**weights)


# --- rankings ---------------------------------------------------------------------------------


def test_the_better_match_comes_first_and_names_decide_ties() -> None:
    """By score, then by name."""
    by_name = [candidate(name, technology_fields=("aerospace",)) for name in ("m3", "m1")]
    better = candidate("m9", technology_fields=("aerospace",), skills=("export",))
    seeking = sought(Need(technology_field="aerospace", skills=("export",)), None, None)
    assert ranking([*by_name, better, candidate("m2")], {}, seeking, 3) == [("m9", 40), ("m1", 20), ("m3", 20)]


def test_time_left_decides_between_equals() -> None:
    """Of two mentors who suit alike, the one with more time left this month comes first."""
    pair = [candidate(name, technology_fields=("aerospace",), offered_minutes_per_month=600) for name in ("m1", "m2")]
    records = {"mentors/m1": Record(booked_minutes=540), "mentors/m2": Record(booked_minutes=60)}
    found = ranking(pair, records, sought(Need(technology_field="aerospace"), None, None), 10)
    assert found == [("m2", 29), ("m1", 21)]


def test_a_match_names_the_mentor() -> None:
    """The name that people read is the mentor's, and the reasons are those of the score."""
    who = mentor(technology_fields=("aerospace",))
    scored = score(Candidate.of(who), Record(), sought(Need(technology_field="aerospace"), None, None), RULES)
    match = Match.of(who, scored)
    assert (match.mentor, match.mentor_display_name) == (who.name, who.display_name)
    assert (match.score, match.reasons) == (20, scored.reasons)


# --- properties -------------------------------------------------------------------------------


def subsets(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the values."""
    return st.lists(st.sampled_from(values), unique=True).map(tuple)


@st.composite
def needs(draw: st.DrawFn) -> Sought:
    """Something that is sought, or nothing."""
    need = Need(
        technology_field=draw(st.sampled_from(("", *FIELDS))),
        skills=draw(subsets(SKILLS)),
        languages=draw(subsets(("zh", "en"))),
        stage=draw(st.sampled_from([None, *Stage])),
        district=draw(st.sampled_from(("", LONGTAN, FENGMAN))),
    )
    return sought(need, None, None)


@st.composite
def corps(draw: st.DrawFn) -> tuple[list[Candidate], dict[str, Record]]:
    """Some mentors with records, of which some have none."""
    mentors, records = list[Candidate](), dict[str, Record]()
    for number in range(draw(st.integers(0, 8))):
        who = candidate(
            f"m{number}",
            technology_fields=draw(subsets(FIELDS)),
            skills=draw(subsets(SKILLS)),
            languages=draw(subsets(("zh", "en"))),
            stages=tuple(draw(st.lists(st.sampled_from(list(Stage)), unique=True))),
            offered_minutes_per_month=draw(st.sampled_from((0, 60, 600))),
        )
        mentors.append(who)
        if draw(st.booleans()):
            ratings = draw(st.integers(0, 4))
            rating_sum = draw(st.integers(ratings, 5 * ratings))
            booked, sessions = draw(st.integers(0, 700)), draw(st.integers(0, 30))
            records[who.name] = Record(booked_minutes=booked, sessions=sessions, ratings=ratings, rating_sum=rating_sum)
    return mentors, records


@some
@given(corps(), needs(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_order_of_the_candidates_does_not_matter(
    known: tuple[list[Candidate], dict[str, Record]], seeking: Sought, chance: Random, limit: int
) -> None:
    """The same mentors give the same ranking, however the database returns them."""
    mentors, records = known
    again = chance.sample(mentors, len(mentors))
    assert ranking(again, records, seeking, limit) == ranking(mentors, records, seeking, limit)


@some
@given(corps(), needs(), st.integers(1, 5), st.integers(1, 3))
def test_reading_records_in_rounds_gives_the_ranking_of_all(
    known: tuple[list[Candidate], dict[str, Record]], seeking: Sought, limit: int, size: int
) -> None:
    """Whoever is not undecided cannot be among the first, whatever the record says, so that it need not be read."""
    mentors, records = known
    read, hopeful = dict[str, Record](), prospects(mentors, seeking, RULES)
    while waiting := undecided(hopeful, read, RULES, limit):
        read |= {each.name: records.get(each.name, Record()) for each in waiting[:size]}
    found = rank(hopeful, read, RULES, limit)
    assert [each.name.removeprefix("mentors/") for each in found] == [
        name for name, _ in ranking(mentors, records, seeking, limit)
    ]


def test_records_of_hopeless_candidates_are_not_read() -> None:
    """Once the best are known, those who cannot reach them are decided without their records."""
    best, other = candidate("m1", technology_fields=("aerospace",), skills=SKILLS), candidate("m2")
    seeking = sought(Need(technology_field="aerospace", skills=SKILLS), None, None)
    hopeful = prospects([other, best], seeking, RULES)
    assert [each.name for each in undecided(hopeful, {}, RULES, 1)] == ["mentors/m1", "mentors/m2"]
    assert undecided(hopeful, {"mentors/m1": Record()}, RULES, 1) == ()


@some
@given(corps(), needs())
def test_no_score_leaves_0_to_100(known: tuple[list[Candidate], dict[str, Record]], seeking: Sought) -> None:
    """No reason takes points away or yields more than its weight."""
    weights = dict(RULES.weights)
    for who in known[0]:
        found = score(who, known[1].get(who.name, Record()), seeking, RULES)
        assert 0 <= found.score <= 100
        assert all(0 <= reason.points <= weights[reason.code.lower()] for reason in found.reasons)


ADDITIONS: dict[str, Callable[[Candidate, str], dict[str, Any]]] = {
    "skill": lambda who, skill: {"skills": (*who.skills, skill)},
    "field": lambda who, _: {"technology_fields": (*who.technology_fields, FIELDS[0])},
    "language": lambda who, _: {"languages": (*who.languages, "en")},
}


@pytest.mark.parametrize("add", ADDITIONS.values(), ids=ADDITIONS.keys())
@some
@given(corps(), needs(), st.sampled_from(SKILLS))
def test_knowing_more_never_lowers_the_score(
    add: Callable[[Candidate, str], dict[str, Any]],
    known: tuple[list[Candidate], dict[str, Record]],
    seeking: Sought,
    skill: str,
) -> None:
    """A mentor who has one skill, field or language more scores the same or more."""
    for who in known[0]:
        before, record = who, known[1].get(who.name, Record())
        after = who.model_copy(update=add(who, skill))
        assert score(after, record, seeking, RULES).score >= score(before, record, seeking, RULES).score


@some
@given(corps(), st.integers(0, 600), st.integers(1, 300))
def test_a_fuller_month_never_raises_the_score(
    known: tuple[list[Candidate], dict[str, Record]], booked: int, more: int
) -> None:
    """A mentor with more booked minutes scores the same or less."""
    for who in known[0]:
        less, fuller = Record(booked_minutes=booked), Record(booked_minutes=booked + more)
        assert score(who, fuller, Sought(), RULES).score <= score(who, less, Sought(), RULES).score
