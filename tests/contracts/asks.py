"""A valid request for every RPC, with every field given, and who reaches what it is about."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from libs.api.hatchery.operations.v1 import operations_pb2 as ops
from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from tests.contracts.contract import Method, fields
from tests.contracts.land import Land, day, move_in, register, request_id, space_spec, startup_spec
from tests.contracts.town import method


@dataclass(frozen=True)
class Valid:
    """A request that is answered, the scopes each of which reaches what it is about, and what that is called.

    `theirs` is its like in the foreign place.
    """

    request: Message
    own: tuple[str, ...] = ()
    mine: str = ""
    theirs: str = ""


async def create_space(land: Land, home: str) -> Valid:
    spec = space_spec()
    return Valid(sp.CreateSpaceRequest(space=spec, request_id=request_id()), (spec.district, spec.zone))


async def get_space(land: Land, home: str) -> Valid:
    space, foreign = land.home.space, land.foreign.space
    return Valid(sp.GetSpaceRequest(name=space.name), _space_scopes(space), space.name, foreign.name)


async def batch_get_spaces(land: Land, home: str) -> Valid:
    space, foreign = land.home.space, land.foreign.space
    return Valid(sp.BatchGetSpacesRequest(names=[space.name]), _space_scopes(space), space.name, foreign.name)


async def list_spaces(land: Land, home: str) -> Valid:
    space = land.home.space
    ask = sp.ListSpacesRequest(page_size=50, order_by="display_name desc", kind=space.kind, district=space.district)
    return Valid(ask, _space_scopes(space), space.name, land.foreign.space.name)


async def update_space(land: Land, home: str) -> Valid:
    space: sp.Space = await land.town.made(method("spaces", "GetSpace"), sp.GetSpaceRequest(name=land.home.space.name))
    spec = space_spec()
    ask = sp.UpdateSpaceRequest(name=space.name, space=spec, etag=space.etag, request_id=request_id())
    ask.update_mask.paths.extend(spec.DESCRIPTOR.fields_by_name)
    return Valid(ask, _space_scopes(space), space.name, land.foreign.space.name)


async def register_tenant(land: Land, home: str) -> Valid:
    space, startup = land.home.space, await register(land.town, startup_spec())
    ask = sp.RegisterTenantRequest(
        space=space.name,
        startup=startup.name,
        desks=1,
        area_m2=10,
        start_date=day(1),
        end_date=day(400),
        request_id=request_id(),
    )
    return Valid(ask, _space_scopes(space), space.name, land.foreign.space.name)


async def get_tenancy(land: Land, home: str) -> Valid:
    mine, theirs = land.home.tenancy.name, land.foreign.tenancy.name
    return Valid(sp.GetTenancyRequest(name=mine), land.home.scopes, mine, theirs)


async def list_tenancies(land: Land, home: str) -> Valid:
    states = [sp.Tenancy.STATE_ACTIVE, sp.Tenancy.STATE_ENDED]
    parent, startup = land.home.space.name, land.home.startup.name
    ask = sp.ListTenanciesRequest(parent=parent, page_size=50, states=states, startup=startup)
    return Valid(ask, land.home.scopes, land.home.tenancy.name, land.foreign.tenancy.name)


async def end_tenancy(land: Land, home: str) -> Valid:
    startup = await register(land.town, startup_spec())
    tenancy = await move_in(land.town, land.home.space.name, startup.name)
    ask = sp.EndTenancyRequest(
        name=tenancy.name,
        end_date=day(30),
        end_reason=sp.Tenancy.END_REASON_LEFT,
        etag=tenancy.etag,
        request_id=request_id(),
    )
    own = (*_space_scopes(land.home.space), startup.name)
    return Valid(ask, own, tenancy.name, land.foreign.tenancy.name)


async def register_startup(land: Land, home: str) -> Valid:
    spec = startup_spec()
    return Valid(st.RegisterStartupRequest(startup=spec, request_id=request_id()), (spec.district,))


async def get_startup(land: Land, home: str) -> Valid:
    mine, theirs = land.home.startup, land.foreign.startup.name
    return Valid(st.GetStartupRequest(name=mine.name), (mine.name, mine.district), mine.name, theirs)


async def batch_get_startups(land: Land, home: str) -> Valid:
    mine, theirs = land.home.startup, land.foreign.startup.name
    return Valid(st.BatchGetStartupsRequest(names=[mine.name]), (mine.name, mine.district), mine.name, theirs)


async def list_startups(land: Land, home: str) -> Valid:
    mine = land.home.startup
    ask = st.ListStartupsRequest(
        page_size=50,
        order_by="display_name desc",
        stage=mine.stage,
        district=mine.district,
        technology_field=mine.technology_field,
        credit_code=mine.credit_code,
        space=land.home.space.name,
    )
    return Valid(ask, (mine.name, mine.district), mine.name, land.foreign.startup.name)


async def update_startup(land: Land, home: str) -> Valid:
    found = st.GetStartupRequest(name=land.home.startup.name)
    startup: st.Startup = await land.town.made(method("startups", "GetStartup"), found)
    spec = startup_spec()
    spec.credit_code = startup.credit_code
    ask = st.UpdateStartupRequest(name=startup.name, startup=spec, etag=startup.etag, request_id=request_id())
    ask.update_mask.paths.extend(spec.DESCRIPTOR.fields_by_name)
    return Valid(ask, (startup.name, startup.district), startup.name, land.foreign.startup.name)


async def get_status(land: Land, home: str) -> Valid:
    return Valid(ops.GetStatusRequest())


async def list_parked_facts(land: Land, home: str) -> Valid:
    mine, theirs = land.parked[home]
    return Valid(ops.ListParkedFactsRequest(page_size=50), mine=mine, theirs=theirs)


async def get_parked_fact(land: Land, home: str) -> Valid:
    return Valid(ops.GetParkedFactRequest(name=land.parked[home][0]))


async def replay_parked_fact(land: Land, home: str) -> Valid:
    return Valid(ops.ReplayParkedFactRequest(name=land.parked[home][0]))


def _space_scopes(space: sp.Space) -> tuple[str, ...]:
    return space.name, space.district, space.zone


VALID: Mapping[str, Callable[[Land, str], Awaitable[Valid]]] = {
    "hatchery.spaces.v1.SpaceService.CreateSpace": create_space,
    "hatchery.spaces.v1.SpaceService.GetSpace": get_space,
    "hatchery.spaces.v1.SpaceService.BatchGetSpaces": batch_get_spaces,
    "hatchery.spaces.v1.SpaceService.ListSpaces": list_spaces,
    "hatchery.spaces.v1.SpaceService.UpdateSpace": update_space,
    "hatchery.spaces.v1.SpaceService.RegisterTenant": register_tenant,
    "hatchery.spaces.v1.SpaceService.GetTenancy": get_tenancy,
    "hatchery.spaces.v1.SpaceService.ListTenancies": list_tenancies,
    "hatchery.spaces.v1.SpaceService.EndTenancy": end_tenancy,
    "hatchery.startups.v1.StartupService.RegisterStartup": register_startup,
    "hatchery.startups.v1.StartupService.GetStartup": get_startup,
    "hatchery.startups.v1.StartupService.BatchGetStartups": batch_get_startups,
    "hatchery.startups.v1.StartupService.ListStartups": list_startups,
    "hatchery.startups.v1.StartupService.UpdateStartup": update_startup,
    "hatchery.operations.v1.OperationsService.GetStatus": get_status,
    "hatchery.operations.v1.OperationsService.ListParkedFacts": list_parked_facts,
    "hatchery.operations.v1.OperationsService.GetParkedFact": get_parked_fact,
    "hatchery.operations.v1.OperationsService.ReplayParkedFact": replay_parked_fact,
}

#: What a valid request is refused with all the same, because of the state of the world.
STANDING = {"ReplayParkedFact": "STILL_PARKED"}


async def valid(land: Land, of: Method) -> Valid:
    """A fresh valid request of a method."""
    return await VALID[of.descriptor.full_name](land, of.home)


def bare(of: Method) -> Any:
    """A list's request without any filter: the first 200 of all that there is."""
    asked: Any = of.request(page_size=200)
    for field_ in fields(of):
        if field_.wildcard:
            setattr(asked, field_.path, field_.wildcard)
    return asked
