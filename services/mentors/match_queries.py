"""What matching reads: the candidates and their records, with the few fields that it needs."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from libs.common.domain.dates import midnight
from libs.common.domain.entity import construct
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from services.mentors.domain.candidate import Candidate, Record
from services.mentors.domain.consultation import OCCUPYING
from services.mentors.domain.match import Sought
from services.mentors.domain.mentor import Affiliation, Holding, State
from services.mentors.domain.tally import year_name

#: What old documents lack.
_DEFAULTS = {
    kind: {name: field.default for name, field in kind.model_fields.items()}
    for kind in (Candidate, Affiliation, Holding)
}
P = TypeVar("P", Affiliation, Holding)
_FIELDS = dict.fromkeys(Candidate.model_fields.keys() - {"name"}, 1)
_MINUTES = {"$toInt": {"$floor": {"$divide": [{"$subtract": ["$end_time", "$start_time"]}, 60_000]}}}
_YEAR_FIELDS = {"mentor": 1, "ratings": 1, "rating_sum": 1, "sessions": {"$sum": "$tallies.sessions"}}


class MatchQueries:
    """Reads for matching. Nothing here looks at the caller's scope: the service does before it reads."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def candidates(self, seeking: Sought, today: date) -> list[Candidate]:
        """Return the mentors with a valid appointment today who are not suspended, and have part of the subject."""
        day = datetime(today.year, today.month, today.day, tzinfo=UTC)
        term = {"$elemMatch": {"start_date": {"$lte": day}, "end_date": {"$gt": day}}}
        where: Document = {"state": State.APPOINTED, "appointments": term}
        if seeking.has_subject:
            where["$or"] = list(_subject(seeking))
        rows = await self._database.collection("mentors").find(where, _FIELDS).to_list(None)
        return [_candidate(row) for row in rows]

    async def records(self, mentors: Sequence[str], today: date) -> dict[str, Record]:
        """Return the records of these mentors; one who has neither a booking nor a result is left out."""
        if not mentors:
            return {}
        booked = await self._booked_minutes(mentors, today)
        figures: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Record.model_fields, 0))
        for mentor, minutes in booked.items():
            figures[mentor]["booked_minutes"] = minutes
        names = [year_name(mentor, year) for mentor in mentors for year in (today.year, today.year - 1)]
        years = self._database.collection("mentor_years").find({"_id": {"$in": names}}, _YEAR_FIELDS)
        for row in await years.to_list(None):
            for field in ("sessions", "ratings", "rating_sum"):
                figures[row["mentor"]][field] += row[field]
        return {mentor: construct(Record, fields) for mentor, fields in figures.items()}

    async def _booked_minutes(self, mentors: Collection[str], today: date) -> dict[str, int]:
        """Return how much of the month's time of each mentor consultations occupy. An index holds all that it reads."""
        first = today.replace(day=1)
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        month = {"$gte": midnight(first, self._zone), "$lt": midnight(following, self._zone)}
        match = {"mentor": {"$in": list(mentors)}, "start_time": month, "state": {"$in": sorted(OCCUPYING)}}
        stages: list[Document] = [{"$match": match}, {"$group": {"_id": "$mentor", "minutes": {"$sum": _MINUTES}}}]
        cursor: Any = self._database.collection("consultations").aggregate(stages)
        if not hasattr(cursor, "to_list"):  # PyMongo's method is a coroutine, Motor's is not
            cursor = await cursor
        return {row["_id"]: row["minutes"] for row in await cursor.to_list(None)}


def _subject(seeking: Sought) -> Sequence[Document]:
    """Return a condition for each part of the subject. Each has an index."""
    parts: list[Document] = []
    if seeking.technology_field:
        parts.append({"technology_fields": seeking.technology_field})
    if seeking.industry_chain:
        parts.append({"industry_chains": seeking.industry_chain})
    if seeking.skills:
        parts.append({"skills": {"$in": list(seeking.skills)}})
    return parts


def _candidate(row: Document) -> Candidate:
    """Return a candidate as it was stored, without validating what was valid then: there are hundreds of them."""
    row["name"] = row.pop("_id")
    row["affiliations"] = tuple(_part(Affiliation, each) for each in row.get("affiliations", ()))
    row["holdings"] = tuple(_part(Holding, each) for each in row.get("holdings", ()))
    return construct(Candidate, _DEFAULTS[Candidate] | row)


def _part(kind: type[P], row: Document) -> P:
    return construct(kind, _DEFAULTS[kind] | row)
