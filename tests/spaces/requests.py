"""Request messages of spaces. Days are counted from today in the city's time zone."""

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.common.runtime.clock import Clock
from tests.support.calls import Api

ZONE = ZoneInfo("Asia/Shanghai")
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"
_numbers = itertools.count(1)


def day(offset: int) -> date:
    """Return the day that many days after today."""
    return Clock().today(ZONE) + timedelta(days=offset)


def date_of(offset: int | None) -> Date | None:
    """Return that day as a message; None for None."""
    if offset is None:
        return None
    then = day(offset)
    return Date(year=then.year, month=then.month, day=then.day)


# --- spaces -----------------------------------------------------------------------------------


def space_spec(**fields: Any) -> space_pb2.SpaceSpec:
    """Describe an incubator with ten desks and 100 m²; `fields` replace or add."""
    values = {
        "display_name": f"江城孵化器{next(_numbers)}",
        "kind": space_pb2.Space.KIND_INCUBATOR,
        "district": LONGTAN,
        "operator": "江城孵化器运营公司",
        "desks": 10,
        "area_m2": 100,
    }
    return space_pb2.SpaceSpec(**{**values, **fields})


def create_space(*, request_id: str = "", **fields: Any) -> space_pb2.CreateSpaceRequest:
    """Create a space."""
    return space_pb2.CreateSpaceRequest(space=space_spec(**fields), request_id=request_id)


def get_space(name: str) -> space_pb2.GetSpaceRequest:
    """Read a space."""
    return space_pb2.GetSpaceRequest(name=name)


def update_space(
    name: str, paths: Sequence[str], *, etag: str = "", request_id: str = "", **fields: Any
) -> space_pb2.UpdateSpaceRequest:
    """Change the fields of a space that the paths name; `fields` are all that the spec holds."""
    return space_pb2.UpdateSpaceRequest(
        name=name,
        space=space_pb2.SpaceSpec(**fields),
        update_mask=FieldMask(paths=paths),
        etag=etag,
        request_id=request_id,
    )


async def new_space(spaces: Api, **fields: Any) -> space_pb2.Space:
    """Create a space and return it."""
    space: space_pb2.Space = await spaces.CreateSpace(create_space(**fields))
    return space


# --- tenancies --------------------------------------------------------------------------------


def register_tenant(
    space: str,
    startup: str,
    start: int | None = None,
    end: int | None = None,
    *,
    desks: int = 1,
    area_m2: float = 0,
    request_id: str = "",
) -> tenancy_pb2.RegisterTenantRequest:
    """Lease room from a day to a day."""
    return tenancy_pb2.RegisterTenantRequest(
        space=space,
        startup=startup,
        desks=desks,
        area_m2=area_m2,
        start_date=date_of(start),
        end_date=date_of(end),
        request_id=request_id,
    )


def get_tenancy(name: str) -> tenancy_pb2.GetTenancyRequest:
    """Read a tenancy."""
    return tenancy_pb2.GetTenancyRequest(name=name)


def end_tenancy(
    name: str,
    end: int | None = None,
    *,
    reason: tenancy_pb2.Tenancy.EndReason.ValueType = tenancy_pb2.Tenancy.END_REASON_LEFT,
    etag: str = "",
    request_id: str = "",
) -> tenancy_pb2.EndTenancyRequest:
    """End a tenancy on a day, because the startup leaves unless another reason is given."""
    return tenancy_pb2.EndTenancyRequest(
        name=name, end_date=date_of(end), end_reason=reason, etag=etag, request_id=request_id
    )


def space_of(tenancy: tenancy_pb2.Tenancy) -> str:
    """Return the name of the tenancy's space."""
    return tenancy.name.partition("/tenancies/")[0]
