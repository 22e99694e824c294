"""The documents that are there before a measurement, as the services store them, and what is counted after it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import WriteConcern

from bench.contenders import Database
from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.common.runtime.clock import Clock
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.space import Kind, OccupancyStep, Space
from services.spaces.store import OCCUPANTS, SPACES
from services.startups.domain.startup import Startup

GET_SPACE = "/hatchery.spaces.v1.SpaceService/GetSpace"
REGISTER_TENANT = "/hatchery.spaces.v1.TenancyService/RegisterTenant"
CLOCK, ZONE = Clock(), ZoneInfo("Asia/Shanghai")
DURABLE = WriteConcern("majority", j=True)
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """The spaces and startups of one cell. Their names contain the cell's, so that they can be counted afterwards."""

    cell: str
    spaces: int
    startups: int

    def space(self, number: int) -> str:
        """Return the name of a space."""
        return f"spaces/{self.cell}x{number:07d}"

    def startup(self, number: int) -> str:
        """Return the name of a startup."""
        return f"startups/{self.cell}x{number:07d}"

    def insert(self, database: Database) -> None:
        """Insert the documents, durably."""
        today = CLOCK.today(ZONE)
        spaces = (new_space(self.space(number), today) for number in range(self.spaces))
        occupants = (new_occupant(self.startup(number)) for number in range(self.startups))
        insert(database, SPACES.collection, map(SPACES.to_document, spaces))
        insert(database, OCCUPANTS.collection, map(OCCUPANTS.to_document, occupants))

    def reads(self) -> list[bytes]:
        """Return a request for each space, in an order unrelated to that of the documents."""
        step = 1_000_003  # a prime, so that every space occurs once
        return [
            space_pb2.GetSpaceRequest(name=self.space(number * step % self.spaces)).SerializeToString()
            for number in range(self.spaces)
        ]

    def writes(self) -> list[bytes]:
        """Return a request for each startup to become a tenant. Consecutive ones name different spaces."""
        return [
            tenancy_pb2.RegisterTenantRequest(
                space=self.space(number % self.spaces),
                startup=self.startup(number),
                desks=1,
                area_m2=10,
                request_id=f"{self.cell}-{number}",
            ).SerializeToString()
            for number in range(self.startups)
        ]

    def count(self, database: Database) -> "Counted":
        """Count what the documents say was written."""
        spaces = {"$gte": f"spaces/{self.cell}x", "$lt": f"spaces/{self.cell}y"}
        startups = {"$gte": f"startups/{self.cell}x", "$lt": f"startups/{self.cell}y"}
        desks = {"$group": {"_id": None, "sum": {"$sum": {"$subtract": [{"$last": "$occupancy.desks"}, 1]}}}}
        stays = {"$group": {"_id": None, "sum": {"$sum": {"$size": "$stays"}}}}
        return Counted(
            database["tenancies"].count_documents({"_id": spaces}),
            _sum(database["spaces"].aggregate([{"$match": {"_id": spaces}}, desks])),
            _sum(database["occupants"].aggregate([{"$match": {"_id": startups}}, stays])),
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How many tenancies, occupied desks and stays there are. All three must be the same."""

    tenancies: int
    desks: int
    stays: int

    @property
    def agrees(self) -> bool:
        """Whether the documents agree with each other."""
        return self.tenancies == self.desks == self.stays


def _sum(rows: Iterable[dict[str, Any]]) -> int:
    return next((int(row["sum"]) for row in rows), 0)


def new_space(name: str, today: date, *, occupied: int = 1) -> Space:
    """Return a large space with an occupancy step today, as it has once somebody has moved in today."""
    now = CLOCK.now()
    return Space(
        name=name,
        display_name="江城孵化器",
        kind=Kind.INCUBATOR,
        district="districts/220203",
        zone="",
        operator="江城孵化器运营公司",
        desks=100_000,
        area_m2=Decimal(1_000_000),
        address="解放大路 1 号",
        occupancy=(OccupancyStep(date=today, desks=occupied, area_m2=Decimal(10 * occupied)),),
        version=2,
        create_time=now,
        update_time=now,
    )


def new_occupant(name: str) -> Occupant:
    """Return a startup's projection as its first fact leaves it."""
    now = CLOCK.now()
    return Occupant(name=name, display_name="松江碳材", sequence=1, version=1, create_time=now, update_time=now)


def new_startup(name: str) -> Startup:
    """Return the same startup as its own service stores it."""
    now = CLOCK.now()
    return Startup(
        name=name,
        display_name="松江碳材",
        credit_code=None,
        district="districts/220203",
        technology_field="new-materials",
        industry_chain="",
        version=1,
        create_time=now,
        update_time=now,
    )


def insert(database: Database, collection: str, documents: Iterator[dict[str, Any]]) -> None:
    """Insert many documents, durably."""
    target = database.get_collection(collection, write_concern=DURABLE)
    for some in batches(documents):
        target.insert_many(some, ordered=False)


def batches(documents: Iterator[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """Yield the documents in batches that are efficient to send."""
    while some := list(islice(documents, BATCH)):
        yield some
