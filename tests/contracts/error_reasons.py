"""The reasons that the ErrorReason enums document, and those that the code gives."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc import StatusCode

from libs.common.domain import errors
from libs.common.rpc.grpc_status import as_refusal, grpc_status
from tests.contracts.contract import ROOT, files

#: The refusals whose reason is the first argument.
KINDS = frozenset(
    kind.__name__
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.Refusal) and kind not in (errors.Refusal, errors.Invalid)
)
#: How a refusal passes its reason to its base class.
SUPER = "super().__init__"
#: Which argument of other calls is a reason: its position or its name.
ARGUMENTS: dict[str, int | str] = {
    SUPER: 0,
    "Violation": 1,
    "field": 1,
    "validation_error": 0,
    "EntitySchema": "missing",
    "Index": "unique_reason",
    "ErrorInfo": "reason",
}
#: The refusals that a schema and an index give.
REFUSED_BY = {"EntitySchema": "NotFound", "Index": "Taken"}
#: What gives reasons of single fields, which leave with INVALID_ARGUMENT.
OF_FIELDS = frozenset({"Violation", "field", "validation_error", "_REASONS"})
#: Packages of libs that are no pure libraries.
OWN_REASONS = frozenset({"api", "cli", "common"})
REASON = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
#: Field numbers in FileDescriptorProto and EnumDescriptorProto, of which the paths of comments consist.
ENUM_TYPE, ENUM_VALUE = 5, 2


@dataclass(frozen=True)
class Documented:
    """A value of an ErrorReason enum as its comment describes it. The reason of a field has no code."""

    name: str
    code: str
    metadata: frozenset[str]
    has_retry_info: bool


@cache
def documented(folder: str) -> dict[str, Documented]:
    """Return the reasons of the enum in protos/hatchery/<folder>."""
    protos = [file for file in files() if file.package.startswith(f"hatchery.{folder}.")]
    return {reason.name: reason for file in protos for reason in _documented(file)}


def documented_for(service: str) -> dict[str, Documented]:
    """Return the reasons that a service may give: those of all services and its own."""
    return {**documented("common"), **documented(service)}


def _documented(file: FileDescriptorProto) -> Iterator[Documented]:
    comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
    for number, enum in enumerate(file.enum_type):
        for index, value in enumerate(enum.value):
            if enum.name == "ErrorReason" and value.number:
                comment = comments.get((ENUM_TYPE, number, ENUM_VALUE, index), "")
                code = re.search(r"^ ?Code: (\w+)\.", comment, re.MULTILINE)
                yield Documented(
                    value.name, code[1] if code else "", _listed("Metadata", comment), "RetryInfo" in comment
                )


def _listed(label: str, comment: str) -> frozenset[str]:
    found = re.search(rf"^ ?{label}: (.+)\.$", comment, re.MULTILINE)
    return frozenset() if found is None or found[1] == "none" else frozenset(found[1].split(", "))


@dataclass(frozen=True)
class Use:
    """A place in the code that gives a reason, and what it gives it with."""

    reason: str
    giver: str
    line: int

    @property
    def code(self) -> str:
        """The name of the status code that it leaves with; empty for the reason of a field."""
        if self.giver in OF_FIELDS:
            return ""
        kind = REFUSED_BY.get(self.giver, self.giver)
        error = errors.Invalid() if kind == SUPER else getattr(errors, kind, RuntimeError)(self.reason, "")
        status: StatusCode = grpc_status(error, "", as_refusal)[0]
        return status.name


Uses = dict[str, dict[str, list[Use]]]


@cache
def used() -> Uses:
    """Return the reasons that the code gives: by `common` or service, then by reason."""
    return {name: _by_reason(folder.rglob("*.py")) for name, folder in _folders().items()}


@cache
def used_with_libraries() -> Uses:
    """Return the same, and of each service also those of the modules of pure libraries that it imports.

    It need not call everything that a module offers, so some of these reasons it may never give.
    """
    return {name: _by_reason(with_libraries(folder.rglob("*.py"))) for name, folder in _folders().items()}


def _folders() -> dict[str, Path]:
    services = {path.name: path for path in (ROOT / "services").iterdir() if path.is_dir()}
    return {"common": ROOT / "libs" / "common"} | services


def _by_reason(paths: Iterable[Path]) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = {}
    for path in paths:
        for use in _uses_in(path):
            found.setdefault(use.reason, []).append(use)
    return found


def with_libraries(paths: Iterable[Path]) -> set[Path]:
    """Return the modules, with those of pure libraries that they import, directly or through one another."""
    known: set[Path] = set()
    found = set(paths)
    while found:
        known |= found
        found = {library for path in found for library in _imported_libraries(path)} - known
    return known


def _imported_libraries(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for module in (node.module, *(f"{node.module}.{name.name}" for name in node.names)):
                file = ROOT / Path(*module.split(".")).with_suffix(".py")
                if module.startswith("libs.") and module.split(".")[1] not in OWN_REASONS and file.exists():
                    yield file


def _uses_in(path: Path) -> Iterator[Use]:
    return uses(path.read_text(encoding="utf-8"))


def uses(source: str) -> Iterator[Use]:
    """Yield the reasons that a module gives."""
    tree = ast.parse(source)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]:
        for call in [node for node in ast.walk(function) if isinstance(node, ast.Call)]:
            yield from _uses_in_call(call, function)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _uses_in_call(node, None)
        elif isinstance(node, ast.Assign) and any(ast.unparse(target) == "_REASONS" for target in node.targets):
            yield from (Use(text, "_REASONS", node.lineno) for text in _texts(node.value) if REASON.fullmatch(text))


def _uses_in_call(call: ast.Call, function: ast.AST | None) -> Iterator[Use]:
    """Yield the reasons of a call. A computed one may be any text of its function that looks like a reason."""
    called = ast.unparse(call.func)
    giver = called if called == SUPER else called.rpartition(".")[2]
    argument = _argument(call, 0 if giver in KINDS else ARGUMENTS.get(giver))
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
