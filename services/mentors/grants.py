"""Which role holds which permission of mentors. Mentors are a public directory; contacts and papers are not."""

from libs.common.rpc.grants import ANY, OWN, Grants

GRANTS: Grants = {
    # --- mentors ---
    "mentors.read": {
        "operator": ANY,
        "mentor": ANY,
        "founder": ANY,
        "judge": ANY,
        "official": ANY,
        "evaluator": ANY,
        "integrator": ANY,
        "admin": ANY,
    },
    "mentors.nominate": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.appoint": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.end_appointment": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.suspend": {"official": OWN, "admin": ANY},
    "mentors.retire": {"mentor": OWN, "official": OWN, "admin": ANY},
    "mentors.update": {"operator": OWN, "mentor": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.forget": {"mentor": OWN, "admin": ANY},
    "nominations.read": {"operator": OWN, "mentor": OWN, "official": OWN, "admin": ANY},
    "nominations.update": {"operator": OWN, "mentor": OWN, "official": OWN, "admin": ANY},
    "nominations.reject": {"operator": OWN, "official": OWN, "admin": ANY},
    "mentor_contacts.read": {"operator": OWN, "mentor": OWN, "official": OWN, "admin": ANY},
    "mentor_contacts.update": {"mentor": OWN, "admin": ANY},
}
