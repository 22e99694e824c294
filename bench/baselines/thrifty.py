"""(c) Thrifty: no transaction. One guarded update takes room in the space and adds its outbox entry; the rest follows.

Three writes, each to one document: the space, with the guard in the filter, so that writers of a hot space queue
inside MongoDB and never lose a race; the startup's projection, guarded against a second tenancy on the same days; the
tenancy. Only when the steps of the space's occupancy themselves change (the first tenancy of a day, or one that ends on
a new day) is the space read, decided on by the domain's rule, and written unless it has changed meanwhile.

What it gives up: a crash between two of the writes leaves half a change, which a job would have to find in the outbox
and complete.
"""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import structlog

from bench.baselines.serving import Parts, next_version, serve_spaces
from libs.common.domain.errors import Invalid, NotFound, Taken, Unavailable
from libs.common.rpc.context import CallContext
from libs.common.store.schema import from_document
from services.spaces.domain import tenancy
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.period import Period
from services.spaces.domain.space import GetSpace, Space
from services.spaces.domain.tenancy import RegisterTenant, Tenancy
from services.spaces.store import TENANCIES

log = structlog.get_logger()

Document = dict[str, Any]
#: One writer in TRIM_EVERY cuts the outbox of its space to OUTBOX_SIZE entries. A relay, which this baseline does not
#: have, would empty it. A request whose entry is gone is no longer known when it is repeated.
OUTBOX_SIZE, TRIM_EVERY = 16, 32
WITHOUT_OUTBOX = {"outbox": 0}


class Thrifty:
    """The two methods that are measured."""

    def __init__(self, parts: Parts) -> None:
        self._spaces = parts.database["spaces"]
        self._occupants = parts.database["occupants"]
        self._tenancies = parts.database["tenancies"]
        self._clock, self._names, self._zone = parts.clock, parts.names, parts.zone

    async def get(self, query: GetSpace, ctx: CallContext) -> Space:
        """Return one space with what is free today."""
        found = await self._spaces.find_one({"_id": query.name}, WITHOUT_OUTBOX)
        space = from_document(Space, _existing(found, query.name))
        ctx.scope.ensure_in_scope(space)
        return space.on(self._clock.today(self._zone))

    async def register(self, command: RegisterTenant, ctx: CallContext) -> Tenancy:
        """Lease room to a startup."""
        if not command.desks and not command.area_m2:
            raise Invalid.field("desks", "REQUIRED", "lease desks, area or both")
        if not ctx.scope.covers_name(command.space):
            found = await self._find(command.space)
            ctx.scope.ensure_in_scope(from_document(Space, _existing(found, command.space)))
        registered = await self._register(command, ctx, self._clock.today(self._zone))
        log.info("tenancy_registered", tenancy=registered.name, startup=registered.startup, state=registered.state)
        return registered

    async def _register(self, command: RegisterTenant, ctx: CallContext, today: date) -> Tenancy:
        period, now = command.period(today), self._clock.now()
        entry = _entry(command, ctx, self._names.new("tenancies", parent=command.space), period, now)
        occupied = await self._occupy(command, entry, period, today)
        space = occupied or await self._decide_and_occupy(command, entry, period, today)
        if isinstance(space, Tenancy):
            return space
        try:
            occupant = await self._add_stay(command.startup, entry, period)
        except (NotFound, Taken):
            await self._vacate(command, entry, period, today)
            raise
        change = tenancy.register(space, occupant, command, name=entry["tenancy"], today=today, zone=self._zone)
        registered = next_version(change.reply, now)
        await self._tenancies.insert_one(TENANCIES.to_document(registered))
        return registered

    async def _occupy(self, command: RegisterTenant, entry: Document, period: Period, today: date) -> Space | None:
        """Occupy room on the steps that the space has. Returns the space; None without such steps or without room."""
        if period.start < today:
            return None
        within, area = _within(period), float(command.area_m2)
        full = [
            {"$gt": [{"$add": [f"$$step.{what}", wanted]}, f"${what}"]}
            for what, wanted in (("desks", command.desks), ("area_m2", area))
        ]
        days = [{bound: ["$$step.date", day]} for bound, day in within.items()]
        overfull = {"$filter": {"input": "$occupancy", "as": "step", "cond": {"$and": [*days, {"$or": full}]}}}
        found = await self._spaces.find_one_and_update(
            {
                "_id": command.space,
                "occupancy.date": {"$all": list(within.values())},
                "outbox._id": {"$ne": entry["_id"]},
                "$expr": {"$eq": [overfull, []]},
            },
            {
                "$inc": {
                    "occupancy.$[step].desks": command.desks,
                    "occupancy.$[step].area_m2": area,
                    "version": 1,
                },
                "$set": {"update_time": entry["at"]},
                "$push": {"outbox": _trimmed(entry)},
            },
            array_filters=[{"step.date": within}],
            projection=WITHOUT_OUTBOX,
        )
        return from_document(Space, found) if found else None

    async def _decide_and_occupy(
        self, command: RegisterTenant, entry: Document, period: Period, today: date
    ) -> Space | Tenancy:
        """Occupy room by the domain's rule, whatever the steps. Returns the first reply if the request is a repeat."""
        while True:
            found = _existing(await self._find(command.space), command.space)
            outbox = found.pop("outbox", ())
            for known in outbox:
                if known["_id"] == entry["_id"]:
                    return await self._first_reply(known, entry)
            space = from_document(Space, found)
            changed = space.occupy(command.desks, command.area_m2, period, today)
            if await self._replace(space, changed, entry["at"], {"$push": {"outbox": _trimmed(entry)}}):
                return space

    async def _replace(self, space: Space, changed: Space, now: datetime, more: Document) -> bool:
        """Write the space's occupancy if it still has the version that was read."""
        occupancy = [step.model_dump() for step in changed.occupancy]
        fields = {"occupancy": occupancy, "version": space.version + 1, "update_time": now}
        wrote = await self._spaces.update_one({"_id": space.name, "version": space.version}, {"$set": fields, **more})
        return bool(wrote.matched_count)

    async def _add_stay(self, startup: str, entry: Document, period: Period) -> Occupant:
        """Add a stay and return the projection as it is then. Taken when the startup stays elsewhere on these days."""
        start, end = entry["start_date"], entry["end_date"]
        same_days: Document = {"$or": [{"end": None}, {"end": {"$gt": start}}]}
        if end is not None:
            same_days["start"] = {"$lt": end}
        stay = {"tenancy": entry["tenancy"], "start": start, "end": end}
        found = await self._occupants.find_one_and_update(
            {"_id": startup, "stays": {"$not": {"$elemMatch": same_days}}},
            {"$push": {"stays": stay}, "$inc": {"version": 1}, "$set": {"update_time": entry["at"]}},
        )
        if found:
            return from_document(Occupant, found)
        known = await self._occupants.find_one({"_id": startup})
        if known is None:
            raise NotFound("STARTUP_NOT_FOUND", f"{startup} does not exist", name=startup)
        return from_document(Occupant, known).stay(entry["tenancy"], period)  # which refuses with the reason

    async def _vacate(self, command: RegisterTenant, entry: Document, period: Period, today: date) -> None:
        """Free the room that was occupied."""
        forget = {"$pull": {"outbox": {"_id": entry["_id"]}}}
        while True:
            space = from_document(Space, _existing(await self._find(command.space), command.space))
            changed = space.occupy(-command.desks, -command.area_m2, period, today)
            if await self._replace(space, changed, self._clock.now(), forget):
                return

    async def _first_reply(self, known: Mapping[str, Any], entry: Document) -> Tenancy:
        if bytes(known["digest"]) != entry["digest"]:
            raise Invalid.field("request_id", "REQUEST_ID_REUSED", "this request_id was used for another request")
        found = await self._tenancies.find_one({"_id": known["tenancy"]})
        if found is None:
            raise Unavailable("IN_PROGRESS", "the same request is in progress", retry_after=0.1)
        return from_document(Tenancy, found)

    async def _find(self, space: str) -> Document | None:
        return await self._spaces.find_one({"_id": space})


def _entry(command: RegisterTenant, ctx: CallContext, name: str, period: Period, now: datetime) -> Document:
    """Return all that the fact is made from, which also identifies the request."""
    return {
        "_id": ctx.entry_id,
        "actor": ctx.actor,
        "digest": ctx.digest,
        "at": now,
        "tenancy": name,
        "startup": command.startup,
        "desks": command.desks,
        "area_m2": float(command.area_m2),
        "start_date": _midnight(period.start),
        "end_date": _midnight(period.end) if period.end else None,
    }


def _trimmed(entry: Document) -> Document:
    return {"$each": [entry], "$slice": -OUTBOX_SIZE} if random.random() * TRIM_EVERY < 1 else {"$each": [entry]}


def _within(period: Period) -> dict[str, datetime]:
    """Return the bounds of a period as MongoDB compares them."""
    bounds = {"$gte": _midnight(period.start)}
    return bounds if period.end is None else {**bounds, "$lt": _midnight(period.end)}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _existing(document: Document | None, name: str) -> Document:
    if document is None:
        raise NotFound("SPACE_NOT_FOUND", f"{name} does not exist", name=name)
    return document


if __name__ == "__main__":
    serve_spaces("thrifty", Thrifty)
