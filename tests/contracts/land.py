"""What the contract is tried on: a home and a foreign place with their tenants, and what each service has parked."""

import os
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import nats

from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.api.hatchery.operations.v1 import operations_pb2 as ops
from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from services.startups.domain.credit_code import check, organisation_check
from tests.conftest import eventually
from tests.contracts.contract import HOMES
from tests.contracts.town import Town, method

ZONE = ZoneInfo("Asia/Shanghai")
#: The ids of what is parked in every service: two facts that nobody can read.
UNREADABLE = ("unreadable.0", "unreadable.1")


@dataclass
class Place:
    """A space with a tenant in it, and nothing in common with another place."""

    space: sp.Space
    startup: st.Startup
    tenancy: sp.Tenancy

    @property
    def scopes(self) -> tuple[str, ...]:
        """All that a caller of this place might be narrowed to."""
        return self.space.name, self.space.district, self.space.zone, self.startup.name


@dataclass
class Land:
    """Two places, and the facts that each service has parked."""

    town: Town
    home: Place
    foreign: Place
    parked: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """A name of every kind of thing that has one."""
        some = self.parked[HOMES[0]][0]
        return self.home.space.name, self.home.tenancy.name, self.home.startup.name, self.home.space.district, some


def day(distance: int) -> Date:
    """So many days from today, as the city counts them."""
    return dated(datetime.now(ZONE).date() + timedelta(days=distance))


def dated(given: date) -> Date:
    """The day as a message."""
    return Date(year=given.year, month=given.month, day=given.day)


def credit_code() -> str:
    """A credit code that nobody has."""
    organisation = "".join(secrets.choice("0123456789ABCDEFGH") for _ in range(8))
    body = f"91220203{organisation}{organisation_check(organisation)}"
    return body + check(body)


def request_id() -> str:
    """A request id that nobody used."""
    return os.urandom(12).hex()


def space_spec(district: str = "220203", zone: str = "220271", label: str = "江城孵化器 Hub") -> sp.SpaceSpec:
    """A space with every field given."""
    return sp.SpaceSpec(
        display_name=label,
        kind=sp.Space.KIND_INCUBATOR,
        district=f"districts/{district}",
        zone=f"districts/{zone}",
        operator=f"{label}运营公司",
        desks=90_000,
        area_m2=900_000,
        address=f"{label}路1号",
    )


def startup_spec(district: str = "220203", label: str = "松江碳材 Carbon") -> st.StartupSpec:
    """A startup with every field given."""
    return st.StartupSpec(
        display_name=label,
        credit_code=credit_code(),
        district=f"districts/{district}",
        technology_field="new-materials",
        industry_chain="new-materials",
        founded_date=Date(year=2020, month=5, day=4),
    )


async def register(town: Town, spec: st.StartupSpec) -> st.Startup:
    """A startup that has just been registered."""
    ask = st.RegisterStartupRequest(startup=spec)
    made: st.Startup = await town.made(method("startups", "RegisterStartup"), ask)
    return made


async def move_in(town: Town, space: str, startup: str) -> sp.Tenancy:
    """A tenancy from today on, without an end."""
    ask = sp.RegisterTenantRequest(space=space, startup=startup, desks=2, area_m2=30)
    made: sp.Tenancy = await town.made(method("spaces", "RegisterTenant"), ask)
    return made


async def place(town: Town, district: str, zone: str, label: str) -> Place:
    """A place of its own in a district."""
    ask = sp.CreateSpaceRequest(space=space_spec(district, zone, label))
    space: sp.Space = await town.made(method("spaces", "CreateSpace"), ask)
    startup = await register(town, startup_spec(district, f"{label}团队"))
    tenancy = await move_in(town, space.name, startup.name)
    return Place(space, startup, tenancy)


async def settle(town: Town) -> Land:
    """Both places, and two parked facts in every service."""
    home = await place(town, "220203", "220271", "江城孵化器 Hub")
    land = Land(town, home, await place(town, "220204", "220272", "船营加速器 Dock"))
    await town.settled()
    for service in HOMES:
        land.parked[service] = await park(town, service)
    return land


async def park(town: Town, home: str) -> tuple[str, ...]:
    """Tell a service two facts that nobody can read; gives the names under which they are parked."""
    seed = town.world.nats.admin_seed_file
    connection = await nats.connect(town.world.nats.url, **({"nkeys_seed": str(seed)} if seed else {}))
    try:
        stream = connection.jetstream()
        heeded = [
            consumer.config.filter_subjects or [str(consumer.config.filter_subject)]
            for other in HOMES
            if other != home
            for consumer in await stream.consumers_info(other.upper())
            if consumer.name == home
        ]
        kind = heeded[0][0]
        told = []
        for name in UNREADABLE:
            headers = {"ce-id": name, "ce-type": kind, "ce-sequence": "1", "ce-subject": "none"}
            ack = await stream.publish(kind, b"\xff", headers=headers)
            told.append(f"parkedFacts/{ack.stream.lower()}-{ack.seq}")
    finally:
        await connection.close()

    async def are_parked() -> bool:
        return set(told) <= set(await parked_names(town, home))

    await eventually(are_parked)
    return tuple(told)


async def parked_names(town: Town, home: str) -> list[str]:
    """What a service has parked."""
    page = await town.made(method(home, "ListParkedFacts"), ops.ListParkedFactsRequest(page_size=200))
    return [fact.name for fact in page.parked_facts]
