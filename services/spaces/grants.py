"""Which role holds which permission of spaces. Spaces are a public directory; tenancies are not."""

from libs.common.rpc.grants import ANY, OWN, Grants

GRANTS: Grants = {
    "spaces.create": {"official": OWN, "integrator": OWN, "admin": ANY},
    "spaces.read": {
        "operator": ANY,
        "mentor": ANY,
        "founder": ANY,
        "judge": ANY,
        "official": ANY,
        "evaluator": ANY,
        "integrator": ANY,
        "admin": ANY,
    },
    "spaces.update": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "tenancies.register": {"operator": OWN, "integrator": OWN, "admin": ANY},
    "tenancies.read": {
        "operator": OWN,
        "founder": OWN,
        "official": OWN,
        "evaluator": OWN,
        "integrator": OWN,
        "admin": ANY,
    },
    "tenancies.end": {"operator": OWN, "integrator": OWN, "admin": ANY},
}
