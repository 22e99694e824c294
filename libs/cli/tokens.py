"""Tokens of the laptop's own issuer."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from libs.cli.errors import CliError
from libs.cli.home import HOME, Home, HomeOption
from libs.cli.suggestions import suggest
from libs.common.rpc.identity import ROLE_NAMES

EVERYTHING = "*"
MAX_HOURS = 24 * 366
ROLES = tuple(sorted(ROLE_NAMES))
ADMIN = "admin"
USUAL_SCOPES = {"operator": "spaces/…", "mentor": "mentors/…", "founder": "startups/…", "judge": "events/…"}
"""The roles that need a scope, and what it usually is."""
RESOURCE_NAME = re.compile(r"[a-z][A-Za-z]*/[^/\s]+(/[a-z][A-Za-z]*/[^/\s]+)*")


def complete_roles(incomplete: str) -> list[str]:
    """Return the roles that complete what is typed."""
    return [role for role in ROLES if role.startswith(incomplete)]


Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="A resource name such as spaces/…, or * for everything; may be repeated."),
]
ROLES_HELP = f"one of {', '.join(ROLES)}."


def token(
    role: Annotated[str, typer.Option(help=f"The bearer's role: {ROLES_HELP}", autocompletion=complete_roles)],
    scope: Scopes = None,
    subject: Annotated[str, typer.Option(help="The bearer's name in the journal; by default people/<role>.")] = "",
    hours: Annotated[float, typer.Option(help="The token's lifetime.")] = 12.0,
    home: HomeOption = HOME,
) -> None:
    """Print a token that the services on this laptop accept."""
    print(mint(Home(home), role, scope or (), subject=subject, hours=hours))


def mint(home: Home, role: str, scopes: Sequence[str], *, subject: str = "", hours: float = 12.0) -> str:
    """Return a token for a role. CliError when the role needs a scope and has none, or a value is not valid."""
    if role not in ROLE_NAMES:
        raise CliError(f"There is no role {role!r}. {suggest(role, ROLES)}")
    if role in USUAL_SCOPES and not scopes:
        example = f"--scope {USUAL_SCOPES[role]}"
        raise CliError(f"The role {role} needs a scope: add {example}, as in `hatchery token --role {role} {example}`.")
    for name in scopes:
        if name != EVERYTHING and RESOURCE_NAME.fullmatch(name) is None:
            raise CliError(f"The scope {name!r} is neither a resource name such as spaces/… nor *.")
    if not 0 < hours <= MAX_HOURS:
        raise CliError(f"--hours must be more than 0 and at most {MAX_HOURS} (a year); {hours:g} is not.")
    issuer = home.issuer()
    return issuer.token(subject or f"people/{role}", role, list(scopes or (EVERYTHING,)), timedelta(hours=hours))
