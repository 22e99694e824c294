"""What coverage reads: tenants, mentors, and who was served."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from libs.common.domain.dates import as_stored
from libs.common.store.database import Database
from libs.common.store.transaction import Document
from services.mentors.domain.coverage import Corps
from services.mentors.domain.mentor import State


class CoverageQueries:
    """Reads for coverage. Nothing here looks at the caller's scope: the service does before it reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spaces(self, name: str | None, district: str) -> dict[str, str]:
        """Return the display names of one space, or of those of a district or zone, or of all."""
        where: Document = {"_id": name} if name else {}
        if district:
            where["$or"] = [{"district": district}, {"zone": district}]
        cursor = self._database.collection("spaces").find(where, {"display_name": 1})
        return {document["_id"]: document["display_name"] async for document in cursor}

    async def tenants(self, spaces: Collection[str] | None, day: date) -> dict[str, set[str]]:
        """Return the startups that are tenants on a day, by space; of all spaces if none are given."""
        midnight = as_stored(day)
        last = {"$or": [{"end_date": None}, {"end_date": {"$gt": midnight}}]}
        stay: Document = {"start_date": {"$lte": midnight}, **last}
        if spaces is not None:
            stay["space"] = {"$in": sorted(spaces)}
        open_ended = {"$eq": [{"$ifNull": ["$$stay.end_date", None]}, None]}
        has_not_ended = {"$or": [open_ended, {"$gt": ["$$stay.end_date", midnight]}]}
        covers = {"$and": [{"$lte": ["$$stay.start_date", midnight]}, has_not_ended]}
        current = {"$filter": {"input": "$stays", "as": "stay", "cond": covers}}
        stages = [
            {"$match": {"stays": {"$elemMatch": stay}}},
            {"$project": {"space": {"$first": {"$map": {"input": current, "as": "stay", "in": "$$stay.space"}}}}},
        ]
        found: dict[str, set[str]] = defaultdict(set)
        for document in await self._database.aggregate("residences", stages):
            if spaces is None or document["space"] in spaces:
                found[document["space"]].add(document["_id"])
        return found

    async def served(self, year: int, startups: Collection[str] | None) -> set[str]:
        """Return the startups with a confirmed consultation in a year: of these, or of all if none are given."""
        where: Document = {"years.year": year}
        if startups is not None:
            where["_id"] = {"$in": sorted(startups)}
        return {document["_id"] async for document in self._database.collection("mentees").find(where, {"_id": 1})}

    async def corps(self) -> list[Corps]:
        """Return every appointed mentor with the appointments."""
        cursor = self._database.collection("mentors").find({"state": State.APPOINTED}, {"appointments": 1})
        found = [(document["_id"], document["appointments"]) async for document in cursor]
        return [Corps.model_validate({"mentor": name, "appointments": held}) for name, held in found]
