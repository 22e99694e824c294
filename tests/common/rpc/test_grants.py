"""Grants: which role holds which permission, how far, and what is wrong with them."""

from importlib import import_module
from typing import Any

import pytest

from libs.api.hatchery.operations.v1 import operations_pb2
from libs.api.hatchery.spaces.v1 import space_pb2, tenancy_pb2
from libs.api.hatchery.startups.v1 import startup_pb2
from libs.common.domain.errors import Denied
from libs.common.rpc.grants import ANY, OWN, Access, Grants, GrantsError, access_by_path
from libs.common.rpc.identity import ANONYMOUS, ANYONE, ROLE_NAMES, Caller
from libs.common.rpc.scope import NOTHING, UNLIMITED, Scope
from libs.common.runtime import operations
from tests.common.sample_contract import HALL_SERVICE

CONTRACTS = {"spaces": (space_pb2, tenancy_pb2), "startups": (startup_pb2,)}
GRANTS: Grants = {
    "halls.open": {"operator": OWN, "admin": ANY},
    "halls.read": {"operator": ANY},
    "halls.find": {ANYONE: ANY, "mentor": OWN},
    "halls.watch": {"admin": ANY},
}


def caller(role: str, *scopes: str) -> Caller:
    """Return somebody in a role, limited to these scopes."""
    return Caller("mei", role, frozenset(scopes), 0)


@pytest.mark.parametrize("service", CONTRACTS)
def test_every_method_of_every_service_has_access(service: str) -> None:
    """The grants of each service fit its contract and cover every method, by the path that callers use."""
    services = [
        found
        for contract in (*CONTRACTS[service], operations_pb2)
        for found in contract.DESCRIPTOR.services_by_name.values()
    ]
    grants: Any = import_module(f"services.{service}.grants").GRANTS
    access = access_by_path(services, {**grants, **operations.GRANTS})
    assert len(access) == sum(len(found.methods) for found in services)
    assert all(extents.keys() <= ROLE_NAMES for extents in grants.values())
    assert all("admin" in extents for extents in grants.values())


def test_access_is_found_by_path() -> None:
    """Each method's access is found by its path and states its permission and extents."""
    access = access_by_path([HALL_SERVICE], GRANTS)
    assert access["/hatchery.halls.v1.HallService/OpenHall"] == Access("halls.open", GRANTS["halls.open"])
    assert set(access) == {
        f"/hatchery.halls.v1.HallService/{method}" for method in ("OpenHall", "ReadHall", "FindHall", "WatchHall")
    }


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"halls.open": {}}, r"HallService\.OpenHall needs a permission"),
        ({"halls.sell": {"admin": ANY}, "halls.burn": {}}, r"no method needs the permission halls\.burn, halls\.sell"),
        ({"halls.read": {"emperor": ANY}}, r"halls\.read is granted to an unknown role: emperor"),
    ],
)
def test_mistakes_are_named(change: Grants, text: str) -> None:
    """Grants that do not fit the methods are refused with the method, the permission or the role."""
    with pytest.raises(GrantsError, match=text):
        access_by_path([HALL_SERVICE], {**GRANTS, **change})


@pytest.mark.parametrize(
    ("permission", "who", "scope"),
    [
        ("halls.open", caller("admin"), UNLIMITED),
        ("halls.open", caller("operator", "halls/1"), Scope(frozenset({"halls/1"}))),
        ("halls.open", caller("operator", "*"), UNLIMITED),
        ("halls.open", caller("operator"), NOTHING),
        ("halls.read", caller("operator"), UNLIMITED),
        ("halls.find", ANONYMOUS, UNLIMITED),
        ("halls.find", caller("judge"), UNLIMITED),
        ("halls.find", caller("mentor", "halls/1"), Scope(frozenset({"halls/1"}))),
    ],
    ids=str,
)
def test_a_permission_reaches_as_far_as_granted(permission: str, who: Caller, scope: Scope) -> None:
    """A role that holds a permission everywhere is not limited; else the token's scopes limit it."""
    assert Access(permission, GRANTS[permission]).permit(who) == scope


@pytest.mark.parametrize(
    ("permission", "who"),
    [
        ("halls.open", caller("mentor", "*")),
        ("halls.read", caller("admin", "*")),
        ("halls.read", ANONYMOUS),
        ("halls.watch", caller("operator", "*")),
    ],
    ids=str,
)
def test_other_roles_are_denied(permission: str, who: Caller) -> None:
    """A role without the permission is denied, whatever its scopes, with the name of the permission."""
    with pytest.raises(Denied) as caught:
        Access(permission, GRANTS[permission]).permit(who)
    assert (caught.value.reason, caught.value.metadata) == ("PERMISSION_DENIED", {"permission": permission})


def test_what_the_grants_say_of_a_method() -> None:
    """A method is public when it is granted to anyone, and needs a guard when some role has its own scope only."""
    access = {name: Access(name, extents) for name, extents in GRANTS.items()}
    assert [name for name in access if access[name].is_public] == ["halls.find"]
    assert [name for name in access if access[name].needs_guard] == ["halls.open", "halls.find"]
