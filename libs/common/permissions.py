"""Who may do what: the permission that each method names in its proto, and the permissions that each role holds."""

from collections.abc import Iterable, Mapping
from enum import Enum

from google.protobuf.descriptor import ServiceDescriptor

from libs.api.hatchery.common.v1.access_pb2 import permission
from libs.common.asking import EVERYWHERE, Reach
from libs.common.errors import Denied
from libs.common.identity import Caller


class Extent(Enum):
    """How far a permission of a role goes."""

    ANY = "any"  # whatever the token's scopes
    OWN = "own"  # only what the token's scopes name


ANY, OWN = Extent.ANY, Extent.OWN

#: What each role may do. Spaces are a public directory; tenancies and figures are not.
ROLES: Mapping[str, Mapping[str, Extent]] = {
    "operator": {
        "spaces.read": ANY,
        "spaces.update": OWN,
        "tenancies.register": OWN,
        "tenancies.read": OWN,
        "tenancies.end": OWN,
        "startups.register": ANY,
        "startups.read": ANY,
    },
    "mentor": {"spaces.read": ANY, "startups.read": ANY},
    "founder": {"spaces.read": ANY, "startups.read": OWN, "startups.update": OWN, "tenancies.read": OWN},
    "official": {
        "spaces.create": OWN,
        "spaces.read": ANY,
        "spaces.update": OWN,
        "startups.register": OWN,
        "startups.read": OWN,
        "tenancies.read": OWN,
    },
    "evaluator": {"spaces.read": ANY, "startups.read": OWN, "tenancies.read": OWN},
    "integrator": {
        "spaces.create": OWN,
        "spaces.read": ANY,
        "spaces.update": OWN,
        "tenancies.register": OWN,
        "tenancies.read": OWN,
        "tenancies.end": OWN,
        "startups.register": OWN,
        "startups.read": OWN,
        "startups.update": OWN,
    },
    "admin": {
        "spaces.create": ANY,
        "spaces.read": ANY,
        "spaces.update": ANY,
        "tenancies.register": ANY,
        "tenancies.read": ANY,
        "tenancies.end": ANY,
        "startups.register": ANY,
        "startups.read": ANY,
        "startups.update": ANY,
        "operations.read": ANY,
        "operations.replay": ANY,
    },
}

_KNOWN = frozenset(name for held in ROLES.values() for name in held)


def permissions(services: Iterable[ServiceDescriptor]) -> dict[str, str]:
    """The permission of every method, by its path; LookupError for one without, or with one that no role holds."""
    needed: dict[str, str] = {}
    for service in services:
        for method in service.methods:
            name = method.GetOptions().Extensions[permission]
            if name not in _KNOWN:
                raise LookupError(f"{method.full_name} needs a permission that some role holds, not {name!r}")
            needed[f"/{service.full_name}/{method.name}"] = name
    return needed


def permit(caller: Caller, needed: str) -> Reach:
    """How far the caller may go with what the permission allows; Denied when the role does not hold it."""
    extent = ROLES[caller.role].get(needed)
    if extent is None:
        raise Denied("PERMISSION_DENIED", f"the role {caller.role} may not do this", permission=needed)
    if extent is ANY or "*" in caller.scopes:
        return EVERYWHERE
    return Reach(caller.scopes)
