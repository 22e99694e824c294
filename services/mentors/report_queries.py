"""What reports read: figures summed by the database, and the few fields of documents that they need."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from libs.common.domain.dates import as_stored
from libs.common.domain.entity import construct
from libs.common.store.database import Database
from libs.common.store.schema import from_document
from libs.common.store.transaction import Document
from services.mentors.domain.consultation import RECORDED, ServiceState
from services.mentors.domain.counting import RecordedSession
from services.mentors.domain.evidence import EvidenceKind
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.rating import ListRatings
from services.mentors.domain.report import MAX_ROWS, GroupBy, HoursFigures, Months, Selection
from services.mentors.domain.tally import FIGURES, day_of

#: The figures of each group, by its key.
Groups = dict[str, HoursFigures]
#: The whole minutes of a consultation, in an aggregation.
MINUTES = {"$toInt": {"$floor": {"$divide": [{"$subtract": ["$end_time", "$start_time"]}, 60_000]}}}
_EXPORTED = dict.fromkeys(
    (
        "mentor",
        "mentor_display_name",
        "kind",
        "format",
        "topic",
        "place",
        "start_time",
        "end_time",
        "appointed",
        "services",
        "evidence.kind",
    ),
    1,
)


class ReportQueries:
    """Reads for reports. Nothing here looks at the caller's scope: the service does before it reads."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    # --- service hours ------------------------------------------------------------------------

    async def tallied(self, months: Months, group_by: GroupBy | None, only: Selection) -> Groups:
        """Sum the tallies of mentors' years, with one place at most, by anything but startups.

        Grouped by spaces they are those of each space, and there must be no district.
        """
        if months.is_whole_year and not only.space and not only.district and group_by in (None, GroupBy.MENTOR):
            return await self._year_totals(months, group_by, only)
        is_city = not only.space and not only.district and group_by is not GroupBy.SPACE
        match: Document = {"year": months.year}
        match |= {path: given for path, given in _paths(only).items() if given}
        row: list[Document] = []
        if not months.is_whole_year:
            row += [{"$gte": ["$$row.month", months.first_month]}, {"$lte": ["$$row.month", months.last_month]}]
        if only.space or only.district:
            row += [{"$eq": ["$$row.space", only.space or ""]}, {"$eq": ["$$row.district", only.district]}]
        elif not is_city:
            row += [{"$ne": ["$$row.space", ""]}]
        rows: Any = "$tallies" if is_city else "$places"
        if row:
            rows = {"$filter": {"input": rows, "as": "row", "cond": {"$and": row}}}
        keys: Mapping[GroupBy | None, Any] = {
            GroupBy.MENTOR: "$mentor",
            GroupBy.SPACE: "$rows.space",
            GroupBy.KIND: "$rows.kind",
            GroupBy.MONTH: "$rows.month",
            None: "",
        }
        stages: list[Document] = [{"$match": match}, {"$project": {"mentor": 1, "rows": rows}}]
        if group_by in (None, GroupBy.MENTOR):  # the rows of a document belong to one group: sum them without unwinding
            stages.append({"$project": {"mentor": 1, **{name: {"$sum": f"$rows.{name}"} for name in FIGURES}}})
            sums = {name: {"$sum": f"${name}"} for name in FIGURES}
        else:
            stages.append({"$unwind": "$rows"})
            sums = {name: {"$sum": f"$rows.{name}"} for name in FIGURES}
        return await self._groups("mentor_years", [*stages, {"$group": {"_id": keys[group_by], **sums}}], months)

    async def _year_totals(self, months: Months, group_by: GroupBy | None, only: Selection) -> Groups:
        """Sum the figures of whole years, which an index holds."""
        match: Document = {"year": months.year, **({"mentor": only.mentor} if only.mentor else {})}
        sums = {name: {"$sum": f"${name}"} for name in FIGURES}
        group = {"_id": "$mentor" if group_by else "", **sums}
        return await self._groups("mentor_years", [{"$match": match}, {"$group": group}], months)

    async def counted(self, months: Months, group_by: GroupBy | None, only: Selection) -> Groups:
        """Count the confirmed services of consultations, by anything and with all filters at once."""
        keys: Mapping[GroupBy | None, Any] = {
            GroupBy.MENTOR: "$mentor",
            GroupBy.SPACE: "$services.space",
            GroupBy.STARTUP: "$services.startup",
            GroupBy.KIND: "$kind",
            GroupBy.MONTH: {"$month": {"date": "$start_time", "timezone": str(self._zone)}},
            None: "",
        }
        stages: list[Document] = [
            {"$match": self._confirmed(months, only)},
            {"$project": {"mentor": 1, "kind": 1, "start_time": 1, "end_time": 1, "appointed": 1, "services": 1}},
            {"$unwind": "$services"},
            {"$match": _service(only, "services.")},
        ]
        if group_by is GroupBy.SPACE:
            stages.append({"$match": {"services.space": {"$ne": ""}}})
        session = {"minutes": {"$first": MINUTES}, "appointed": {"$first": "$appointed"}, "services": {"$sum": 1}}
        stages.append({"$group": {"_id": {"consultation": "$_id", "key": keys[group_by]}, **session}})
        sums: Document = {}
        for name, value in {"sessions": 1, "services": "$services", "minutes": "$minutes"}.items():
            sums[name] = {"$sum": value}
            sums[f"appointed_{name}"] = {"$sum": {"$cond": ["$appointed", value, 0]}}
        stages.append({"$group": {"_id": "$_id.key", **sums}})
        return await self._groups("consultations", stages, months)

    async def startup_totals(self, months: Months) -> Groups:
        """Return the figures of every startup in a whole year. For a startup a session is a service."""
        found = self._database.collection("mentees").find({"years.year": months.year}, {"years": 1})
        groups: Groups = {}
        async for document in found.limit(MAX_ROWS + 1):
            total = next(each for each in document["years"] if each["year"] == months.year)
            groups[document["_id"]] = HoursFigures(
                sessions=total["sessions"],
                services=total["sessions"],
                minutes=total["minutes"],
                appointed_sessions=total["appointed_sessions"],
                appointed_services=total["appointed_sessions"],
                appointed_minutes=total["appointed_minutes"],
            )
        return groups

    async def _groups(self, collection: str, stages: list[Document], months: Months) -> Groups:
        stages = [*stages, {"$match": {"services": {"$gt": 0}}}, {"$limit": MAX_ROWS + 1}]
        documents = await self._database.aggregate(collection, stages)
        return {
            _key(document["_id"], months): construct(HoursFigures, {name: document[name] for name in FIGURES})
            for document in documents
        }

    def _confirmed(self, months: Months, only: Selection) -> Document:
        """Return the condition for consultations with such a service. One of the paths in it has an index."""
        begin, end = months.instants(self._zone)
        selected = {path: given for path, given in _paths(only).items() if given}
        return {
            "start_time": {"$gte": begin, "$lt": end},
            "services": {"$elemMatch": _service(only)},
            **selected,
        }

    # --- ratings, certificates, exports -------------------------------------------------------

    async def sessions(self, mentors: Sequence[str], months: Months) -> dict[str, list[RecordedSession]]:
        """Return the sessions on record of each mentor."""
        begin, end = months.instants(self._zone)
        where = {
            "mentor": {"$in": list(mentors)},
            "start_time": {"$gte": begin, "$lt": end},
            "state": {"$in": sorted(RECORDED)},
        }
        fields = ("mentor", "start_time", "end_time", "appointed", "services.state", "services.space", "evidence.kind")
        found: dict[str, list[RecordedSession]] = defaultdict(list)
        async for document in self._database.collection("consultations").find(where, dict.fromkeys(fields, 1)):
            found[document["mentor"]].append(self.session(document))
        return found

    def session(self, document: Document) -> RecordedSession:
        """Return the session that a consultation's document records."""
        confirmed = [each for each in document["services"] if each["state"] == ServiceState.CONFIRMED]
        return RecordedSession(
            consultation=document["_id"],
            date=day_of(document["start_time"], self._zone),
            minutes=minutes_of(document),
            appointed=document["appointed"],
            services=len(confirmed),
            tenant_services=sum(bool(each["space"]) for each in confirmed),
            evidence=frozenset(EvidenceKind(each["kind"]) for each in document["evidence"]),
        )

    async def mentor_years(self, names: Sequence[str]) -> dict[str, MentorYear]:
        """Return the figures of mentors' years by name. Years without any are left out."""
        documents = await self.fields_of("mentor_years", names)
        return {name: from_document(MentorYear, document) for name, document in documents.items()}

    async def startups_served(self, mentor: str, months: Months) -> int:
        """Count the startups that confirmed service of a mentor under an appointment."""
        condition = self._confirmed(months, Selection(mentor=mentor)) | {"appointed": True}
        stages: list[Document] = [
            {"$match": condition},
            {"$unwind": "$services"},
            {"$match": {"services.state": ServiceState.CONFIRMED}},
            {"$group": {"_id": "$services.startup"}},
            {"$count": "startups"},
        ]
        documents = await self._database.aggregate("consultations", stages)
        return int(documents[0]["startups"]) if documents else 0

    async def consultations(self, months: Months, only: Selection) -> list[Document]:
        """Return the fields that an export needs, in the order of time; one more than an export may have rows."""
        cursor = self._database.collection("consultations").find(self._confirmed(months, only), _EXPORTED)
        return await cursor.sort([("start_time", 1), ("_id", 1)]).limit(MAX_ROWS + 1).to_list(None)

    async def fields_of(self, collection: str, names: Collection[str], *fields: str) -> dict[str, Document]:
        """Return some fields of documents by name, all without any. Documents that do not exist are left out."""
        where = {"_id": {"$in": sorted(names)}}
        cursor = self._database.collection(collection).find(where, dict.fromkeys(fields, 1) or None)
        return {document["_id"]: document async for document in cursor}


def appointed_in(year: int, query: ListRatings) -> Document:
    """Return the condition for mentors with an appointment in the year, by the space if the query names one."""
    begin, end = as_stored(date(year, 1, 1)), as_stored(date(year + 1, 1, 1))
    term: Document = {"start_date": {"$lt": end}, "end_date": {"$gt": begin}}
    if query.space:
        term["appointer"] = query.space
    where: Document = {"appointments": {"$elemMatch": term}}
    if query.district:
        where["$or"] = [{"district": query.district}, {"districts": query.district}]
    return where


def minutes_of(document: Document) -> int:
    """Return the length of a consultation in whole minutes."""
    return int((document["end_time"] - document["start_time"]).total_seconds()) // 60


def is_selected(service: Document, only: Selection) -> bool:
    """Whether a startup confirmed the service, and the filters select it."""
    places = (service["district"], service.get("zone", ""))
    return (
        service["state"] == ServiceState.CONFIRMED
        and (not only.space or service["space"] == only.space)
        and (not only.district or only.district in places)
    )


def _paths(only: Selection) -> dict[str, str | None]:
    """Return the filters by the fields of documents that they select by."""
    return {"mentor": only.mentor, "spaces": only.space, "districts": only.district}


def _service(only: Selection, at: str = "") -> Document:
    """Return the condition for a service that a startup confirmed and that the filters select; `at` is its path."""
    condition: Document = {f"{at}state": ServiceState.CONFIRMED}
    if only.space:
        condition[f"{at}space"] = only.space
    if only.district:
        condition["$or"] = [{f"{at}district": only.district}, {f"{at}zone": only.district}]
    return condition


def _key(group: object, months: Months) -> str:
    """Return a group's key as text; a month's number with its year."""
    return f"{months.year}-{group:02}" if isinstance(group, int) else str(group)
