"""A small city, and spaces, startups and asks in it, for tests of spaces."""

from collections.abc import Iterable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from libs.common.profile import City
from libs.common.values import Mask
from services.spaces.domain import (
    Kind,
    Let,
    Occupant,
    RegisterTenant,
    Space,
    SpaceSpec,
    Tenancy,
    UpdateSpace,
    register_tenant,
)

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 24)
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"
CITY = City.model_validate(
    {
        "name": "jilin",
        "display_name": {"zh": "吉林市", "en": "Jilin City"},
        "code": "220200",
        "time_zone": "Asia/Shanghai",
        "space_kinds": {"INCUBATOR": {"zh": "孵化器", "en": "Incubator"}},
        "districts": {
            "220203": {"name": {"zh": "龙潭区", "en": "Longtan"}, "kind": "DISTRICT"},
            "220211": {"name": {"zh": "丰满区", "en": "Fengman"}, "kind": "DISTRICT"},
            "220272": {"name": {"zh": "高新区", "en": "High-Tech Zone"}, "kind": "ZONE"},
        },
        "technology_fields": {"other": {"zh": "其他", "en": "Other"}},
        "industry_chains": {},
    }
)


def day(offset: int) -> date:
    """So many days after today."""
    return TODAY + timedelta(days=offset)


def space(desks: int = 10, area_m2: int = 100, lets: Iterable[Let] = (), name: str = "spaces/s1") -> Space:
    """An incubator with so much room."""
    return Space(
        name=name,
        version=1,
        display_name="江城孵化器",
        kind=Kind.INCUBATOR,
        district=LONGTAN,
        zone="",
        operator="江城孵化器运营公司",
        desks=desks,
        area_m2=area_m2,
        address="",
        lets=tuple(lets),
    )


def occupant(name: str = "startups/a1") -> Occupant:
    """A startup that sits nowhere yet."""
    return Occupant(name=name, version=1, display_name="松江碳材", sequence=1)


def moved_in(
    house: Space,
    tenant: Occupant,
    start: date | None = None,
    end: date | None = None,
    *,
    desks: int = 1,
    area_m2: int = 0,
    today: date = TODAY,
    name: str = "t1",
) -> tuple[Space, Occupant, Tenancy]:
    """Space, occupant and tenancy after the startup was registered as a tenant."""
    ask = RegisterTenant(
        space=house.name, startup=tenant.name, desks=desks, area_m2=area_m2, start_date=start, end_date=end
    )
    change = register_tenant(house, tenant, ask, name=f"{house.name}/tenancies/{name}", today=today, zone=ZONE)
    let, seated, tenancy = change.saves
    assert isinstance(let, Space)
    assert isinstance(seated, Occupant)
    assert isinstance(tenancy, Tenancy)
    return let, seated, tenancy


def update(house: Space, spec: SpaceSpec, *paths: str, etag: str = "") -> UpdateSpace:
    """Asks to change the fields of those paths."""
    return UpdateSpace(name=house.name, space=spec, update_mask=Mask(paths=paths), etag=etag)


def level(lets: Iterable[Let], on: date) -> tuple[int, int]:
    """Desks and m² that the steps say are let on a day."""
    held = [let for let in lets if let.day <= on]
    return (held[-1].desks, held[-1].area_m2) if held else (0, 0)
