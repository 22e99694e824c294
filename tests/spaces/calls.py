"""Requests as callers make them: spaces to open, startups to register, tenants to let in."""

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.field_mask_pb2 import FieldMask

from libs.api.hatchery.common.v1.date_pb2 import Date
from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from libs.common.clock import Clock
from tests.running import Api

ZONE = ZoneInfo("Asia/Shanghai")
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"
_numbers = itertools.count(1)


def day(offset: int) -> date:
    """So many days after what today is in Jilin."""
    return Clock().today(ZONE) + timedelta(days=offset)


def on(offset: int | None) -> Date | None:
    """That day as a message; none for None."""
    if offset is None:
        return None
    then = day(offset)
    return Date(year=then.year, month=then.month, day=then.day)


def space_spec(**fields: Any) -> sp.SpaceSpec:
    """What is said of an incubator with ten desks and a hundred m²."""
    said = {
        "display_name": f"江城孵化器{next(_numbers)}",
        "kind": sp.Space.KIND_INCUBATOR,
        "district": LONGTAN,
        "operator": "江城孵化器运营公司",
        "desks": 10,
        "area_m2": 100,
    }
    return sp.SpaceSpec(**{**said, **fields})


def startup_spec(**fields: Any) -> st.StartupSpec:
    """What a team says of itself."""
    said = {"display_name": f"松江碳材{next(_numbers)}", "district": LONGTAN, "technology_field": "new-materials"}
    return st.StartupSpec(**{**said, **fields})


async def opened(spaces: Api, **fields: Any) -> sp.Space:
    """A new space."""
    space: sp.Space = await spaces.CreateSpace(sp.CreateSpaceRequest(space=space_spec(**fields)))
    return space


async def registered(startups: Api, **fields: Any) -> st.Startup:
    """A new startup."""
    startup: st.Startup = await startups.RegisterStartup(st.RegisterStartupRequest(startup=startup_spec(**fields)))
    return startup


def tenant(
    space: str, startup: str, start: int | None = None, end: int | None = None, *, desks: int = 1, area_m2: int = 0
) -> sp.RegisterTenantRequest:
    """Asks to let room from a day to a day, both counted from today."""
    return sp.RegisterTenantRequest(
        space=space, startup=startup, desks=desks, area_m2=area_m2, start_date=on(start), end_date=on(end)
    )


def ending(tenancy: str, end: int | None = None, *, etag: str = "") -> sp.EndTenancyRequest:
    """Asks to end a tenancy on a day because the startup leaves."""
    return sp.EndTenancyRequest(name=tenancy, end_date=on(end), end_reason=sp.Tenancy.END_REASON_LEFT, etag=etag)


def space_update(space: str, paths: Sequence[str], *, etag: str = "", **fields: Any) -> sp.UpdateSpaceRequest:
    """Asks to change those fields of a space, and says only what is given."""
    return sp.UpdateSpaceRequest(
        name=space, space=sp.SpaceSpec(**fields), update_mask=FieldMask(paths=paths), etag=etag
    )


def startup_update(startup: str, paths: Sequence[str], *, etag: str = "", **fields: Any) -> st.UpdateStartupRequest:
    """Asks to change those fields of a startup, and says only what is given."""
    return st.UpdateStartupRequest(
        name=startup, startup=st.StartupSpec(**fields), update_mask=FieldMask(paths=paths), etag=etag
    )
