"""Which role holds which permission of startups."""

from libs.common.rpc.grants import ANY, OWN, Grants

GRANTS: Grants = {
    "startups.register": {"operator": ANY, "official": OWN, "integrator": OWN, "admin": ANY},
    "startups.read": {
        "operator": ANY,
        "mentor": ANY,
        "founder": OWN,
        "official": OWN,
        "evaluator": OWN,
        "integrator": OWN,
        "admin": ANY,
    },
    "startups.update": {"founder": OWN, "integrator": OWN, "admin": ANY},
    "startups.confirm_credit_code": {"official": OWN, "admin": ANY},
    "startups.correct_credit_code": {"admin": ANY},
}
