"""Which role holds which permission of lockers."""

from libs.common.rpc.grants import ANY, OWN, Grants

GRANTS: Grants = {
    "lockers.create": {"operator": OWN, "admin": ANY},
    "lockers.read": {"operator": OWN, "founder": ANY, "admin": ANY},
    "loans.lend": {"operator": OWN, "admin": ANY},
    "loans.read": {"operator": OWN, "founder": OWN, "admin": ANY},
}
