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

What a mentor does and has done is costly to read, so the ranking goes on in rounds: `prospects` scores what all
candidates are, `undecided` names those whose records may still matter, and `rank` puts them in order once there is
nobody left.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest
from typing import Self

from libs.common.domain.entity import Value
from services.mentors.domain.candidate import Candidate, Record
from services.mentors.domain.conflict import Conflict
from services.mentors.domain.matching import MatchingSection
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.need import Sought


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


class Score(Value):
    """The score of a mentor: the sum of the points of the reasons."""

    score: int
    reasons: tuple[Reason, ...]


class Match(Score):
    """A mentor who suits."""

    mentor: str
    mentor_display_name: str

    @classmethod
    def of(cls, mentor: Mentor, scored: Score) -> Self:
        """Return the match with its score."""
        return cls(mentor=mentor.name, mentor_display_name=mentor.display_name, **dict(scored))


class ExcludedMentor(Value):
    """A mentor who would be among the matches but for conflicts of interest."""

    mentor: str
    mentor_display_name: str
    conflicts: tuple[Conflict, ...]

    @classmethod
    def of(cls, mentor: Mentor, found: tuple[Conflict, ...]) -> Self:
        """Return the mentor with its conflicts of interest."""
        return cls(mentor=mentor.name, mentor_display_name=mentor.display_name, conflicts=found)


class Matches(Value):
    """The best mentors, and those who were excluded, in the order of their names."""

    matches: tuple[Match, ...] = ()
    excluded: tuple[ExcludedMentor, ...] = ()


@dataclass(frozen=True, slots=True)
class Prospect:
    """A candidate with the points for what it is, and the most that its score can reach."""

    name: str
    candidate: Candidate
    points: int
    most: int


def prospects(candidates: Iterable[Candidate], seeking: Sought, rules: MatchingSection) -> tuple[Prospect, ...]:
    """Return the candidates as prospects, those who can reach most first."""
    found = []
    for candidate in candidates:
        points = _total(_fitting(candidate, seeking, rules))
        found.append(Prospect(candidate.name, candidate, points, points + _open_points(candidate, rules)))
    return tuple(sorted(found, key=lambda prospect: (-prospect.most, prospect.name)))


def undecided(
    hopeful: Iterable[Prospect], records: Mapping[str, Record], rules: MatchingSection, limit: int
) -> tuple[Prospect, ...]:
    """Return the prospects without a record who can still be among the first `limit`.

    Once there is none, the ranking of those with a record is the ranking of all.
    """
    hopeful = tuple(hopeful)
    best = nlargest(limit, (_reached(prospect, records, rules) for prospect in hopeful if prospect.name in records))
    bar = best[-1] if len(best) == limit else 0
    return tuple(prospect for prospect in hopeful if prospect.name not in records and prospect.most >= bar)


def rank(
    hopeful: Iterable[Prospect], records: Mapping[str, Record], rules: MatchingSection, limit: int
) -> tuple[Candidate, ...]:
    """Return the best of those with a record, by score and then by name."""
    scored = (
        (-_reached(prospect, records, rules), prospect.name, prospect.candidate)
        for prospect in hopeful
        if prospect.name in records
    )
    return tuple(candidate for _, _, candidate in sorted(scored, key=lambda each: each[:2])[:limit])


def score(candidate: Candidate, record: Record, seeking: Sought, rules: MatchingSection) -> Score:
    """Return the score of one candidate with its reasons, those of most points first."""
    found = (*_fitting(candidate, seeking, rules), *_proven(candidate, record, rules))
    reasons = tuple(
        Reason(code=code, points=points, values=values)
        for code, points, values in sorted(found, key=lambda each: -each[1])
    )
    return Score(score=_total(found), reasons=reasons)


#: A reason's code, points and values. Tuples, because every candidate has some and few become part of an answer.
_Found = tuple[ReasonCode, int, tuple[str, ...]]


def _reached(prospect: Prospect, records: Mapping[str, Record], rules: MatchingSection) -> int:
    return prospect.points + _total(_proven(prospect.candidate, records[prospect.name], rules))


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
    return tuple([each for each in wanted if each in held]) if wanted and held else ()


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
