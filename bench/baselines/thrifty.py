"""(c) Thrifty: no transaction. One guarded update takes room and puts its outbox entry in the space; the rest follows.

Three writes, each to one document: the space, whose guard stands in the filter, so that writers of a hot space queue
inside MongoDB and never lose a race; the startup's card, guarded against a second tenancy on the same days; the
tenancy. Only when the steps of the space's capacity themselves change (the first tenancy of a day, or one with a day
of moving out that is new) is the space read, decided on by the domain's rule, and written if nobody wrote meanwhile.

What it gives up: between two of the writes a crash leaves a change half made, which a job would have to find in the
outbox and complete.
"""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import structlog

from bench.baselines.serving import Ground, next_version, serve_spaces
from libs.common.asking import Asked
from libs.common.collections import from_document, to_document
from libs.common.errors import Invalid, NotFound, Taken, Unavailable
from services.spaces.domain import GetSpace, Occupant, Period, RegisterTenant, Space, Tenancy, register_tenant

log = structlog.get_logger()

Document = dict[str, Any]
#: The outbox of a space is cut to so many entries, by every so-manieth writer. A relay, which this baseline is spared,
#: would empty it; and what has left it is no longer known when the same request comes again.
KEPT, CUT_EVERY = 16, 32
BARE = {"outbox": 0}


class Thrifty:
    """The two things that are measured."""

    def __init__(self, ground: Ground) -> None:
        self._spaces = ground.database["spaces"]
        self._occupants = ground.database["occupants"]
        self._tenancies = ground.database["tenancies"]
        self._clock, self._names, self._zone = ground.clock, ground.names, ground.zone

    async def get_space(self, ask: GetSpace, asked: Asked) -> Space:
        """One space as it is now."""
        space = from_document(Space, _there(await self._spaces.find_one({"_id": ask.name}, BARE), ask.name))
        asked.reach.must_cover(space)
        return space.on(self._clock.today(self._zone))

    async def register_tenant(self, ask: RegisterTenant, asked: Asked) -> Tenancy:
        """Let room to a startup."""
        if not ask.desks and not ask.area_m2:
            raise Invalid.field("desks", "REQUIRED", "desks or area must be let")
        if not asked.reach.covers_name(ask.space):
            asked.reach.must_cover(from_document(Space, _there(await self._find(ask.space), ask.space)))
        tenancy = await self._register(ask, asked, self._clock.today(self._zone))
        log.info("tenancy_registered", tenancy=tenancy.name, startup=tenancy.startup, state=tenancy.state)
        return tenancy

    async def _register(self, ask: RegisterTenant, asked: Asked, today: date) -> Tenancy:
        period, now = ask.period(today), self._clock.now()
        entry = _entry(ask, asked, self._names.new("tenancies", under=ask.space), period, now)
        space = await self._take_room(ask, entry, period, today) or await self._decide_room(ask, entry, period, today)
        if isinstance(space, Tenancy):
            return space
        try:
            occupant = await self._seat(ask.startup, entry, period)
        except (NotFound, Taken):
            await self._give_back(ask, entry, period, today)
            raise
        decided = register_tenant(space, occupant, ask, name=entry["tenancy"], today=today, zone=self._zone)
        tenancy = next_version(decided.reply, now)
        await self._tenancies.insert_one(to_document(tenancy))
        return tenancy

    async def _take_room(self, ask: RegisterTenant, entry: Document, period: Period, today: date) -> Space | None:
        """The space as it was, after taking room on steps that it has; None when it has not these steps, or no room."""
        if period.start < today:
            return None
        within = _within(period)
        full = [
            {"$gt": [{"$add": [f"$$let.{what}", asked_for]}, f"${what}"]}
            for what, asked_for in (("desks", ask.desks), ("area_m2", ask.area_m2))
        ]
        days = [{bound: ["$$let.day", day]} for bound, day in within.items()]
        overfull = {"$filter": {"input": "$lets", "as": "let", "cond": {"$and": [*days, {"$or": full}]}}}
        found = await self._spaces.find_one_and_update(
            {
                "_id": ask.space,
                "lets.day": {"$all": list(within.values())},
                "outbox._id": {"$ne": entry["_id"]},
                "$expr": {"$eq": [overfull, []]},
            },
            {
                "$inc": {"lets.$[let].desks": ask.desks, "lets.$[let].area_m2": ask.area_m2, "version": 1},
                "$set": {"update_time": entry["at"]},
                "$push": {"outbox": _cut(entry)},
            },
            array_filters=[{"let.day": within}],
            projection=BARE,
        )
        return from_document(Space, found) if found else None

    async def _decide_room(self, ask: RegisterTenant, entry: Document, period: Period, today: date) -> Space | Tenancy:
        """The same by the domain's rule, whatever the steps; the first answer when the request is a repeat."""
        while True:
            found = _there(await self._find(ask.space), ask.space)
            outbox = found.pop("outbox", ())
            for known in outbox:
                if known["_id"] == entry["_id"]:
                    return await self._first_answer(known, entry)
            space = from_document(Space, found)
            changed = space.let_out(ask.desks, ask.area_m2, period, today)
            if await self._replace(space, changed, entry["at"], {"$push": {"outbox": _cut(entry)}}):
                return space

    async def _replace(self, space: Space, changed: Space, now: datetime, more: Document) -> bool:
        """Write the space's steps if it is still the version that was read."""
        fields = {"lets": [let.model_dump() for let in changed.lets], "version": space.version + 1, "update_time": now}
        wrote = await self._spaces.update_one({"_id": space.name, "version": space.version}, {"$set": fields, **more})
        return bool(wrote.matched_count)

    async def _seat(self, startup: str, entry: Document, period: Period) -> Occupant:
        """The startup's card as it was, after noting the stay; Taken when it sits somewhere on these days."""
        start, end = entry["start_date"], entry["end_date"]
        same_days: Document = {"$or": [{"end": None}, {"end": {"$gt": start}}]}
        if end is not None:
            same_days["start"] = {"$lt": end}
        stay = {"tenancy": entry["tenancy"], "start": start, "end": end}
        card = await self._occupants.find_one_and_update(
            {"_id": startup, "stays": {"$not": {"$elemMatch": same_days}}},
            {"$push": {"stays": stay}, "$inc": {"version": 1}, "$set": {"update_time": entry["at"]}},
        )
        if card:
            return from_document(Occupant, card)
        known = await self._occupants.find_one({"_id": startup})
        if known is None:
            raise NotFound("STARTUP_NOT_FOUND", f"{startup} does not exist", name=startup)
        return from_document(Occupant, known).stay(entry["tenancy"], period)  # which refuses, and says why

    async def _give_back(self, ask: RegisterTenant, entry: Document, period: Period, today: date) -> None:
        """Undo the taking of room."""
        forget = {"$pull": {"outbox": {"_id": entry["_id"]}}}
        while True:
            space = from_document(Space, _there(await self._find(ask.space), ask.space))
            changed = space.let_out(-ask.desks, -ask.area_m2, period, today)
            if await self._replace(space, changed, self._clock.now(), forget):
                return

    async def _first_answer(self, known: Mapping[str, Any], entry: Document) -> Tenancy:
        if bytes(known["digest"]) != entry["digest"]:
            raise Invalid.field("request_id", "REQUEST_ID_REUSED", "another request was made under this id")
        kept = await self._tenancies.find_one({"_id": known["tenancy"]})
        if kept is None:
            raise Unavailable("UNDER_WAY", "the same request is under way", retry_after=0.1)
        return from_document(Tenancy, kept)

    async def _find(self, space: str) -> Document | None:
        return await self._spaces.find_one({"_id": space})


def _entry(ask: RegisterTenant, asked: Asked, name: str, period: Period, now: datetime) -> Document:
    """All that the fact is made from, and the memory of the request."""
    return {
        "_id": asked.entry_id,
        "actor": asked.actor,
        "digest": asked.digest,
        "at": now,
        "tenancy": name,
        "startup": ask.startup,
        "desks": ask.desks,
        "area_m2": ask.area_m2,
        "start_date": _midnight(period.start),
        "end_date": _midnight(period.end) if period.end else None,
    }


def _cut(entry: Document) -> Document:
    return {"$each": [entry], "$slice": -KEPT} if random.random() * CUT_EVERY < 1 else {"$each": [entry]}


def _within(period: Period) -> dict[str, datetime]:
    """The bounds of a period as MongoDB compares them."""
    bounds = {"$gte": _midnight(period.start)}
    return bounds if period.end is None else {**bounds, "$lt": _midnight(period.end)}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _there(document: Document | None, name: str) -> Document:
    if document is None:
        raise NotFound("SPACE_NOT_FOUND", f"{name} does not exist", name=name)
    return document


if __name__ == "__main__":
    serve_spaces("thrifty", Thrifty)
