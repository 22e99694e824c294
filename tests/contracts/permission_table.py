"""Who may call which method, as docs/permissions.md states it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tests.contracts.contract import ROOT, Method

SECTION = re.compile(r"^## (\w+)$")
ROW = re.compile(r"^\| `(\w+)` \| `([a-z_.]+)` \| ([a-z, ]*) \| ([a-z, ]*) \|$")


@dataclass(frozen=True)
class Row:
    """The permission of a method, and the roles that hold it for any resource or within their own scopes.

    A public method serves callers without a token, and therefore every role.
    """

    permission: str
    any: tuple[str, ...]
    own: tuple[str, ...]
    is_public: bool


def row(method: Method) -> Row:
    """Return the method's row."""
    return _rows()[method.key]


def documented_methods() -> set[str]:
    """Return every method that the page has a row for."""
    return set(_rows())


@cache
def _rows() -> Mapping[str, Row]:
    rows, section = {}, ""
    for line in (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8").splitlines():
        if heading := SECTION.match(line):
            section = heading[1]
        elif found := ROW.match(line):
            any_resource, own = _roles(found[3]), _roles(found[4])
            is_public = "anyone" in any_resource
            any_resource = tuple(role for role in any_resource if role != "anyone")
            rows[f"{section}.{found[1]}"] = Row(found[2], any_resource, own, is_public)
    return rows


def _roles(cell: str) -> tuple[str, ...]:
    return tuple(role for role in cell.strip().split(", ") if role)
