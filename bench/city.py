"""A city whose spaces have had tenants for months, inserted as the services store it."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from bench.contenders import Database, Say, Testbed
from bench.dataset import CLOCK, ZONE, insert, new_occupant, new_space, new_startup
from libs.common.domain.sort_key import sort_key
from libs.common.messaging import checkpoint
from libs.common.store import journal
from libs.common.store.schema import SORT_KEYS, EntitySchema
from services.spaces.domain.occupant import Stay
from services.spaces.domain.tenancy import Tenancy
from services.spaces.store import OCCUPANTS, SPACES, TENANCIES
from services.startups.domain.residency import Residency, State
from services.startups.store import STARTUPS
from tests.support.processes import Cluster

Document = dict[str, Any]
TENANTS = 100
DISTRICTS = ("districts/220203", "districts/220204", "districts/220202", "districts/220211")
#: Startups without a tenancy, for requests to register tenants.
HOMELESS = 20_000


@dataclass(slots=True)
class City:
    """A number of spaces with a hundred tenants each. Gives out names, at random or one after another."""

    spaces: int
    homeless: Iterator[int]
    ending: Iterator[int]

    district = DISTRICTS[0]

    @property
    def tenancies(self) -> int:
        """How many tenancies there are at first."""
        return self.spaces * TENANTS

    def space(self, number: int) -> str:
        """Return the name of a space."""
        return f"spaces/c{number:07d}"

    def startup(self, number: int) -> str:
        """Return the name of a startup. Those from `tenancies` on have no tenancy."""
        return f"startups/c{number:07d}"

    def tenancy(self, number: int) -> str:
        """Return the name of a startup's tenancy."""
        return f"{self.space(number // TENANTS)}/tenancies/c{number:07d}"

    def any_space(self) -> str:
        """Return one of the spaces."""
        return self.space(random.randrange(self.spaces))

    def any_startup(self) -> str:
        """Return one of the startups."""
        return self.startup(random.randrange(self.tenancies))

    any_tenant = any_startup

    def any_tenancy(self) -> str:
        """Return one of the tenancies."""
        return self.tenancy(random.randrange(self.tenancies))

    def next_homeless(self) -> str:
        """Return a startup without a tenancy, another one each time."""
        return self.startup(self.tenancies + next(self.homeless))

    def next_tenancy(self) -> str:
        """Return a tenancy to end, another one each time. Where there are few it may have ended."""
        return self.tenancy(next(self.ending) * 7_919 % self.tenancies)


def insert_city(bed: Testbed, cluster: Cluster, spaces: int, say: Say) -> City:
    """Insert a city into the databases of a cluster. Indexes are created last, which is fastest."""
    city = City(spaces, iter(count()), iter(count()))
    today, since = CLOCK.today(ZONE), CLOCK.now() - timedelta(days=200)
    moved_in = today - timedelta(days=200)
    of_spaces, of_startups = (bed.client[cluster.database(name)] for name in ("spaces", "startups"))
    _insert(of_spaces, SPACES, (_space(city, number, today) for number in range(spaces)))
    _insert(of_spaces, TENANCIES, _tenancies(city, moved_in, since))
    _insert(of_spaces, OCCUPANTS, _occupants(city, moved_in))
    _insert(of_startups, STARTUPS, _startups(city, moved_in))
    for database in (of_spaces, of_startups):
        insert(database, journal.COLLECTION, _entries(city, since))
        database[journal.COLLECTION].create_indexes([journal.BY_TIME.model()])
        published_until = since + timedelta(days=1)
        database[checkpoint.COLLECTION].insert_one({"_id": "relay", "published_until": published_until})
    bed.client.admin.command("fsync")
    say(f"inserted a city of {spaces:,} spaces and {city.tenancies:,} tenancies")
    return city


def _insert(database: Database, schema: EntitySchema, documents: Iterator[Document]) -> None:
    insert(database, schema.collection, documents)
    if schema.indexes:
        database[schema.collection].create_indexes([index.model() for index in schema.indexes])


def _space(city: City, number: int, today: date) -> Document:
    space = new_space(city.space(number), today - timedelta(days=200), occupied=TENANTS)
    district = DISTRICTS[number % len(DISTRICTS)]
    return SPACES.to_document(space.with_(district=district, display_name=f"江城孵化器 {number}"))


def _tenancies(city: City, moved_in: date, since: datetime) -> Iterator[Document]:
    """Copy a tenancy as the service writes it, with other names. Building a model for each would take minutes."""
    first = Tenancy(
        name=city.tenancy(0),
        space=city.space(0),
        space_display_name="江城孵化器",
        district=DISTRICTS[0],
        zone="",
        startup=city.startup(0),
        startup_display_name="松江碳材",
        desks=1,
        area_m2=Decimal(10),
        start_date=moved_in,
        version=1,
        create_time=since,
        update_time=since,
    ).at(moved_in, ZONE)
    model = TENANCIES.to_document(first)
    for number in range(city.tenancies):
        at = number // TENANTS
        names = {"_id": city.tenancy(number), "space": city.space(at), "startup": city.startup(number)}
        yield {**model, **names, "district": DISTRICTS[at % len(DISTRICTS)]}


def _occupants(city: City, moved_in: date) -> Iterator[Document]:
    occupant = new_occupant(city.startup(0))
    tenant = OCCUPANTS.to_document(occupant.with_(stays=(Stay(tenancy=city.tenancy(0), start=moved_in),)))
    for number in range(city.tenancies):
        stays = [{**tenant["stays"][0], "tenancy": city.tenancy(number)}]
        yield {**tenant, "_id": city.startup(number), "stays": stays}
    homeless = OCCUPANTS.to_document(occupant)
    for number in range(city.tenancies, city.tenancies + HOMELESS):
        yield {**homeless, "_id": city.startup(number)}


def _startups(city: City, moved_in: date) -> Iterator[Document]:
    residency = Residency(
        tenancy=city.tenancy(0),
        space=city.space(0),
        space_display_name="江城孵化器",
        start_date=moved_in,
        state=State.CURRENT,
        sequence=1,
    )
    model = STARTUPS.to_document(new_startup(city.startup(0)).with_(residency=residency, stays=(residency,)))
    for number in range(city.tenancies + HOMELESS):
        name = f"松江碳材 {number}"
        stay = {**model["residency"], "tenancy": city.tenancy(number), "space": city.space(number // TENANTS)}
        yield {
            **model,
            "_id": city.startup(number),
            "display_name": name,
            "technology_field": ("new-materials", "electronic-information")[number % 2],
            "district": DISTRICTS[number % len(DISTRICTS)],
            "residency": stay if number < city.tenancies else None,
            "stays": [stay] if number < city.tenancies else [],
            SORT_KEYS: {"display_name": sort_key(name)},
        }


def _entries(city: City, since: datetime) -> Iterator[Document]:
    """Yield as many entries as tenancies, published long ago."""
    for number in range(city.tenancies):
        yield {
            "_id": os.urandom(16).hex(),
            "actor": "tester",
            "command": "hatchery.spaces.v1.TenancyService.RegisterTenant",
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
