"""The load of mentors: clients that want the same hours of few mentors, log what was held, and answer it."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from libs.api.hatchery.mentors.v1 import appointment_pb2, mentor_pb2, profession_pb2
from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.faults.calls import Client, Sent
from tests.faults.stored import ZONE
from tests.mentors.booking.requests import open_all_day
from tests.mentors.requests import LONGTAN, nominate_mentor
from tests.support.waiting import eventually

C = pb.Consultation
KINDS = (C.KIND_CONSULTING, C.KIND_DIAGNOSIS, C.KIND_COACHING)
END_REASONS = (C.END_REASON_MENTOR_UNAVAILABLE, C.END_REASON_STARTUP_UNAVAILABLE, C.END_REASON_NO_LONGER_NEEDED)
QUARTER = timedelta(minutes=15)
#: Refusals of a projection that has not arrived yet.
NOT_ARRIVED = frozenset({"STARTUP_NOT_FOUND", "SPACE_NOT_FOUND"})
Action = Callable[[random.Random], Awaitable[Sent | None]]


def midday(day: date) -> datetime:
    """Return the middle of a day of the city."""
    return datetime.combine(day, time(12), ZONE)


def stamp(instant: datetime) -> Timestamp:
    """Return an instant as a message."""
    made = Timestamp()
    made.FromDatetime(instant)
    return made


class Hours:
    """The hours that clients want: few, so that they get in each other's way, and over the ends of weeks and years."""

    def __init__(self, today: date) -> None:
        sunday = today + timedelta(days=13 - today.weekday())  # of the next week
        self._future = midday(sunday)
        self._past = (midday(sunday - timedelta(days=28)), midday(date(today.year - 2, 12, 31)))

    def future(self, chance: random.Random) -> dict[str, Any]:
        """Return a time that nobody reaches during the load, as fields of a request."""
        return self._some(chance, self._future, 96)

    def past(self, chance: random.Random) -> dict[str, Any]:
        """Return a time in which a consultation may have been held."""
        return self._some(chance, chance.choice(self._past), 144)

    def _some(self, chance: random.Random, first: datetime, quarters: int) -> dict[str, Any]:
        start = first + QUARTER * chance.randrange(quarters)
        return {"start_time": stamp(start), "end_time": stamp(start + QUARTER * chance.randint(1, 6))}


class Mentoring:
    """What clients of mentors do. `startups` are the names of those that are known, which become more."""

    def __init__(self, client: Client, startups: Sequence[str], today: date) -> None:
        self.client = client
        self.mentors: list[str] = []
        self._startups = startups
        self._today = today
        self._hours = Hours(today)
        self._requested: list[str] = []
        self._scheduled: list[C] = []
        self._recorded: list[C] = []
        self._disputed: list[tuple[str, str]] = []
        self._story_mentor = ""
        self._story_quarters = itertools.count()

    def actions(self) -> Mapping[Action, int]:
        """Return what clients do, and how often."""
        return {
            self.request: 22,
            self.accept: 13,
            self.move: 8,
            self.cancel: 6,
            self.log: 20,
            self.confirm: 16,
            self.dispute: 6,
            self.resolve: 5,
            self.read: 8,
        }

    async def prepare(self, spaces: Sequence[str], mentors: int) -> None:
        """Nominate and appoint mentors by the spaces, some by the district as well, and let them be booked all day."""
        made = await asyncio.gather(*(self._appointed(spaces[n % len(spaces)], n) for n in range(mentors + 1)))
        self._story_mentor, *self.mentors = made

    async def _appointed(self, space: str, number: int) -> str:
        sent = await self._once_arrived("NominateMentor", nominate_mentor(space))
        name = str(sent.reply.name)
        for appointer in [space, LONGTAN][: 1 + number % 2]:
            request = appointment_pb2.AppointMentorRequest(name=name, appointer=appointer)
            request.certificate_number = f"{number} {appointer}"
            # So that consultations in both years before are on record, and one of the years counts.
            request.start_date.year, request.start_date.month, request.start_date.day = self._today.year - 1, 1, 1
            await self._once_arrived("AppointMentor", request)
        await self._once_arrived("UpdateAvailability", open_all_day(name))
        return name

    async def _once_arrived(self, method: str, request: Any, at: str = "") -> Sent:
        """Send a command until the projections that it needs have arrived."""
        while True:
            request.request_id = ""
            sent = await self.client.command("mentors", method, request, at=at)
            if sent.reply is not None:
                return sent
            assert sent.refusal is not None
            assert sent.refusal.reason in NOT_ARRIVED, sent.refusal.reason

    async def run_story(self, startup: str, at: str = "") -> None:
        """Log a consultation of a startup, confirm it, and wait until the startup shows its mentor.

        Needs mentors, startups, their relays and inboxes. `at` is the only replica of mentors to call.
        """
        mentor = self._story_mentor
        start = midday(date(self._today.year - 1, 3, 1)) + QUARTER * next(self._story_quarters)
        logged = await self._log_at(start, startup, at)
        answer = pb.ConfirmConsultationRequest(name=logged.reply.name, startup=startup, rating=5)
        await self._once_arrived("ConfirmConsultation", answer, at)

        async def arrived() -> bool:
            query = startup_pb2.GetStartupRequest(name=startup)
            found = await self.client.read("startups", "GetStartup", query)
            return mentor in {each.mentor for each in found.mentors}

        await eventually(arrived, seconds=60)

    async def log_over_the_end_of_a_week(self, startup: str) -> None:
        """Log a consultation that lies on two pages of its mentor's calendar."""
        monday = self._today - timedelta(days=self._today.weekday() + 7)
        await self._log_at(datetime.combine(monday, time(), ZONE) - QUARTER / 2, startup)

    async def _log_at(self, start: datetime, startup: str, at: str = "") -> Sent:
        """Log a quarter of an hour of the mentor whom no client chooses."""
        record = self._record(random.Random(0))
        record.start_time.CopyFrom(stamp(start))
        record.end_time.CopyFrom(stamp(start + QUARTER))
        request = pb.LogConsultationRequest(mentor=self._story_mentor, startups=[startup], record=record)
        return await self._once_arrived("LogConsultation", request, at)

    # --- what a client does --------------------------------------------------------------------

    async def request(self, chance: random.Random) -> Sent:
        """Request an hour that others want, too."""
        mentor, startup = chance.choice(self.mentors), self._some_startup(chance)
        request = pb.RequestConsultationRequest(mentor=mentor, startup=startup, **self._hours.future(chance))
        request.kind, request.format, request.topic = chance.choice(KINDS), profession_pb2.FORMAT_VIDEO, "topic"
        sent = await self.client.command("mentors", "RequestConsultation", request)
        if sent.reply is not None:
            self._requested.append(sent.reply.name)
        return sent

    async def accept(self, chance: random.Random) -> Sent | None:
        """Accept a request. Some were accepted or cancelled already."""
        if not self._requested:
            return None
        request = pb.AcceptConsultationRequest(name=self._some_requested(chance))
        if chance.random() < 0.3:
            request.etag = self._seen_etag(request.name)
        sent = await self.client.command("mentors", "AcceptConsultation", request)
        if sent.reply is not None:
            self._scheduled.append(sent.reply)
        return sent

    async def move(self, chance: random.Random) -> Sent | None:
        """Move what is requested or scheduled to another hour, at times to one that is taken."""
        known = [*self._requested, *(each.name for each in self._scheduled)]
        if not known:
            return None
        request = pb.MoveConsultationRequest(name=chance.choice(known), **self._hours.future(chance))
        sent = await self.client.command("mentors", "MoveConsultation", request)
        if sent.reply is not None:
            self._requested.append(sent.reply.name)
        return sent

    async def cancel(self, chance: random.Random) -> Sent | None:
        """Cancel what is scheduled, so that others can have the time."""
        if not self._scheduled:
            return None
        name = self._scheduled.pop(chance.randrange(len(self._scheduled))).name
        request = pb.CancelConsultationRequest(name=name, end_reason=chance.choice(END_REASONS))
        return await self.client.command("mentors", "CancelConsultation", request)

    async def log(self, chance: random.Random) -> Sent:
        """Log a session that was held: a walk-in, or one that was scheduled for later and held earlier."""
        record = self._record(chance)
        request = pb.LogConsultationRequest(mentor=chance.choice(self.mentors), record=record)
        if self._scheduled and chance.random() < 0.3:
            booked = self._scheduled.pop(chance.randrange(len(self._scheduled)))
            request.name, request.mentor = booked.name, booked.mentor
        else:
            count = chance.choice([1, 1, 2, 3])
            request.startups.extend(dict.fromkeys(self._some_startup(chance) for _ in range(count)))
        sent = await self.client.command("mentors", "LogConsultation", request)
        if sent.reply is not None:
            self._recorded.append(sent.reply)
        return sent

    def _record(self, chance: random.Random) -> pb.ConsultationRecord:
        record = pb.ConsultationRecord(**self._hours.past(chance))
        record.kind, record.format, record.topic = chance.choice(KINDS), profession_pb2.FORMAT_ON_SITE, "topic"
        return record

    async def confirm(self, chance: random.Random) -> Sent | None:
        """Confirm a record for one of its startups, with or without a rating. Some have answered already."""
        if not self._recorded:
            return None
        name, startup = self._some_service(chance)
        request = pb.ConfirmConsultationRequest(name=name, startup=startup, rating=chance.randint(0, 5))
        return await self.client.command("mentors", "ConfirmConsultation", request)

    async def dispute(self, chance: random.Random) -> Sent | None:
        """Dispute a record, confirmed or not."""
        if not self._recorded:
            return None
        name, startup = self._some_service(chance)
        request = pb.DisputeConsultationRequest(name=name, startup=startup, dispute_reason="a reason")
        sent = await self.client.command("mentors", "DisputeConsultation", request)
        if sent.reply is not None:
            self._disputed.append((name, startup))
        return sent

    async def resolve(self, chance: random.Random) -> Sent | None:
        """Resolve a dispute one way or the other. Some startups have taken theirs back."""
        if not self._disputed:
            return None
        name, startup = self._disputed.pop(chance.randrange(len(self._disputed)))
        request = pb.ResolveDisputeRequest(name=name, startup=startup)
        request.resolution = chance.choice([request.RESOLUTION_UPHELD, request.RESOLUTION_DISMISSED])
        return await self.client.command("mentors", "ResolveDispute", request)

    async def read(self, chance: random.Random) -> None:
        """Read a consultation, a mentor, or a page of consultations."""
        mentor = chance.choice(self.mentors)
        which = chance.randrange(3)
        if which == 0 and self._recorded:
            query = pb.GetConsultationRequest(name=chance.choice(self._recorded).name)
            await self.client.read("mentors", "GetConsultation", query)
        elif which == 1:
            await self.client.read("mentors", "GetMentor", mentor_pb2.GetMentorRequest(name=mentor))
        else:
            page = pb.ListConsultationsRequest(mentor=mentor, page_size=20)
            await self.client.read("mentors", "ListConsultations", page)

    def _some_startup(self, chance: random.Random) -> str:
        """Return one of the first startups, so that several mentors advise each."""
        return chance.choice(self._startups[:40])

    def _some_requested(self, chance: random.Random) -> str:
        index = chance.randrange(len(self._requested))
        return self._requested[index] if chance.random() < 0.2 else self._requested.pop(index)

    def _some_service(self, chance: random.Random) -> tuple[str, str]:
        """Return a consultation, most often one of the last, and one of its startups."""
        record = chance.choice(self._recorded[-40:] if chance.random() < 0.7 else self._recorded)
        return record.name, chance.choice(record.startups)

    def _seen_etag(self, name: str) -> str:
        return f"v{self.client.ledger.seen[name]}"
