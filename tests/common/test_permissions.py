"""Who may do what: every method names a permission, roles hold permissions, scopes narrow them, the rest is denied."""

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from libs.api.hatchery.common.v1.access_pb2 import permission
from libs.api.hatchery.operations.v1 import operations_pb2
from libs.api.hatchery.spaces.v1 import spaces_pb2
from libs.api.hatchery.startups.v1 import startups_pb2
from libs.common.asking import EVERYWHERE, NOWHERE, Reach
from libs.common.errors import Denied
from libs.common.identity import ROLE_NAMES, Caller
from libs.common.permissions import ANY, ROLES, permissions, permit
from tests.common.halls import hall

SERVICES = [
    service
    for contract in (spaces_pb2, startups_pb2, operations_pb2)
    for service in contract.DESCRIPTOR.services_by_name.values()
]


def caller(role: str, *scopes: str) -> Caller:
    """Someone in a role, narrowed to these scopes."""
    return Caller("a", role, frozenset(scopes), 0)


def contract(needed: str | None) -> ServiceDescriptor:
    """A service of one method that needs this permission, or names none."""
    file = FileDescriptorProto(name="odd.proto", package="odd")
    file.message_type.add(name="Ask")
    method = file.service.add(name="OddService").method.add(name="Do", input_type=".odd.Ask", output_type=".odd.Ask")
    if needed is not None:
        method.options.Extensions[permission] = needed
    pool = DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("odd.OddService")


def test_every_method_needs_a_permission() -> None:
    """Every method of every service is in the table, by the path that callers use."""
    needed = permissions(SERVICES)
    assert len(needed) == sum(len(service.methods) for service in SERVICES)
    assert needed["/hatchery.spaces.v1.SpaceService/RegisterTenant"] == "tenancies.register"


@pytest.mark.parametrize("needed", [None, "", "spaces.sell"])
def test_a_method_without_a_permission_stops_the_start(needed: str | None) -> None:
    """A method without a permission, or with one that no role holds, is an error before anything is served."""
    with pytest.raises(LookupError, match=r"odd\.OddService\.Do"):
        permissions([contract(needed)])


def test_every_permission_is_needed_somewhere() -> None:
    """No role holds a permission that no method asks for: it would be a word without a meaning."""
    held = {name for permissions_held in ROLES.values() for name in permissions_held}
    assert held == set(permissions(SERVICES).values())


def test_tokens_and_permissions_know_the_same_roles() -> None:
    """A token's role is one that holds permissions, and every such role may be in a token."""
    assert set(ROLES) == ROLE_NAMES


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("needed", sorted(set(permissions(SERVICES).values())))
def test_a_role_does_what_it_may_where_it_may(role: str, needed: str) -> None:
    """What a role does not hold is denied; what it holds reaches as far as it says, or as its scopes say."""
    extent = ROLES[role].get(needed)
    if extent is None:
        with pytest.raises(Denied) as caught:
            permit(caller(role, "*"), needed)
        assert (caught.value.reason, caught.value.metadata) == ("PERMISSION_DENIED", {"permission": needed})
        return
    assert permit(caller(role, "*"), needed) == EVERYWHERE
    narrowed = permit(caller(role, "spaces/1"), needed)
    assert narrowed == (EVERYWHERE if extent is ANY else Reach(frozenset({"spaces/1"})))
    assert permit(caller(role), needed) == (EVERYWHERE if extent is ANY else NOWHERE)


@pytest.mark.parametrize(
    ("scopes", "name", "covered"),
    [
        ({"spaces/1"}, "spaces/1", True),
        ({"spaces/1"}, "spaces/1/tenancies/2", True),
        ({"spaces/1"}, "spaces/10", False),
        ({"spaces/1/tenancies/2"}, "spaces/1", False),
        ({"spaces"}, "spaces/1", True),
        ({"districts/220203"}, "spaces/1", False),
        (set(), "spaces/1", False),
    ],
)
def test_a_scope_covers_what_lies_under_it(scopes: set[str], name: str, covered: bool) -> None:
    """A scope covers the resource that it names and what lies under it, and nothing that only begins alike."""
    assert Reach(frozenset(scopes)).covers_name(name) is covered


@pytest.mark.parametrize(
    ("scopes", "covered"),
    [({"spaces/1"}, True), ({"districts/220203"}, True), ({"spaces/2", ""}, False), (set(), False)],
)
def test_an_entity_is_reached_by_its_fields(scopes: set[str], covered: bool) -> None:
    """An entity is within reach when one of the fields it is reached by is in scope."""
    assert Reach(frozenset(scopes)).covers(hall("spaces/1")) is covered
    assert EVERYWHERE.covers(hall("spaces/1"))
