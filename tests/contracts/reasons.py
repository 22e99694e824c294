"""Which reasons the code refuses for, and which docs/errors.md tells of."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grpc import StatusCode

from libs.common import errors
from libs.common.failing import status
from tests.contracts.contract import ROOT

#: Our family of refusals; each is raised with its reason first.
KINDS = frozenset(
    {"NotFound", "Taken", "Precondition", "Stale", "Denied", "Unauthenticated", "Exhausted", "Unavailable", "TooLate"}
)
#: How a kind hands its reason to the family.
SUPER = "super().__init__"
#: Where a reason stands in other calls: by place or by keyword.
PLACES: dict[str, int | str] = {
    SUPER: 0,
    "Violation": 1,
    "field": 1,
    "wrong": 0,
    "Collection": "missing",
    "Index": "taken",
    "ErrorInfo": "reason",
}
#: What a collection and an index refuse with.
MEANT = {"Collection": "NotFound", "Index": "Taken"}
#: The reasons of single fields, which come under one code whatever they are.
OF_FIELDS = frozenset({"Violation", "field", "wrong", "_REASONS"})
REASON = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


@dataclass(frozen=True)
class Use:
    """A place in the code where a reason is given, and by what."""

    reason: str
    giver: str
    line: int

    @property
    def code(self) -> StatusCode | None:
        """The code that it leaves with; None for the reason of a single field."""
        if self.giver in OF_FIELDS:
            return None
        kind = MEANT.get(self.giver, self.giver)
        error = errors.Invalid() if kind == SUPER else getattr(errors, kind, RuntimeError)(self.reason, "")
        return status(error, "")[0]


def documented(page: Path = ROOT / "docs" / "errors.md") -> dict[str, str]:
    """Every reason of the page's tables with the rest of its row."""
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \|(.*)\|$", _tables(page), re.MULTILINE)
    return dict(rows)


def _tables(page: Path) -> str:
    """The page from its tables of reasons on; before that it tells of codes."""
    return page.read_text(encoding="utf-8").partition("\n## Reasons of calls\n")[2]


@cache
def used() -> dict[str, list[Use]]:
    """Every reason that libs/common or services/ refuse for, with the places where."""
    found: dict[str, list[Use]] = {}
    for path in [*(ROOT / "libs" / "common").rglob("*.py"), *(ROOT / "services").rglob("*.py")]:
        for use in uses(path.read_text(encoding="utf-8")):
            found.setdefault(use.reason, []).append(use)
    return found


def uses(source: str) -> Iterator[Use]:
    """The reasons that a module gives."""
    tree = ast.parse(source)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]:
        for call in [node for node in ast.walk(function) if isinstance(node, ast.Call)]:
            yield from _in_call(call, function)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _in_call(node, None)
        elif isinstance(node, ast.Assign) and any(ast.unparse(target) == "_REASONS" for target in node.targets):
            yield from (Use(text, "_REASONS", node.lineno) for text in _texts(node.value) if REASON.fullmatch(text))


def _in_call(call: ast.Call, function: ast.AST | None) -> Iterator[Use]:
    """The reasons of a call; one that is worked out may be any text of its function that looks like a reason."""
    called = ast.unparse(call.func)
    giver = called if called == SUPER else called.rpartition(".")[2]
    argument = _argument(call, 0 if giver in KINDS else PLACES.get(giver))
    if argument is None:
        return
    reasons = [text for text in _texts(argument) if REASON.fullmatch(text)]
    if not reasons and function is not None and not isinstance(argument, ast.Constant):
        reasons = [text for text in _texts(function) if REASON.fullmatch(text)]
    yield from (Use(reason, giver, call.lineno) for reason in reasons)


def _argument(call: ast.Call, place: int | str | None) -> ast.expr | None:
    if isinstance(place, str):
        return next((keyword.value for keyword in call.keywords if keyword.arg == place), None)
    return call.args[place] if place is not None and len(call.args) > place else None


def _texts(node: ast.AST) -> list[str]:
    return [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)]
