"""Which role holds which permission of mentors. Mentors are a public directory; contacts and papers are not."""

from collections.abc import Mapping

from libs.common.rpc.grants import ANY, OWN, Extent, Grants

#: What every role reads, as in a public directory.
_DIRECTORY: Mapping[str, Extent] = {
    "operator": ANY,
    "mentor": ANY,
    "founder": ANY,
    "judge": ANY,
    "official": ANY,
    "evaluator": ANY,
    "integrator": ANY,
    "admin": ANY,
}
#: Whoever reads what concerns a mentor, a space or a district of theirs. Founders see their own page instead.
_SIDES: Mapping[str, Extent] = {
    "mentor": OWN,
    "operator": OWN,
    "official": OWN,
    "evaluator": OWN,
    "integrator": OWN,
    "admin": ANY,
}

GRANTS: Grants = {
    # --- mentors ---
    "mentors.read": _DIRECTORY,
    "mentors.nominate": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.appoint": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.end_appointment": {"operator": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.suspend": {"official": OWN, "admin": ANY},
    "mentors.retire": {"mentor": OWN, "official": OWN, "admin": ANY},
    "mentors.update": {"operator": OWN, "mentor": OWN, "official": OWN, "integrator": OWN, "admin": ANY},
    "mentors.classify": {"official": OWN, "admin": ANY},
    "mentors.forget": {"mentor": OWN, "admin": ANY},
    "nominations.read": {"operator": OWN, "mentor": OWN, "official": OWN, "admin": ANY},
    "nominations.update": {"operator": OWN, "mentor": OWN, "official": OWN, "admin": ANY},
    "nominations.reject": {"operator": OWN, "official": OWN, "admin": ANY},
    "mentor_contacts.read": {"operator": OWN, "mentor": OWN, "official": OWN, "admin": ANY},
    "mentor_contacts.update": {"mentor": OWN, "admin": ANY},
    # --- availability ---
    "availability.read": _DIRECTORY,
    "availability.update": {"mentor": OWN, "operator": OWN, "admin": ANY},
    "slots.read": _DIRECTORY,
    "blocks.create": {"mentor": OWN, "admin": ANY},
    "blocks.read": {"mentor": OWN, "admin": ANY},
    "blocks.delete": {"mentor": OWN, "admin": ANY},
    "commitments.read": {"mentor": OWN, "operator": OWN, "admin": ANY},
    "commitments.export": {"mentor": OWN, "admin": ANY},
    # --- reports ---
    "reports.read": _SIDES,
    "reports.export": _SIDES,
    "ratings.read": _SIDES,
    "certificates.read": _SIDES,
    "coverage.read": {"operator": OWN, "official": OWN, "evaluator": OWN, "integrator": OWN, "admin": ANY},
    # --- matching ---
    "mentors.match": {
        "founder": OWN,
        "operator": OWN,
        "official": OWN,
        "evaluator": OWN,
        "integrator": OWN,
        "admin": ANY,
    },
    # --- bookings ---
    "consultations.request": {"founder": OWN, "operator": OWN, "integrator": OWN, "admin": ANY},
    "consultations.read": {
        "mentor": OWN,
        "founder": OWN,
        "operator": OWN,
        "official": OWN,
        "evaluator": OWN,
        "integrator": OWN,
        "admin": ANY,
    },
    "consultations.accept": {"mentor": OWN, "admin": ANY},
    "consultations.decline": {"mentor": OWN, "admin": ANY},
    "consultations.propose_time": {"mentor": OWN, "admin": ANY},
    "consultations.accept_proposed_time": {"founder": OWN, "admin": ANY},
    "consultations.withdraw": {"founder": OWN, "admin": ANY},
    "consultations.move": {"founder": OWN, "admin": ANY},
    "consultations.cancel": {"mentor": OWN, "founder": OWN, "operator": OWN, "admin": ANY},
    # --- records ---
    "consultations.log": {"mentor": OWN, "operator": OWN, "integrator": OWN, "admin": ANY},
    "consultations.correct": {"mentor": OWN, "admin": ANY},
    "consultations.confirm": {"founder": OWN, "admin": ANY},
    "consultations.dispute": {"founder": OWN, "admin": ANY},
    "consultations.resolve": {"operator": OWN, "official": OWN, "admin": ANY},
    "consultations.add_evidence": {"mentor": OWN, "operator": OWN, "admin": ANY},
    "consultations.complete_next_step": {"mentor": OWN, "founder": OWN, "admin": ANY},
    "consultation_notes.read": {"mentor": OWN, "admin": ANY},
    "consultation_notes.update": {"mentor": OWN, "admin": ANY},
    # --- panels ---
    "panels.draw": {"official": OWN, "admin": ANY},
    "panels.read": {"mentor": OWN, "official": OWN, "evaluator": OWN, "admin": ANY},
    "panels.verify": {"official": OWN, "evaluator": OWN, "admin": ANY},
    "panels.declare_conflict": {"mentor": OWN, "official": OWN, "admin": ANY},
    "panels.read_declaration": {"mentor": OWN, "official": OWN, "evaluator": OWN, "admin": ANY},
    "panels.replace": {"official": OWN, "admin": ANY},
    "panels.close": {"official": OWN, "admin": ANY},
    "panels.cancel": {"official": OWN, "admin": ANY},
    # --- secondments ---
    "secondments.propose": {"mentor": OWN, "operator": OWN, "official": OWN, "admin": ANY},
    "secondments.record_consent": {"mentor": OWN, "operator": OWN, "official": OWN, "admin": ANY},
    "secondments.end": {"mentor": OWN, "operator": OWN, "official": OWN, "admin": ANY},
    "secondments.read": _SIDES,
}
