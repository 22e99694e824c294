"""Startups: who they are before the law, and where they live; entities, rules and facts; decides, touches nothing."""

from services.startups.domain.credit_code import CreditCode
from services.startups.domain.startup import (
    BatchGetStartups,
    GetStartup,
    ListStartups,
    RegisterStartup,
    Residency,
    ResidencyState,
    Stage,
    Startup,
    StartupRegistered,
    StartupSpec,
    StartupUpdated,
    UpdateStartup,
    note_residency,
    register_startup,
    update_startup,
)

__all__ = [
    "BatchGetStartups",
    "CreditCode",
    "GetStartup",
    "ListStartups",
    "RegisterStartup",
    "Residency",
    "ResidencyState",
    "Stage",
    "Startup",
    "StartupRegistered",
    "StartupSpec",
    "StartupUpdated",
    "UpdateStartup",
    "note_residency",
    "register_startup",
    "update_startup",
]
