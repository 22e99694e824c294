"""Matching: which mentors suit a startup or a need, in what order, and why.

The score of a mentor is a sum of points, one number for each reason below. A reason yields at most its weight, which
the city's profile sets; the weights add up to 100.

TECHNOLOGY_FIELD, INDUSTRY_CHAIN, STAGE: the mentor has what is sought. SKILL: the share of the sought skills that the
mentor has. LANGUAGE, FORMAT: the mentor speaks one of the languages, or offers one of the formats; any will do. SPACE:
the space where the startup is a tenant has appointed the mentor. DISTRICT: the mentor works in the district of the
startup, or in the district or zone of its space. LOAD: the share of the month's offered minutes that is not booked.
RESULTS: the confirmed sessions of this and the last year, up to the number that the profile calls full. RATING: their
average between 1 and 5, from as many ratings as the profile wants.

Points are whole numbers, rounded down. Mentors with equal scores are in the order of their names, so the same data
always gives the same ranking. A mentor with a conflict of interest is excluded, whatever the score.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from heapq import nlargest
from typing import Annotated

from pydantic import Field, StringConstraints

from libs.common.domain.entity import Value
from libs.common.domain.errors import Invalid
from libs.common.domain.names import Code, DistrictName
from services.mentors.domain.candidate import Candidate, Record
from services.mentors.domain.conflict import Conflict, conflicts
from services.mentors.domain.matching import MatchingSection
from services.mentors.domain.mentor import Format, Language, Vocabulary
from services.mentors.domain.names import SpaceName, StartupName
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Stage, Startup

DEFAULT_MATCHES, MAX_MATCHES = 10, 50
MAX_EXCLUDED = 50


class Need(Value):
    """What is sought in a mentor. Empty fields are not sought."""

    technology_field: Code = ""
    industry_chain: Code = ""
    skills: Annotated[tuple[Annotated[Code, StringConstraints(min_length=1)], ...], Field(max_length=20)] = ()
    languages: Annotated[tuple[Language, ...], Field(max_length=20)] = ()
    stage: Stage | None = None
    formats: Annotated[tuple[Format, ...], Field(max_length=10)] = ()
    district: DistrictName = ""
    space: SpaceName | None = None

    def ensure_valid(self, vocabulary: Vocabulary) -> None:
        """Refuse codes that the city's profile does not have (MALFORMED)."""
        city = vocabulary.city
        if self.technology_field and self.technology_field not in city.technology_fields:
            raise Invalid.field("need.technology_field", "MALFORMED", "not a technology field of the city's profile")
        if self.industry_chain and self.industry_chain not in city.industry_chains:
            raise Invalid.field("need.industry_chain", "MALFORMED", "not an industry chain of the city's profile")
        for index, skill in enumerate(self.skills):
            if skill not in vocabulary.skills:
                raise Invalid.field(f"need.skills[{index}]", "MALFORMED", "not a skill of the city's profile")
        if self.district and self.district not in city.districts:
            raise Invalid.field("need.district", "MALFORMED", "not a district or zone of the city")


class MatchMentors(Value):
    """Find mentors for a startup, for a need, or for a startup with a need that goes before its description."""

    startup: StartupName | None = None
    need: Need = Need()
    max_matches: Annotated[int, Field(ge=0, le=MAX_MATCHES)] = 0

    @property
    def limit(self) -> int:
        """The largest number of matches to return."""
        return self.max_matches or DEFAULT_MATCHES

    def ensure_valid(self, vocabulary: Vocabulary) -> None:
        """Refuse a query that names neither a startup nor a need (REQUIRED), and unknown codes (MALFORMED)."""
        if self.startup is None and self.need == Need():
            raise Invalid.field("startup", "REQUIRED", "name a startup, a need, or both")
        self.need.ensure_valid(vocabulary)


class Sought(Value):
    """What is sought, after what is known of the startup was added."""

    startup: Startup | None = None
    technology_field: str = ""
    industry_chain: str = ""
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    stage: str = ""
    formats: tuple[str, ...] = ()
    districts: frozenset[str] = frozenset()
    space: str = ""

    @property
    def has_subject(self) -> bool:
        """Whether a field of technology, an industry chain or skills are sought."""
        return bool(self.technology_field or self.industry_chain or self.skills)


def sought(need: Need, startup: Startup | None, space: Space | None) -> Sought:
    """Return what a query seeks. A field that the need leaves empty is that of the startup, if one is given.

    `space` is the one that the need names, or else the one where the startup is a tenant.
    """
    near = (need.district or (startup.district if startup else ""), *((space.district, space.zone) if space else ()))
    return Sought(
        startup=startup,
        technology_field=need.technology_field or (startup.technology_field if startup else ""),
        industry_chain=need.industry_chain or (startup.industry_chain if startup else ""),
        skills=tuple(dict.fromkeys(need.skills)),
        languages=tuple(dict.fromkeys(need.languages)),
        stage=need.stage or (startup.stage if startup else ""),
        formats=tuple(dict.fromkeys(need.formats)),
        districts=frozenset(near) - {""},
        space=space.name if space else "",
    )


class ReasonCode(StrEnum):
    """Why a mentor suits; the module explains each."""

    TECHNOLOGY_FIELD = "TECHNOLOGY_FIELD"
    INDUSTRY_CHAIN = "INDUSTRY_CHAIN"
    SKILL = "SKILL"
    LANGUAGE = "LANGUAGE"
    STAGE = "STAGE"
    FORMAT = "FORMAT"
    SPACE = "SPACE"
    DISTRICT = "DISTRICT"
    LOAD = "LOAD"
    RESULTS = "RESULTS"
    RATING = "RATING"


class Reason(Value):
    """Why a mentor suits: the points that it adds to the score, and the values that it rests on.

    The values are what the mentor shares with what is sought; the booked and the offered minutes (LOAD); the number of
    sessions (RESULTS); the average and the number of ratings (RATING).
    """

    code: ReasonCode
    points: int
    values: tuple[str, ...]


class Match(Value):
    """A mentor who suits, with the reasons; the score is the sum of their points."""

    mentor: str
    mentor_display_name: str
    score: int
    reasons: tuple[Reason, ...]


class ExcludedMentor(Value):
    """A mentor who would be a candidate but for conflicts of interest."""

    mentor: str
    mentor_display_name: str
    conflicts: tuple[Conflict, ...]


class Matches(Value):
    """The best mentors, and those who were excluded, in the order of their names."""

    matches: tuple[Match, ...] = ()
    excluded: tuple[ExcludedMentor, ...] = ()


def separate(
    candidates: Iterable[Candidate], seeking: Sought, officer_roles: Collection[str]
) -> tuple[tuple[Candidate, ...], tuple[ExcludedMentor, ...]]:
    """Return the candidates without a conflict of interest, and the others with their conflicts, at most 50 of them."""
    if seeking.startup is None:
        return tuple(candidates), ()
    free: list[Candidate] = []
    excluded: list[ExcludedMentor] = []
    for candidate in candidates:
        if found := conflicts(candidate, seeking.startup, officer_roles):
            named = {"mentor": candidate.name, "mentor_display_name": candidate.display_name}
            excluded.append(ExcludedMentor(**named, conflicts=found))
        else:
            free.append(candidate)
    return tuple(free), tuple(sorted(excluded, key=lambda each: each.mentor)[:MAX_EXCLUDED])


def shortlist(
    candidates: Iterable[Candidate], seeking: Sought, rules: MatchingSection, limit: int
) -> tuple[Candidate, ...]:
    """Return the candidates who can be among the first `limit`, whatever their records are.

    Records then need to be read for these only. The ranking of the short list begins with the same `limit` mentors as
    that of all candidates.
    """
    known = [(_total(_fitting(candidate, seeking, rules)), candidate) for candidate in candidates]
    best = nlargest(limit, (points for points, _ in known))
    bar = best[-1] if len(best) == limit else 0
    return tuple(candidate for points, candidate in known if points + _open_points(candidate, rules) >= bar)


def rank(
    candidates: Iterable[Candidate],
    records: Mapping[str, Record],
    seeking: Sought,
    rules: MatchingSection,
    limit: int,
) -> tuple[Match, ...]:
    """Return the best matches, by score and then by name. A candidate without a record has done nothing yet."""
    nothing = Record()
    scored = (
        (-_total(_found(candidate, records.get(candidate.name, nothing), seeking, rules)), candidate.name, candidate)
        for candidate in candidates
    )
    best = sorted(scored, key=lambda each: each[:2])[:limit]
    return tuple(score(candidate, records.get(name, nothing), seeking, rules) for _, name, candidate in best)


def score(candidate: Candidate, record: Record, seeking: Sought, rules: MatchingSection) -> Match:
    """Return the score of one candidate with its reasons, those of most points first."""
    found = sorted(_found(candidate, record, seeking, rules), key=lambda each: -each[1])
    reasons = tuple(Reason(code=code, points=points, values=values) for code, points, values in found)
    return Match(
        mentor=candidate.name, mentor_display_name=candidate.display_name, score=_total(found), reasons=reasons
    )


#: A reason's code, points and values. Tuples, because every candidate has some and few become part of an answer.
_Found = tuple[ReasonCode, int, tuple[str, ...]]


def _found(candidate: Candidate, record: Record, seeking: Sought, rules: MatchingSection) -> Iterable[_Found]:
    yield from _fitting(candidate, seeking, rules)
    yield from _proven(candidate, record, rules)


def _total(found: Iterable[_Found]) -> int:
    return sum(points for _, points, _ in found)


def _fitting(candidate: Candidate, seeking: Sought, rules: MatchingSection) -> Iterable[_Found]:
    """Yield the reasons that rest on what the mentor is."""
    weights = rules.weights
    if seeking.technology_field and seeking.technology_field in candidate.technology_fields:
        yield ReasonCode.TECHNOLOGY_FIELD, weights.technology_field, (seeking.technology_field,)
    if seeking.industry_chain and seeking.industry_chain in candidate.industry_chains:
        yield ReasonCode.INDUSTRY_CHAIN, weights.industry_chain, (seeking.industry_chain,)
    if skills := _shared(seeking.skills, candidate.skills):
        yield ReasonCode.SKILL, weights.skill * len(skills) // len(seeking.skills), skills
    if languages := _shared(seeking.languages, candidate.languages):
        yield ReasonCode.LANGUAGE, weights.language, languages
    if seeking.stage and seeking.stage in candidate.stages:
        yield ReasonCode.STAGE, weights.stage, (seeking.stage,)
    if formats := _shared(seeking.formats, candidate.formats):
        yield ReasonCode.FORMAT, weights.format, formats
    if seeking.space and seeking.space in candidate.spaces:
        yield ReasonCode.SPACE, weights.space, (seeking.space,)
    if candidate.district in seeking.districts:
        yield ReasonCode.DISTRICT, weights.district, (candidate.district,)


def _shared(wanted: tuple[str, ...], held: Collection[str]) -> tuple[str, ...]:
    return tuple(each for each in wanted if each in held)


def _proven(candidate: Candidate, record: Record, rules: MatchingSection) -> Iterable[_Found]:
    """Yield the reasons that rest on what the mentor does and has done."""
    weights, offered = rules.weights, candidate.offered_minutes_per_month
    if offered:
        free = max(offered - record.booked_minutes, 0)
        yield ReasonCode.LOAD, weights.load * free // offered, (str(record.booked_minutes), str(offered))
    if record.sessions:
        counted = min(record.sessions, rules.full_sessions)
        yield ReasonCode.RESULTS, weights.results * counted // rules.full_sessions, (str(record.sessions),)
    if record.ratings >= rules.min_ratings:
        points = weights.rating * (record.rating_sum - record.ratings) // (4 * record.ratings)
        yield ReasonCode.RATING, points, (_average(record), str(record.ratings))


def _average(record: Record) -> str:
    """Return the average rating to one decimal, rounded down."""
    tenths = 10 * record.rating_sum // record.ratings
    return f"{tenths // 10}.{tenths % 10}"


def _open_points(candidate: Candidate, rules: MatchingSection) -> int:
    """Return the most points that the candidate's record can add."""
    weights = rules.weights
    return weights.results + weights.rating + (weights.load if candidate.offered_minutes_per_month else 0)
