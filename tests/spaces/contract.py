"""What the contract tests need to know about spaces: valid requests, scopes, examples and bad values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from services.spaces.domain.occupant import Occupant, Stay
from services.spaces.domain.space import Kind, OccupancyStep, Space
from services.spaces.domain.tenancy import EndReason, State, Tenancy
from tests.contracts.calls import Calls
from tests.contracts.requests import Place, RunningContract, ServiceContract, Valid, new_request_id
from tests.spaces import requests
from tests.spaces.samples import TODAY, day
from tests.startups.requests import register_startup

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)


async def populate(calls: Calls, place: Place) -> None:
    """Create a space in the place, with the place's startup as its tenant."""
    create = requests.create_space(
        display_name=place.label,
        operator=f"{place.label}运营公司",
        district=place.district,
        zone=place.zone,
        desks=90_000,
        area_m2=900_000,
        address=f"{place.label}路1号",
    )
    space = await calls.call("spaces", "CreateSpace", create)
    place.add(space)
    tenant = requests.register_tenant(space.name, place.get(startup_pb2.Startup).name, desks=2, area_m2=30.25)
    place.add(await calls.call("spaces", "RegisterTenant", tenant))


def scopes_of(resource: Any, known: Mapping[str, Any]) -> set[str]:
    """A space is scoped by itself and its districts, a tenancy by its space, the space's districts, and its startup."""
    if isinstance(resource, tenancy_pb2.Tenancy):
        return scopes_of(known[requests.space_of(resource)], known) | {resource.startup}
    return {resource.name, resource.district, resource.zone}


def _spec(place: Place) -> space_pb2.SpaceSpec:
    return requests.space_spec(
        district=place.district, zone=place.zone, desks=90_000, area_m2=900_000.25, address="江城路1号"
    )


def _space(contract: RunningContract, request: Any) -> Valid:
    """Return a request about the space of the home place."""
    home, foreign = contract.home.get(space_pb2.Space), contract.foreign.get(space_pb2.Space)
    return Valid(request, (home.name, home.district, home.zone), home.name, foreign.name)


def _tenancy(contract: RunningContract, request: Any, tenancy: tenancy_pb2.Tenancy) -> Valid:
    """Return a request about a tenancy in the space of the home place."""
    home, foreign = contract.home.get(space_pb2.Space), contract.foreign.get(tenancy_pb2.Tenancy)
    return Valid(request, (home.name, home.district, home.zone, tenancy.startup), tenancy.name, foreign.name)


async def create_space(contract: RunningContract) -> Valid:
    """Create a space in the districts of the home place."""
    spec = _spec(contract.home)
    request = space_pb2.CreateSpaceRequest(space=spec, request_id=new_request_id())
    return Valid(request, (spec.district, spec.zone))


async def get_space(contract: RunningContract) -> Valid:
    """Read the space."""
    return _space(contract, requests.get_space(contract.home.get(space_pb2.Space).name))


async def batch_get_spaces(contract: RunningContract) -> Valid:
    """Read the space in a batch."""
    names = [contract.home.get(space_pb2.Space).name]
    return _space(contract, space_pb2.BatchGetSpacesRequest(names=names))


async def list_spaces(contract: RunningContract) -> Valid:
    """List spaces by everything that the space is."""
    space = contract.home.get(space_pb2.Space)
    request = space_pb2.ListSpacesRequest(
        page_size=50, order_by="display_name desc", kind=space.kind, district=space.district
    )
    return _space(contract, request)


async def update_space(contract: RunningContract) -> Valid:
    """Change every field of the space that a client sets."""
    name = contract.home.get(space_pb2.Space).name
    space: space_pb2.Space = await contract.calls.call("spaces", "GetSpace", requests.get_space(name))
    spec = _spec(contract.home)
    request = space_pb2.UpdateSpaceRequest(name=name, space=spec, etag=space.etag, request_id=new_request_id())
    request.update_mask.paths.extend(spec.DESCRIPTOR.fields_by_name)
    return _space(contract, request)


async def register_tenant(contract: RunningContract) -> Valid:
    """Lease room in the space to a new startup."""
    startup = await _new_startup(contract)
    space = contract.home.get(space_pb2.Space).name
    request = requests.register_tenant(space, startup.name, 1, 400, desks=1, area_m2=10.25, request_id=new_request_id())
    return _space(contract, request)


async def get_tenancy(contract: RunningContract) -> Valid:
    """Read the tenancy."""
    tenancy = contract.home.get(tenancy_pb2.Tenancy)
    return _tenancy(contract, requests.get_tenancy(tenancy.name), tenancy)


async def list_tenancies(contract: RunningContract) -> Valid:
    """List tenancies by everything that the tenancy is."""
    tenancy = contract.home.get(tenancy_pb2.Tenancy)
    request = tenancy_pb2.ListTenanciesRequest(
        parent=contract.home.get(space_pb2.Space).name,
        page_size=50,
        states=[tenancy_pb2.Tenancy.STATE_ACTIVE, tenancy_pb2.Tenancy.STATE_ENDED],
        startup=tenancy.startup,
    )
    return _tenancy(contract, request, tenancy)


async def end_tenancy(contract: RunningContract) -> Valid:
    """End a new tenancy."""
    startup = await _new_startup(contract)
    space = contract.home.get(space_pb2.Space).name
    register = requests.register_tenant(space, startup.name, desks=2, area_m2=30)
    tenancy: tenancy_pb2.Tenancy = await contract.calls.call("spaces", "RegisterTenant", register)
    request = requests.end_tenancy(tenancy.name, 30, etag=tenancy.etag, request_id=new_request_id())
    return _tenancy(contract, request, tenancy)


async def _new_startup(contract: RunningContract) -> startup_pb2.Startup:
    request = register_startup(district=contract.home.district)
    startup: startup_pb2.Startup = await contract.calls.call("startups", "RegisterStartup", request)
    return startup


ENTITIES = (
    Space(
        name="spaces/0space",
        version=7,
        create_time=THEN,
        update_time=THEN,
        display_name="江城孵化器",
        kind=Kind.SCIENCE_PARK,
        district="districts/220203",
        zone="districts/220271",
        operator="江城孵化器运营公司",
        desks=120,
        area_m2=Decimal("800.25"),
        address="江湾路1号",
        occupancy=(OccupancyStep(date=TODAY, desks=3, area_m2=Decimal("20.05")),),
    ),
    Occupant(
        name="startups/0startup",
        version=7,
        create_time=THEN,
        update_time=THEN,
        display_name="松江碳材",
        sequence=3,
        stays=(Stay(tenancy="spaces/0space/tenancies/0tenancy", start=TODAY, end=day(30)),),
    ),
    Tenancy(
        name="spaces/0space/tenancies/0tenancy",
        version=7,
        create_time=THEN,
        update_time=THEN,
        space="spaces/0space",
        space_display_name="江城孵化器",
        district="districts/220203",
        zone="districts/220271",
        startup="startups/0startup",
        startup_display_name="松江碳材",
        desks=3,
        area_m2=Decimal("20.05"),
        start_date=TODAY,
        end_date=day(30),
        state=State.ACTIVE,
        end_reason=EndReason.GRADUATED,
        due_time=THEN,
    ),
)

CONTRACT = ServiceContract(
    populate=populate,
    after=("startups",),
    scopes_of=scopes_of,
    requests={
        "SpaceService.CreateSpace": create_space,
        "SpaceService.GetSpace": get_space,
        "SpaceService.BatchGetSpaces": batch_get_spaces,
        "SpaceService.ListSpaces": list_spaces,
        "SpaceService.UpdateSpace": update_space,
        "TenancyService.RegisterTenant": register_tenant,
        "TenancyService.GetTenancy": get_tenancy,
        "TenancyService.ListTenancies": list_tenancies,
        "TenancyService.EndTenancy": end_tenancy,
    },
    entities=ENTITIES,
    bad_values={
        "EndTenancyRequest.end_reason": ((tenancy_pb2.Tenancy.END_REASON_EXPIRED, frozenset({"MALFORMED"})),),
    },
)
