"""Spaces, occupants and tenancies, as domain values. Days are counted from TODAY."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from libs.common.domain.entity import UpdateMask
from libs.common.domain.profile import read_profile
from services.spaces.domain import tenancy
from services.spaces.domain.occupant import Occupant
from services.spaces.domain.space import Kind, OccupancyStep, Space, SpaceSpec, UpdateSpace
from services.spaces.domain.tenancy import RegisterTenant, Tenancy

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 24)
CITY = read_profile(Path(__file__).parents[2] / "profiles" / "jilin").city
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"

#: Area in a test: a text keeps its decimals.
Area = Decimal | int | str


def day(offset: int) -> date:
    """Return the day that many days after TODAY."""
    return TODAY + timedelta(days=offset)


def space(
    desks: int = 10, area_m2: Area = 100, occupancy: Iterable[OccupancyStep] = (), name: str = "spaces/s1"
) -> Space:
    """Return an incubator with so much room."""
    return Space(
        name=name,
        version=1,
        display_name="江城孵化器",
        kind=Kind.INCUBATOR,
        district=LONGTAN,
        zone="",
        operator="江城孵化器运营公司",
        desks=desks,
        area_m2=Decimal(area_m2),
        address="",
        occupancy=tuple(occupancy),
    )


def occupant(name: str = "startups/a1") -> Occupant:
    """Return a startup that occupies nothing yet."""
    return Occupant(name=name, version=1, display_name="松江碳材", sequence=1)


def moved_in(
    landlord: Space,
    tenant: Occupant,
    start: date | None = None,
    end: date | None = None,
    *,
    desks: int = 1,
    area_m2: Area = 0,
    today: date = TODAY,
    name: str = "t1",
) -> tuple[Space, Occupant, Tenancy]:
    """Register the startup as a tenant; return space, occupant and tenancy after it."""
    command = RegisterTenant(
        space=landlord.name,
        startup=tenant.name,
        desks=desks,
        area_m2=Decimal(area_m2),
        start_date=start,
        end_date=end,
    )
    tenancy_name = f"{landlord.name}/tenancies/{name}"
    change = tenancy.register(landlord, tenant, command, name=tenancy_name, today=today, zone=ZONE)
    occupied, housed, registered = change.saves
    assert isinstance(occupied, Space)
    assert isinstance(housed, Occupant)
    assert isinstance(registered, Tenancy)
    return occupied, housed, registered


def update(changed: Space, new: SpaceSpec, *paths: str, etag: str = "") -> UpdateSpace:
    """Change the fields that the paths name."""
    return UpdateSpace(name=changed.name, space=new, update_mask=UpdateMask(paths=paths), etag=etag)


def occupied_on(steps: Iterable[OccupancyStep], on: date) -> tuple[int, Decimal]:
    """Return the desks and m² that the steps say are occupied on a day."""
    begun = [step for step in steps if step.date <= on]
    return (begun[-1].desks, begun[-1].area_m2) if begun else (0, Decimal(0))
