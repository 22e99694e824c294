"""Tokens of the laptop's own issuer, for a role and the resources it is narrowed to."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from libs.cli.home import HOME, Home, HomeOption
from libs.cli.trouble import Trouble

EVERYWHERE = "*"
LONGEST = 24 * 366


class Role(StrEnum):
    """Who somebody is to Hatchery."""

    OPERATOR = "operator"
    MENTOR = "mentor"
    FOUNDER = "founder"
    OFFICIAL = "official"
    EVALUATOR = "evaluator"
    INTEGRATOR = "integrator"
    ADMIN = "admin"


NARROWED = {Role.OPERATOR: "space", Role.MENTOR: "mentor", Role.FOUNDER: "startup"}
"""The roles that never reach everywhere, and the option that says how far."""

Spaces = Annotated[list[str] | None, typer.Option("--space", help="A space, spaces/…; may be repeated.")]
Startups = Annotated[list[str] | None, typer.Option("--startup", help="A startup, startups/…; may be repeated.")]
Mentors = Annotated[list[str] | None, typer.Option("--mentor", help="A mentor, mentors/…; may be repeated.")]
Districts = Annotated[list[str] | None, typer.Option("--district", help="A district, districts/…; may be repeated.")]


def token(
    role: Annotated[Role, typer.Option(help="Who the bearer is.")],
    space: Spaces = None,
    startup: Startups = None,
    mentor: Mentors = None,
    district: Districts = None,
    subject: Annotated[str, typer.Option(help="The bearer's name in the journal; people/<role> if not given.")] = "",
    hours: Annotated[float, typer.Option(help="How long it is good for.")] = 12.0,
    home: HomeOption = HOME,
) -> None:
    """Print a token that the services on this laptop accept."""
    named = scopes(space, startup, mentor, district)
    print(mint(Home(home), role, named, subject=subject, hours=hours))


def scopes(
    space: list[str] | None, startup: list[str] | None, mentor: list[str] | None, district: list[str] | None
) -> tuple[str, ...]:
    """The full resource names of what was named on the command line."""
    named = {"spaces": space, "startups": startup, "mentors": mentor, "districts": district}
    return tuple(_full(kind, name) for kind, names in named.items() for name in names or ())


def mint(home: Home, role: Role, named: tuple[str, ...], *, subject: str = "", hours: float = 12.0) -> str:
    """A token for the role; Trouble when the role must be narrowed and is not."""
    if role in NARROWED and not named:
        option = NARROWED[role]
        article = "an" if role is Role.OPERATOR else "a"
        raise Trouble(
            f"{article.capitalize()} {role} belongs somewhere: say where with --{option} {option}s/…, "
            f"as in `hatchery token --role {role} --{option} {option}s/…`."
        )
    if not 0 < hours <= LONGEST:
        raise Trouble(f"--hours is between 0 and {LONGEST}, a year; {hours:g} is not.")
    issuer = home.issuer()
    return issuer.token(subject or f"people/{role}", role, list(named or (EVERYWHERE,)), timedelta(hours=hours))


def _full(kind: str, name: str) -> str:
    if not name.strip() or name != name.strip():
        raise Trouble(f"An empty name, or one with blanks around it, is no resource of {kind}.")
    if "/" not in name:
        return f"{kind}/{name}"
    if not name.startswith(f"{kind}/") or name.count("/") != 1 or name.endswith("/"):
        raise Trouble(f"{name!r} is not the name of a resource like {kind}/….")
    return name
