"""What matching reads: the candidates and their records, with the few fields that it needs."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from libs.common.domain.dates import as_stored, midnight
from libs.common.domain.entity import construct
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from services.mentors.domain.candidate import Candidate, Record
from services.mentors.domain.consultation import OCCUPYING
from services.mentors.domain.mentor import State
from services.mentors.domain.need import Sought
from services.mentors.domain.tally import year_name
from services.mentors.report_queries import MINUTES

_DEFAULTS = {name: field.default for name, field in Candidate.model_fields.items()}
_YEAR_FIELDS = dict.fromkeys(("mentor", "sessions", "ratings", "rating_sum"), 1)


class MatchQueries:
    """Reads for matching. Nothing here looks at the caller's scope: the service does before it reads."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def candidates(self, seeking: Sought, today: date) -> list[Candidate]:
        """Return the mentors with a valid appointment today who are not suspended, and have part of the subject.

        They hold what the query seeks, and nothing else.
        """
        day = as_stored(today)
        term = {"$elemMatch": {"start_date": {"$lte": day}, "end_date": {"$gt": day}}}
        where: Document = {"state": State.APPOINTED, "appointments": term}
        if seeking.has_subject:
            where["$or"] = list(_subject(seeking))
        rows = await self._database.collection("mentors").find(where, _fields(seeking)).to_list(None)
        # As it was stored, without validating what was valid then: there are hundreds of them.
        return [construct(Candidate, {**_DEFAULTS, **row, "name": row["_id"]}) for row in rows]

    async def records(self, mentors: Sequence[str], today: date) -> dict[str, Record]:
        """Return the record of each of these mentors."""
        booked, results = await asyncio.gather(
            self._booked_minutes(mentors, today), self._results(mentors, (today.year, today.year - 1))
        )
        figures = {mentor: {"booked_minutes": booked.get(mentor, 0), **results[mentor]} for mentor in mentors}
        return {mentor: construct(Record, fields) for mentor, fields in figures.items()}

    async def _results(self, mentors: Sequence[str], years: Collection[int]) -> dict[str, dict[str, int]]:
        """Return the confirmed sessions and the ratings of each mentor, summed over the years."""
        names = [year_name(mentor, year) for mentor in mentors for year in years]
        found = self._database.collection("mentor_years").find({"_id": {"$in": names}}, _YEAR_FIELDS)
        sums = {mentor: dict.fromkeys(("sessions", "ratings", "rating_sum"), 0) for mentor in mentors}
        for row in await found.to_list(None):
            held = sums[row["mentor"]]
            for figure in held:
                held[figure] += row[figure]
        return sums

    async def _booked_minutes(self, mentors: Collection[str], today: date) -> dict[str, int]:
        """Return how much of the month's time of each mentor consultations occupy. An index holds all that it reads."""
        first = today.replace(day=1)
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        month = {"$gte": midnight(first, self._zone), "$lt": midnight(following, self._zone)}
        match = {"mentor": {"$in": list(mentors)}, "start_time": month, "state": {"$in": sorted(OCCUPYING)}}
        stages: list[Document] = [{"$match": match}, {"$group": {"_id": "$mentor", "minutes": {"$sum": MINUTES}}}]
        rows = await self._database.aggregate("consultations", stages)
        return {row["_id"]: row["minutes"] for row in rows}


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


def _fields(seeking: Sought) -> Document:
    """Return what to read of a candidate."""
    wanted = {
        "technology_fields": seeking.technology_field,
        "industry_chains": seeking.industry_chain,
        "skills": seeking.skills,
        "languages": seeking.languages,
        "stages": seeking.stage,
        "formats": seeking.formats,
        "spaces": seeking.space,
        "district": seeking.districts,
        "offered_minutes_per_month": True,
    }
    return {field: 1 for field, is_sought in wanted.items() if is_sought}
