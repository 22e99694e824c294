"""Which role holds which permission, and how far. Each service states its own grants in its grants.py."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from libs.api.hatchery.common.v1.access_pb2 import permission
from libs.common.domain.errors import Denied
from libs.common.rpc.identity import ANYONE, ROLE_NAMES, Caller
from libs.common.rpc.scope import UNLIMITED, Scope


class Extent(Enum):
    """How far a role holds a permission."""

    ANY = "any"  # regardless of the token's scopes
    OWN = "own"  # only within the token's scopes


ANY, OWN = Extent.ANY, Extent.OWN

#: Permission to role to extent. The role `anyone` opens a method to callers without a token, rate-limited.
Grants = Mapping[str, Mapping[str, Extent]]


class GrantsError(Exception):
    """Grants and methods do not match; the service must not start."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call one method."""

    permission: str
    extents: Mapping[str, Extent]

    @property
    def is_public(self) -> bool:
        """Whether callers without a token are served."""
        return ANYONE in self.extents

    @property
    def needs_guard(self) -> bool:
        """Whether some role holds the permission within its own scope only, so that commands must name a guard."""
        return OWN in self.extents.values()

    def permit(self, caller: Caller) -> Scope:
        """Return the scope in which the caller may act. Denied when the role does not hold the permission."""
        extent = self.extents.get(caller.role) or self.extents.get(ANYONE)
        if extent is None:
            raise Denied("PERMISSION_DENIED", f"role {caller.role} lacks this permission", permission=self.permission)
        if extent is ANY or "*" in caller.scopes:
            return UNLIMITED
        return Scope(caller.scopes)


def access_by_path(services: Iterable[ServiceDescriptor], grants: Grants) -> dict[str, Access]:
    """Return who may call each method, by its path.

    GrantsError for a method without a permission, a permission without grants, a grant without a
    method, an unknown role, and a method that streams requests.
    """
    methods = [method for service in services for method in service.methods]
    access = {f"/{method.containing_service.full_name}/{method.name}": _access(method, grants) for method in methods}
    if unused := grants.keys() - {each.permission for each in access.values()}:
        raise GrantsError(f"no method needs the permission {', '.join(sorted(unused))}")
    for name, extents in grants.items():
        if unknown := extents.keys() - ROLE_NAMES - {ANYONE}:
            raise GrantsError(f"{name} is granted to an unknown role: {', '.join(sorted(unknown))}")
    return access


def _access(method: MethodDescriptor, grants: Grants) -> Access:
    name = method.GetOptions().Extensions[permission]
    if not grants.get(name):
        raise GrantsError(f"{method.full_name} needs a permission that some role holds, not {name!r}")
    if method.client_streaming:
        raise GrantsError(f"{method.full_name} streams requests, which is not supported")
    return Access(name, grants[name])
