"""A mixed load: clients that register, lease, end, change and read, in many spaces and in one that all of them want.

Others book and log consultations meanwhile (`mentoring`).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from libs.api.hatchery.mentors.v1 import consultation_pb2, mentor_pb2
from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from services.startups.domain.credit_code import ALPHABET, check, organisation_check
from tests.faults.calls import Client, Sent, as_bytes, version_of
from tests.faults.mentoring import Action, Mentoring
from tests.faults.stored import ZONE
from tests.support.waiting import eventually

DISTRICTS = ("districts/220202", "districts/220203", "districts/220204", "districts/220211")
FIELDS = ("new-materials", "aerospace", "modern-agriculture")
#: The reasons for which an operator may end a tenancy.
END_REASONS = (
    tenancy_pb2.Tenancy.END_REASON_LEFT,
    tenancy_pb2.Tenancy.END_REASON_GRADUATED,
    tenancy_pb2.Tenancy.END_REASON_EVICTED,
)
CORRECTIONS = (
    startup_pb2.Startup.CREDIT_CODE_CORRECTION_MISTYPED,
    startup_pb2.Startup.CREDIT_CODE_CORRECTION_WRONG_STARTUP,
    startup_pb2.Startup.CREDIT_CODE_CORRECTION_REISSUED,
)
#: These replies may hold personal data, which the journal leaves out: a repeat gets them as they are then.
NOT_JOURNALLED = (mentor_pb2.Mentor, consultation_pb2.Consultation)


def today() -> date:
    """Return the city's calendar day."""
    return datetime.now(ZONE).date()


def message_of(day: date) -> Date:
    """Return a day as a message."""
    return Date(year=day.year, month=day.month, day=day.day)


def credit_code(number: int, *, fits: bool = True) -> str:
    """Return a credit code, another one for each number. Without `fits` its check digit is wrong."""
    body = f"{number:08d}"
    code = "91220200" + body + organisation_check(body)
    sign = check(code)
    return code + (sign if fits else ALPHABET[(ALPHABET.index(sign) + 1) % len(ALPHABET)])


@dataclass(slots=True)
class Known:
    """What the clients know so far, from the replies that they got."""

    hot: str = ""
    spaces: list[str] = field(default_factory=list)
    startups: list[str] = field(default_factory=list)
    tenancies: list[tenancy_pb2.Tenancy] = field(default_factory=list)


class Load:
    """Clients that send one request after another until they are stopped."""

    def __init__(self, client: Client, seed: int, clients: int = 20, mentor_clients: int = 2) -> None:
        self.known = Known()
        self.client = client
        self.mentoring = Mentoring(client, self.known.startups, today())
        self._seed = seed
        self._clients = clients
        self._mentor_clients = mentor_clients
        self._stopped = asyncio.Event()
        self._codes = iter(range(1, 100_000_000))

    async def prepare(self, spaces: int = 24, startups: int = 120, mentors: int = 6) -> None:
        """Create the spaces, the hot one among them, register the first startups, and appoint the mentors."""
        chance = random.Random(self._seed)
        self.known.hot = await self.create_space("hot", desks=150, area_m2=4000.25)
        names = await asyncio.gather(*(self.create_space(f"space {n}", 12, 300.1 + n / 100) for n in range(spaces)))
        self.known.spaces += names
        await asyncio.gather(*(self.register_startup(chance) for _ in range(startups)))
        await self.mentoring.prepare(self.known.spaces, mentors)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the load up during the block. Afterwards the outcome of every command is known."""
        self._stopped.clear()
        actions = [self._actions()] * self._clients + [self.mentoring.actions()] * self._mentor_clients
        async with asyncio.TaskGroup() as clients:
            for number, each in enumerate(actions):
                clients.create_task(self._run_client(each, random.Random(self._seed * 1000 + number)))
            try:
                yield
            finally:
                self._stopped.set()

    async def progress(self, commands: int, of_mentors: int) -> None:
        """Wait until so many more commands have been answered, and in addition so many of mentors."""
        answered = self.client.ledger.answered
        wanted = answered.total() - answered["mentors"] + commands
        wanted_of_mentors = answered["mentors"] + of_mentors

        async def reached() -> bool:
            others = answered.total() - answered["mentors"]
            return others >= wanted and answered["mentors"] >= wanted_of_mentors

        await eventually(reached, seconds=60)

    async def run_story(self, *, spaces: str = "", mentors: str = "") -> None:
        """Register a startup, lease it room, log a consultation, and wait until its page shows its space and mentor.

        Needs all services, their relays and inboxes. `spaces` and `mentors` are the only replicas to call.
        """
        chance = random.Random(len(self.client.ledger.sent))
        startup = (await self._register(chance, taken=0)).reply.name  # no other client knows it and moves it elsewhere
        await asyncio.gather(self._move_in(startup, spaces), self.mentoring.run_story(startup, mentors))

    async def _move_in(self, startup: str, at: str) -> None:
        request = tenancy_pb2.RegisterTenantRequest(space=self.known.spaces[0], startup=startup, area_m2=0.01)
        request.start_date.CopyFrom(message_of(today() - timedelta(days=1)))
        request.end_date.CopyFrom(message_of(today()))
        while True:  # until the projection has arrived
            request.request_id = ""
            sent = await self.client.command("spaces", "RegisterTenant", request, at=at)
            if sent.reply is not None:
                break
            assert sent.refusal is not None
            assert sent.refusal.reason == "STARTUP_NOT_FOUND", sent.refusal.reason
        name = sent.reply.name

        async def arrived() -> bool:
            query = startup_pb2.GetStartupRequest(name=startup)
            found = await self.client.read("startups", "GetStartup", query)
            return bool(found.residency.tenancy == name)

        await eventually(arrived, seconds=60)

    # --- what a client does --------------------------------------------------------------------

    def _actions(self) -> Mapping[Action, int]:
        return {
            self.register_startup: 8,
            self.register_tenant: 26,
            self.register_in_hot_space: 14,
            self.end_tenancy: 24,
            self.update_space: 6,
            self.update_startup: 8,
            self.confirm_credit_code: 5,
            self.correct_credit_code: 5,
            self.read: 14,
        }

    async def _run_client(self, actions: Mapping[Action, int], chance: random.Random) -> None:
        while not self._stopped.is_set():
            (action,) = chance.choices(list(actions), list(actions.values()))
            sent = await action(chance)
            if sent is not None and sent.reply is not None and chance.random() < 0.05:
                await self.repeat(sent)

    async def repeat(self, sent: Sent) -> None:
        """Send an answered command once more. The reply must be the first one, or a later version of the entity."""
        again = (await self.client.command(sent.service, sent.method, sent.request, record=False)).reply
        if again is not None and isinstance(again, NOT_JOURNALLED):
            is_same = again.name == sent.reply.name and version_of(again) >= version_of(sent.reply)
        else:
            is_same = again is not None and as_bytes(again) == as_bytes(sent.reply)
        if not is_same:
            self.client.ledger.faults.append(f"a repeat of {sent.method} {sent.reply.name} got another reply")

    async def create_space(self, display_name: str, desks: int, area_m2: float) -> str:
        """Create a space and return its name."""
        kind = space_pb2.Space.KIND_INCUBATOR
        spec = space_pb2.SpaceSpec(display_name=display_name, kind=kind, district=DISTRICTS[0], operator="operator")
        spec.desks, spec.area_m2 = desks, round(area_m2, 2)
        sent = await self.client.command("spaces", "CreateSpace", space_pb2.CreateSpaceRequest(space=spec))
        return str(sent.reply.name)

    async def register_startup(self, chance: random.Random) -> Sent:
        """Register a team or a firm, at times with a credit code that is taken."""
        sent = await self._register(chance, taken=0.1)
        if sent.reply is not None:
            self.known.startups.append(sent.reply.name)
        return sent

    async def _register(self, chance: random.Random, *, taken: float) -> Sent:
        number = next(self._codes)
        spec = startup_pb2.StartupSpec(display_name=f"startup {number}", district=chance.choice(DISTRICTS))
        spec.technology_field = chance.choice(FIELDS)
        if chance.random() < 0.5 and self.known.startups:
            spec.credit_code = credit_code(chance.randint(1, number) if chance.random() < taken else number)
        request = startup_pb2.RegisterStartupRequest(startup=spec)
        return await self.client.command("startups", "RegisterStartup", request)

    async def register_tenant(self, chance: random.Random) -> Sent:
        """Lease room in any space, from some day on, with or without an end."""
        return await self._lease(chance, chance.choice(self.known.spaces))

    async def register_in_hot_space(self, chance: random.Random) -> Sent:
        """Lease room in the one space that all clients want."""
        return await self._lease(chance, self.known.hot)

    async def _lease(self, chance: random.Random, space: str) -> Sent:
        request = tenancy_pb2.RegisterTenantRequest(space=space, startup=chance.choice(self.known.startups))
        request.desks, request.area_m2 = chance.randint(0, 3), chance.randint(1, 4000) / 100
        start = today() + timedelta(days=chance.choice([0, 0, 0, chance.randint(-60, -1), chance.randint(1, 60)]))
        if start != today() or chance.random() < 0.5:
            request.start_date.CopyFrom(message_of(start))
        if chance.random() < 0.5:
            request.end_date.CopyFrom(message_of(start + timedelta(days=chance.randint(1, 90))))
        sent = await self.client.command("spaces", "RegisterTenant", request)
        if sent.reply is not None:
            self.known.tenancies.append(sent.reply)
        return sent

    async def end_tenancy(self, chance: random.Random) -> Sent | None:
        """End a tenancy now or on a day. Some have ended already, and some clients know an old version."""
        known = self.known.tenancies
        if not known:
            return None
        tenancy = known.pop(chance.randrange(len(known)))
        request = tenancy_pb2.EndTenancyRequest(name=tenancy.name, end_reason=chance.choice(END_REASONS))
        if chance.random() < 0.3:
            start = date(tenancy.start_date.year, tenancy.start_date.month, tenancy.start_date.day)
            request.end_date.CopyFrom(message_of(start + timedelta(days=chance.randint(0, 60))))
        if chance.random() < 0.2:
            request.etag = tenancy.etag
        sent = await self.client.command("spaces", "EndTenancy", request)
        if sent.reply is not None and chance.random() < 0.3:
            known.append(sent.reply)
        return sent

    async def update_space(self, chance: random.Random) -> Sent:
        """Rename a space, or make it smaller or larger."""
        name = chance.choice([*self.known.spaces, self.known.hot])
        mask = FieldMask(paths=["display_name"])
        request = space_pb2.UpdateSpaceRequest(name=name, update_mask=mask)
        request.space.display_name = f"renamed {chance.randint(1, 1000)}"
        if name != self.known.hot and chance.random() < 0.5:
            request.update_mask.paths.extend(["desks", "area_m2"])
            request.space.desks = chance.randint(4, 20)
            request.space.area_m2 = chance.randint(20_000, 40_000) / 100
        if chance.random() < 0.3:
            request.etag = self._seen_etag(name)
        return await self.client.command("spaces", "UpdateSpace", request)

    async def update_startup(self, chance: random.Random) -> Sent:
        """Rename a startup, which its projection must follow, or make a firm of a team."""
        request = startup_pb2.UpdateStartupRequest(name=chance.choice(self.known.startups))
        request.startup.display_name = f"renamed {chance.randint(1, 1_000_000)}"
        request.update_mask.paths.append("display_name")
        if chance.random() < 0.2:
            request.update_mask.paths.append("credit_code")
            request.startup.credit_code = credit_code(next(self._codes))
        return await self.client.command("startups", "UpdateStartup", request)

    async def confirm_credit_code(self, chance: random.Random) -> Sent:
        """Record a code from a licence, often with a wrong check digit, at times one that is taken."""
        number = next(self._codes)
        code = credit_code(chance.randint(1, number) if chance.random() < 0.1 else number, fits=chance.random() < 0.5)
        request = startup_pb2.ConfirmCreditCodeRequest(name=chance.choice(self.known.startups), credit_code=code)
        if chance.random() < 0.2:
            request.etag = self._seen_etag(request.name)
        return await self.client.command("startups", "ConfirmCreditCode", request)

    async def correct_credit_code(self, chance: random.Random) -> Sent:
        """Remove a code, or replace it, at times by one that is taken."""
        request = startup_pb2.CorrectCreditCodeRequest(name=chance.choice(self.known.startups))
        request.correction_reason = chance.choice(CORRECTIONS)
        if chance.random() < 0.6:
            number = next(self._codes)
            request.credit_code = credit_code(chance.randint(1, number) if chance.random() < 0.1 else number)
        if chance.random() < 0.2:
            request.etag = self._seen_etag(request.name)
        return await self.client.command("startups", "CorrectCreditCode", request)

    def _seen_etag(self, name: str) -> str:
        return f"v{self.client.ledger.seen[name]}"

    async def read(self, chance: random.Random) -> None:
        """Read a space, a startup, a tenancy, or a page of tenancies."""
        read, known = self.client.read, self.known
        space = chance.choice([*known.spaces, known.hot])
        which = chance.randrange(4)
        if which == 0:
            await read("spaces", "GetSpace", space_pb2.GetSpaceRequest(name=space))
        elif which == 1:
            query = startup_pb2.GetStartupRequest(name=chance.choice(known.startups))
            await read("startups", "GetStartup", query)
        elif which == 2 and known.tenancies:
            name = chance.choice(known.tenancies).name
            await read("spaces", "GetTenancy", tenancy_pb2.GetTenancyRequest(name=name))
        else:
            await read("spaces", "ListTenancies", tenancy_pb2.ListTenanciesRequest(parent=space, page_size=20))
