"""What a service states about itself for the contract tests, and a valid request for every method.

Each service states it in `tests/<service>/contract.py`, as `CONTRACT`. Nothing here names a service.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from google.protobuf.message import Message

from libs.api.hatchery.operations.v1 import operations_pb2 as operations
from libs.common.domain.entity import Entity
from tests.contracts.calls import Calls
from tests.contracts.contract import SERVICES, Method, fields

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Valid:
    """A request that succeeds, with every field given.

    Each of `scopes` alone covers what the request is about. That is called `name`; `foreign` is the name of a
    resource of the same kind in the other place. `refused` is the reason of a method that cannot succeed here.
    `growth` is by how many documents collections grow, beside that of a resource that is created and the journal's
    entry.
    """

    request: Message
    scopes: tuple[str, ...] = ()
    name: str = ""
    foreign: str = ""
    refused: str = ""
    growth: Mapping[str, int] = field(default_factory=dict)


class Place:
    """A district with a functional zone, and one resource of each kind in it."""

    def __init__(self, label: str, district: str, zone: str) -> None:
        self.label = label
        self.district = district
        self.zone = zone
        self.resources: dict[type[Message], Any] = {}

    def add(self, resource: Message) -> None:
        """Remember the resource of its kind."""
        self.resources[type(resource)] = resource

    def get(self, kind: type[M]) -> M:
        """Return the resource of this kind, as it was when it was created."""
        found: M = self.resources[kind]
        return found

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that a caller of this place might have."""
        return self.district, self.zone, *(resource.name for resource in self.resources.values())


@dataclass
class RunningContract:
    """The running services, two places that share nothing, and the names of two parked facts of each service."""

    calls: Calls
    home: Place
    foreign: Place
    parked: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Return a name of every kind of resource."""
        parked = self.parked[SERVICES[0]][0]
        return self.home.district, parked, *(resource.name for resource in self.home.resources.values())


def new_request_id() -> str:
    """Return a request id that nobody has used."""
    return os.urandom(12).hex()


Builder = Callable[[RunningContract], Awaitable[Valid]]
#: A value that a field refuses, and the reasons of which it gives one.
BadValue = tuple[object, frozenset[str]]


@dataclass(frozen=True)
class ServiceContract:
    """What the contract tests need to know about a service.

    `populate` creates the service's resources in a place, after the services in `after` have done so.
    `requests` builds a valid request for each method, `SpaceService.GetSpace`. `scopes_of` returns the scopes that
    cover a resource, given all resources by name. `entities` holds an example of each stored entity with every
    field set, `fact_values` the values of fields in facts whose comment does not state the form. `bad_values` adds
    bad values for fields, `EndTenancyRequest.end_reason`; for a text they take the place of the general ones.
    `unanswered` names fields, `MentorService.NominateMentor:nomination`, whose texts and those below them the reply
    does not repeat.
    """

    populate: Callable[[Calls, Place], Awaitable[None]]
    requests: Mapping[str, Builder]
    scopes_of: Callable[[Any, Mapping[str, Any]], set[str]]
    after: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    fact_values: Mapping[str, object] = field(default_factory=dict)
    bad_values: Mapping[str, tuple[BadValue, ...]] = field(default_factory=dict)
    unanswered: tuple[str, ...] = ()


@cache
def service_contract(service: str) -> ServiceContract:
    """Return what a service states about itself."""
    found: ServiceContract = import_module(f"tests.{service}.contract").CONTRACT
    return found


def builders(service: str) -> dict[str, Builder]:
    """Return the builder of every method that a service serves."""
    return {**service_contract(service).requests, **_operations(service)}


async def valid(contract: RunningContract, method: Method) -> Valid:
    """Return a valid request that was not sent before."""
    return await builders(method.service)[method.key](contract)


def unfiltered(method: Method) -> Any:
    """Return a list's request without a filter: the first 200 of everything."""
    request: Any = method.request(page_size=200)
    for each in fields(method):
        if each.wildcard:
            setattr(request, each.path, each.wildcard)
    return request


def _operations(service: str) -> dict[str, Builder]:
    """Return the builders of the methods that every service serves. Both of its parked facts are unreadable."""

    async def get_status(contract: RunningContract) -> Valid:
        return Valid(operations.GetStatusRequest())

    async def list_parked_facts(contract: RunningContract) -> Valid:
        name, foreign = contract.parked[service]
        return Valid(operations.ListParkedFactsRequest(page_size=50), name=name, foreign=foreign)

    async def get_parked_fact(contract: RunningContract) -> Valid:
        return Valid(operations.GetParkedFactRequest(name=contract.parked[service][0]))

    async def replay_parked_fact(contract: RunningContract) -> Valid:
        request = operations.ReplayParkedFactRequest(name=contract.parked[service][0])
        return Valid(request, refused="STILL_PARKED")

    return {
        "OperationsService.GetStatus": get_status,
        "OperationsService.ListParkedFacts": list_parked_facts,
        "OperationsService.GetParkedFact": get_parked_fact,
        "OperationsService.ReplayParkedFact": replay_parked_fact,
    }
