"""A city in which so many startups have lived for a while, laid down in the shape of the services' own documents."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from bench.contenders import Database, Ring, Say
from bench.scenery import CLOCK, ZONE, insert, occupant, space, startup
from libs.common import journal
from libs.common.collections import Collection, to_document
from services.spaces.domain import Stay, Tenancy
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES
from services.startups.domain import Residency, ResidencyState
from services.startups.store import STARTUPS
from tests.running import World

Document = dict[str, Any]
TENANTS = 100
DISTRICTS = ("districts/220203", "districts/220204", "districts/220202", "districts/220211")
#: Startups that live nowhere yet, for those who register tenants.
HOMELESS = 20_000


@dataclass(slots=True)
class City:
    """So many spaces with a hundred tenants each, and names to ask for, at random or one after another."""

    spaces: int
    homeless: Iterator[int]
    ending: Iterator[int]

    district = DISTRICTS[0]

    @property
    def tenancies(self) -> int:
        """How many tenancies there are at first."""
        return self.spaces * TENANTS

    def space(self, number: int) -> str:
        """The name of a space."""
        return f"spaces/c{number:07d}"

    def startup(self, number: int) -> str:
        """The name of a startup; those from `tenancies` on live nowhere."""
        return f"startups/c{number:07d}"

    def tenancy(self, number: int) -> str:
        """The name of a startup's tenancy."""
        return f"{self.space(number // TENANTS)}/tenancies/c{number:07d}"

    def any_space(self) -> str:
        """One of the spaces."""
        return self.space(random.randrange(self.spaces))

    def any_startup(self) -> str:
        """One of the startups."""
        return self.startup(random.randrange(self.tenancies))

    any_tenant = any_startup

    def any_tenancy(self) -> str:
        """One of the tenancies."""
        return self.tenancy(random.randrange(self.tenancies))

    def next_homeless(self) -> str:
        """A startup that lives nowhere, another one each time."""
        return self.startup(self.tenancies + next(self.homeless))

    def next_tenancy(self) -> str:
        """A tenancy to end, another one each time; it may have been ended where there are few."""
        return self.tenancy(next(self.ending) * 7_919 % self.tenancies)


def settle(ring: Ring, world: World, spaces: int, say: Say) -> City:
    """Lay the city down in the databases of a world; the indexes come last, as that takes the least time."""
    city = City(spaces, iter(count()), iter(count()))
    today, since = CLOCK.today(ZONE), CLOCK.now() - timedelta(days=200)
    moved_in = today - timedelta(days=200)
    mine, theirs = (ring.client[world.database(name)] for name in ("spaces", "startups"))
    _keep(mine, SPACES, (_space(city, number, today) for number in range(spaces)))
    _keep(mine, TENANCIES, _tenancies(city, moved_in, since))
    _keep(mine, OCCUPANTS, _occupants(city, moved_in))
    _keep(theirs, STARTUPS, _startups(city, moved_in))
    for database, documents in ((mine, _entries(city, since)), (theirs, _entries(city, since))):
        insert(database, journal.NAME, documents)
        database[journal.NAME].create_indexes([journal.BY_TIME.model()])
        database["positions"].insert_one({"_id": "relay", "told": since + timedelta(days=1)})
    ring.client.admin.command("fsync")
    say(f"a city of {spaces:,} spaces and {city.tenancies:,} tenancies stands")
    return city


def _keep(database: Database, collection: Collection, documents: Iterator[Document]) -> None:
    insert(database, collection.name, documents)
    if collection.indexes:
        database[collection.name].create_indexes([index.model() for index in collection.indexes])


def _space(city: City, number: int, today: date) -> Document:
    there = space(city.space(number), today - timedelta(days=200), let=TENANTS)
    place = DISTRICTS[number % len(DISTRICTS)]
    return to_document(there.with_(district=place, display_name=f"江城孵化器 {number}"))


def _tenancies(city: City, moved_in: date, since: datetime) -> Iterator[Document]:
    """From one that the service would write, with other names; a model for each would take minutes."""
    first = Tenancy(
        name=city.tenancy(0),
        space=city.space(0),
        space_display_name="江城孵化器",
        district=DISTRICTS[0],
        zone="",
        startup=city.startup(0),
        startup_display_name="松江碳材",
        desks=1,
        area_m2=10,
        start_date=moved_in,
        version=1,
        create_time=since,
        update_time=since,
    ).at(moved_in, ZONE)
    model = to_document(first)
    for number in range(city.tenancies):
        at = number // TENANTS
        names = {"_id": city.tenancy(number), "space": city.space(at), "startup": city.startup(number)}
        yield {**model, **names, "district": DISTRICTS[at % len(DISTRICTS)]}


def _occupants(city: City, moved_in: date) -> Iterator[Document]:
    card = occupant(city.startup(0))
    at_home = to_document(card.with_(stays=(Stay(tenancy=city.tenancy(0), start=moved_in),)))
    for number in range(city.tenancies):
        yield {
            **at_home,
            "_id": city.startup(number),
            "stays": [{**at_home["stays"][0], "tenancy": city.tenancy(number)}],
        }
    homeless = to_document(card)
    for number in range(city.tenancies, city.tenancies + HOMELESS):
        yield {**homeless, "_id": city.startup(number)}


def _startups(city: City, moved_in: date) -> Iterator[Document]:
    residency = Residency(
        tenancy=city.tenancy(0),
        space=city.space(0),
        space_display_name="江城孵化器",
        start_date=moved_in,
        state=ResidencyState.CURRENT,
        sequence=1,
    )
    model = to_document(startup(city.startup(0)).with_(residency=residency, stays=(residency,)))
    for number in range(city.tenancies + HOMELESS):
        lives = {**model["residency"], "tenancy": city.tenancy(number), "space": city.space(number // TENANTS)}
        yield {
            **model,
            "_id": city.startup(number),
            "display_name": f"松江碳材 {number}",
            "technology_field": ("new-materials", "electronic-information")[number % 2],
            "district": DISTRICTS[number % len(DISTRICTS)],
            "residency": lives if number < city.tenancies else None,
            "stays": [lives] if number < city.tenancies else [],
        }


def _entries(city: City, since: datetime) -> Iterator[Document]:
    """As many entries as tenancies, told long ago."""
    for number in range(city.tenancies):
        yield {
            "_id": os.urandom(16).hex(),
            "actor": "tester",
            "command": "hatchery.spaces.v1.SpaceService.RegisterTenant",
            "digest": os.urandom(16),
            "at": since + timedelta(milliseconds=number),
            "entities": [{"name": city.tenancy(number), "version": 1}],
            "facts": [
                {
                    "type": "hatchery.spaces.v1.TenancyActivated",
                    "subject": city.tenancy(number),
                    "sequence": 1,
                    "body": os.urandom(200),
                }
            ],
            "traceparent": "",
        }
