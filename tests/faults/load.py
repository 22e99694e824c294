"""A mixed load: clients who register, let, end, change and read, on many spaces and on one that everybody wants."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from google.protobuf.field_mask_pb2 import FieldMask

from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from services.startups.domain.credit_code import check, organisation_check
from tests.conftest import eventually
from tests.faults.calls import Client, Sent, said

DISTRICTS = ("districts/220202", "districts/220203", "districts/220204", "districts/220211")
FIELDS = ("new-materials", "aerospace", "modern-agriculture")
#: Why an operator may end a tenancy.
REASONS = (sp.Tenancy.END_REASON_LEFT, sp.Tenancy.END_REASON_GRADUATED, sp.Tenancy.END_REASON_EVICTED)
ZONE = ZoneInfo("Asia/Shanghai")


def today() -> date:
    """The city's calendar day."""
    return datetime.now(ZONE).date()


def day(given: date) -> Date:
    """A day as a message."""
    return Date(year=given.year, month=given.month, day=given.day)


def credit_code(number: int) -> str:
    """A credit code with valid check digits, another one for each number."""
    body = f"{number:08d}"
    code = "91220200" + body + organisation_check(body)
    return code + check(code)


@dataclass(slots=True)
class Town:
    """What the clients know of by now, each from an answer of its own or of another's."""

    hot: str = ""
    spaces: list[str] = field(default_factory=list)
    startups: list[str] = field(default_factory=list)
    tenancies: list[sp.Tenancy] = field(default_factory=list)


class Load:
    """So many clients, each of which asks one thing after another until told to stop."""

    def __init__(self, client: Client, seed: int = 1, clients: int = 20) -> None:
        self.town = Town()
        self.client = client
        self._seed = seed
        self._clients = clients
        self._stopped = asyncio.Event()
        self._codes = iter(range(1, 100_000_000))

    async def prepare(self, spaces: int = 24, startups: int = 120) -> None:
        """Open the spaces, the hot one among them, and register the first startups."""
        chance = random.Random(self._seed)
        self.town.hot = await self.create_space("hot", desks=150, area_m2=4000)
        names = await asyncio.gather(*(self.create_space(f"space {n}", 12, 300) for n in range(spaces)))
        self.town.spaces += names
        await asyncio.gather(*(self.register_startup(chance) for _ in range(startups)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The load runs inside, and every command has its definite answer behind."""
        self._stopped.clear()
        async with asyncio.TaskGroup() as clients:
            for number in range(self._clients):
                clients.create_task(self._ask_on(random.Random(self._seed * 1000 + number)))
            try:
                yield
            finally:
                self._stopped.set()

    async def progress(self, commands: int) -> None:
        """Wait until so many more commands have been answered."""
        aim = len(self.client.ledger.sent) + commands

        async def reached() -> bool:
            return len(self.client.ledger.sent) >= aim

        await eventually(reached, seconds=60)

    async def story(self, at: str = "") -> None:
        """One story from end to end, which needs every service, both relays and both inboxes to be well."""
        chance = random.Random(len(self.client.ledger.sent))
        startup = (await self._enter(chance, taken=0)).answer.name  # of which no client knows, to move it elsewhere
        ask = sp.RegisterTenantRequest(space=self.town.spaces[0], startup=startup, area_m2=1)
        ask.start_date.CopyFrom(day(today() - timedelta(days=1)))
        ask.end_date.CopyFrom(day(today()))
        while True:  # until the card has arrived
            ask.request_id = ""
            sent = await self.client.command("spaces", "RegisterTenant", ask, at=at)
            if sent.answer is not None:
                break
            assert sent.refusal is not None
            assert sent.refusal.reason == "STARTUP_NOT_FOUND", sent.refusal.reason
        while True:  # until the startup knows where it lived
            page = await self.client.read("startups", "GetStartup", st.GetStartupRequest(name=startup))
            if page.residency.tenancy == sent.answer.name:
                return
            await asyncio.sleep(0.02)

    # --- what a client may do ------------------------------------------------------------------

    async def _ask_on(self, chance: random.Random) -> None:
        asks: dict[Callable[[random.Random], Awaitable[Sent | None]], int] = {
            self.register_startup: 8,
            self.register_tenant: 26,
            self.crowd: 14,
            self.end_tenancy: 24,
            self.update_space: 6,
            self.update_startup: 8,
            self.read: 14,
        }
        while not self._stopped.is_set():
            (ask,) = chance.choices(list(asks), list(asks.values()))
            sent = await ask(chance)
            if sent is not None and sent.answer is not None and chance.random() < 0.05:
                await self.repeat(sent)

    async def repeat(self, sent: Sent) -> None:
        """Send a command once more that was answered before: the answer must be the first one."""
        again = await self.client.command(sent.service, sent.method, sent.request, keep=False)
        if again.answer is None or said(again.answer) != said(sent.answer):
            self.client.ledger.faults.append(f"a repeat of {sent.method} {sent.answer.name} got another answer")

    async def create_space(self, called: str, desks: int, area_m2: int) -> str:
        """Open a space; its name."""
        spec = sp.SpaceSpec(display_name=called, kind=sp.Space.KIND_INCUBATOR, district=DISTRICTS[0], operator="it")
        spec.desks, spec.area_m2 = desks, area_m2
        sent = await self.client.command("spaces", "CreateSpace", sp.CreateSpaceRequest(space=spec))
        return str(sent.answer.name)

    async def register_startup(self, chance: random.Random) -> Sent:
        """A team, a firm, or now and then a firm whose code is taken."""
        sent = await self._enter(chance, taken=0.1)
        if sent.answer is not None:
            self.town.startups.append(sent.answer.name)
        return sent

    async def _enter(self, chance: random.Random, *, taken: float) -> Sent:
        number = next(self._codes)
        spec = st.StartupSpec(display_name=f"startup {number}", district=chance.choice(DISTRICTS))
        spec.technology_field = chance.choice(FIELDS)
        if chance.random() < 0.5 and self.town.startups:
            spec.credit_code = credit_code(chance.randint(1, number) if chance.random() < taken else number)
        return await self.client.command("startups", "RegisterStartup", st.RegisterStartupRequest(startup=spec))

    async def register_tenant(self, chance: random.Random) -> Sent:
        """Let room of any space, from some day on, for a while or for good."""
        return await self._let(chance, chance.choice(self.town.spaces))

    async def crowd(self, chance: random.Random) -> Sent:
        """Let room of the one space that everybody wants."""
        return await self._let(chance, self.town.hot)

    async def _let(self, chance: random.Random, space: str) -> Sent:
        ask = sp.RegisterTenantRequest(space=space, startup=chance.choice(self.town.startups))
        ask.desks, ask.area_m2 = chance.randint(0, 3), chance.randint(1, 40)
        start = today() + timedelta(days=chance.choice([0, 0, 0, chance.randint(-60, -1), chance.randint(1, 60)]))
        if start != today() or chance.random() < 0.5:
            ask.start_date.CopyFrom(day(start))
        if chance.random() < 0.5:
            ask.end_date.CopyFrom(day(start + timedelta(days=chance.randint(1, 90))))
        sent = await self.client.command("spaces", "RegisterTenant", ask)
        if sent.answer is not None:
            self.town.tenancies.append(sent.answer)
        return sent

    async def end_tenancy(self, chance: random.Random) -> Sent | None:
        """End a tenancy now or on a day; some were ended before, and some askers know an old version."""
        known = self.town.tenancies
        if not known:
            return None
        tenancy = known.pop(chance.randrange(len(known)))
        ask = sp.EndTenancyRequest(name=tenancy.name, end_reason=chance.choice(REASONS))
        if chance.random() < 0.3:
            start = date(tenancy.start_date.year, tenancy.start_date.month, tenancy.start_date.day)
            ask.end_date.CopyFrom(day(start + timedelta(days=chance.randint(0, 60))))
        if chance.random() < 0.2:
            ask.etag = tenancy.etag
        sent = await self.client.command("spaces", "EndTenancy", ask)
        if sent.answer is not None and chance.random() < 0.3:
            known.append(sent.answer)
        return sent

    async def update_space(self, chance: random.Random) -> Sent:
        """Rename a space, or make it smaller or larger."""
        name = chance.choice([*self.town.spaces, self.town.hot])
        ask = sp.UpdateSpaceRequest(name=name, update_mask=FieldMask(paths=["display_name"]))
        ask.space.display_name = f"renamed {chance.randint(1, 1000)}"
        if name != self.town.hot and chance.random() < 0.5:
            ask.update_mask.paths.append("desks")
            ask.space.desks = chance.randint(4, 20)
        if chance.random() < 0.3:
            ask.etag = f"v{self.client.ledger.shown[name]}"
        return await self.client.command("spaces", "UpdateSpace", ask)

    async def update_startup(self, chance: random.Random) -> Sent:
        """Rename a startup, or make a firm of a team; its card must follow."""
        ask = st.UpdateStartupRequest(name=chance.choice(self.town.startups))
        ask.startup.display_name = f"renamed {chance.randint(1, 1_000_000)}"
        ask.update_mask.paths.append("display_name")
        if chance.random() < 0.2:
            ask.update_mask.paths.append("credit_code")
            ask.startup.credit_code = credit_code(next(self._codes))
        return await self.client.command("startups", "UpdateStartup", ask)

    async def read(self, chance: random.Random) -> None:
        """Look at a space, a startup, a tenancy, or a page of tenancies."""
        ask, town = self.client.read, self.town
        space = chance.choice([*town.spaces, town.hot])
        which = chance.randrange(4)
        if which == 0:
            await ask("spaces", "GetSpace", sp.GetSpaceRequest(name=space))
        elif which == 1:
            await ask("startups", "GetStartup", st.GetStartupRequest(name=chance.choice(town.startups)))
        elif which == 2 and town.tenancies:
            await ask("spaces", "GetTenancy", sp.GetTenancyRequest(name=chance.choice(town.tenancies).name))
        else:
            await ask("spaces", "ListTenancies", sp.ListTenanciesRequest(parent=space, page_size=20))
