"""What stands there before anybody is asked, in the shape of the services' own documents; and what is there after."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import WriteConcern

from bench.contenders import Database
from libs.api.hatchery.spaces.v1 import spaces_pb2 as pb
from libs.common.clock import Clock
from libs.common.collections import to_document
from services.spaces.domain import Kind, Let, Occupant, Space
from services.startups.domain import Startup

GET_SPACE = "/hatchery.spaces.v1.SpaceService/GetSpace"
REGISTER_TENANT = "/hatchery.spaces.v1.SpaceService/RegisterTenant"
CLOCK, ZONE = Clock(), ZoneInfo("Asia/Shanghai")
DURABLE = WriteConcern("majority", j=True)
TOGETHER = 5_000


@dataclass(frozen=True, slots=True)
class Scene:
    """So many spaces and startups of one cell, whose name is part of theirs, so that they can be counted afterwards."""

    cell: str
    spaces: int
    startups: int

    def space(self, number: int) -> str:
        """The name of a space."""
        return f"spaces/{self.cell}x{number:07d}"

    def startup(self, number: int) -> str:
        """The name of a startup."""
        return f"startups/{self.cell}x{number:07d}"

    def lay(self, database: Database) -> None:
        """Put the documents there, durably."""
        today = CLOCK.today(ZONE)
        spaces = (space(self.space(number), today) for number in range(self.spaces))
        occupants = (occupant(self.startup(number)) for number in range(self.startups))
        insert(database, "spaces", map(to_document, spaces))
        insert(database, "occupants", map(to_document, occupants))

    def reads(self) -> list[bytes]:
        """A request for each space, in an order that has nothing to do with that of the documents."""
        step = 1_000_003  # a prime, so that every space comes once
        return [
            pb.GetSpaceRequest(name=self.space(number * step % self.spaces)).SerializeToString()
            for number in range(self.spaces)
        ]

    def writes(self) -> list[bytes]:
        """A request for each startup to be a tenant; neighbours want different spaces, where there are several."""
        return [
            pb.RegisterTenantRequest(
                space=self.space(number % self.spaces),
                startup=self.startup(number),
                desks=1,
                area_m2=10,
                request_id=f"{self.cell}-{number}",
            ).SerializeToString()
            for number in range(self.startups)
        ]

    def count(self, database: Database) -> "Counted":
        """What the documents say."""
        spaces = {"$gte": f"spaces/{self.cell}x", "$lt": f"spaces/{self.cell}y"}
        startups = {"$gte": f"startups/{self.cell}x", "$lt": f"startups/{self.cell}y"}
        desks = {"$group": {"_id": None, "sum": {"$sum": {"$subtract": [{"$last": "$lets.desks"}, 1]}}}}
        stays = {"$group": {"_id": None, "sum": {"$sum": {"$size": "$stays"}}}}
        return Counted(
            database["tenancies"].count_documents({"_id": spaces}),
            _sum(database["spaces"].aggregate([{"$match": {"_id": spaces}}, desks])),
            _sum(database["occupants"].aggregate([{"$match": {"_id": startups}}, stays])),
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How many tenancies there are, desks let and stays noted: three ways to say the same."""

    tenancies: int
    desks: int
    stays: int

    @property
    def agrees(self) -> bool:
        """Whether the documents agree with one another."""
        return self.tenancies == self.desks == self.stays


def _sum(rows: Iterable[dict[str, Any]]) -> int:
    return next((int(row["sum"]) for row in rows), 0)


def space(name: str, today: date, *, let: int = 1) -> Space:
    """A large space in which a step of capacity starts today, as it does once somebody has moved in today."""
    now = CLOCK.now()
    return Space(
        name=name,
        display_name="江城孵化器",
        kind=Kind.INCUBATOR,
        district="districts/220203",
        zone="",
        operator="江城孵化器运营公司",
        desks=100_000,
        area_m2=1_000_000,
        address="解放大路 1 号",
        lets=(Let(day=today, desks=let, area_m2=10 * let),),
        version=2,
        create_time=now,
        update_time=now,
    )


def occupant(name: str) -> Occupant:
    """A startup's card, as its first fact leaves it."""
    now = CLOCK.now()
    return Occupant(name=name, display_name="松江碳材", sequence=1, version=1, create_time=now, update_time=now)


def startup(name: str) -> Startup:
    """The same startup, as its own service keeps it."""
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
    """So many at once as are best sent at once."""
    while some := list(islice(documents, TOGETHER)):
        yield some
