"""Every role may do what docs/permissions.md says, within its scopes, and learns nothing about anything else.

Roles are decided in process, for every method and role. Over the wire goes a sample for every method.
"""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
from grpc import StatusCode

from libs.common.domain.errors import Denied
from libs.common.rpc.grants import Access, access_by_path
from libs.common.rpc.identity import ROLE_NAMES, Caller
from libs.common.rpc.scope import UNLIMITED, Scope
from libs.common.runtime import operations
from tests.contracts.bad_values import with_value
from tests.contracts.calls import Answer, texts
from tests.contracts.contract import LISTS, METHODS, Method, fields, grpc_services
from tests.contracts.permission_table import documented_methods, row
from tests.contracts.requests import RunningContract, Valid, service_contract, unfiltered, valid
from tests.contracts.snapshots import Snapshots
from tests.support.processes import Cluster

#: Scopes of a token: everything, one resource, nothing.
SCOPES: Sequence[frozenset[str]] = (
    frozenset({"*"}),
    frozenset({"*", "spaces/1"}),
    frozenset({"spaces/1"}),
    frozenset(),
)
#: Fields by which a request names a resource that must be in scope.
NAMING = ("name", "names", "space")
OWNED = [method for method in METHODS if row(method).own]
NAMED = [
    method
    for method in OWNED
    if any(field.path in NAMING and not field.has_fields for field in fields(method)) and not method.is_list
]
BATCHES = [method for method in OWNED if method.is_batch]
OWNED_LISTS = [method for method in LISTS if row(method).own]
OUT_OF_SCOPE = (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")


def access(method: Method) -> Access:
    """Return who may call the method, as the service decides it."""
    grants = import_module(f"services.{method.service}.grants").GRANTS
    return access_by_path(grpc_services(method.service), {**grants, **operations.GRANTS})[method.path]


class Tokens:
    """Authorization headers of callers with a role and scopes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def header(self, role: str, scopes: Sequence[str]) -> str:
        """Return a header."""
        return f"Bearer {self._cluster.token(role, scopes, 'neighbour')}"


@pytest.fixture(scope="module")
def tokens(contract_cluster: Cluster) -> Tokens:
    """Authorization headers that the services accept."""
    return Tokens(contract_cluster)


# --- decided in process -----------------------------------------------------------------------


def test_every_method_has_a_row() -> None:
    """docs/permissions.md has a row for every method, and no other."""
    assert documented_methods() == {method.key for method in METHODS}


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_role_may_do_what_the_table_says(method: Method) -> None:
    """A role with `any` is not limited, a role with `own` is limited to its scopes, any other role is denied."""
    expected = row(method)
    assert method.permission == expected.permission
    for role in ROLE_NAMES:
        for scopes in SCOPES:
            caller = Caller("tester", role, scopes, float("inf"))
            if role in expected.any or (expected.is_public and role not in expected.own):
                assert access(method).permit(caller) == UNLIMITED
            elif role in expected.own:
                assert access(method).permit(caller) == (UNLIMITED if "*" in scopes else Scope(scopes))
            else:
                with pytest.raises(Denied) as denied:
                    access(method).permit(caller)
                assert denied.value.reason == "PERMISSION_DENIED"
                assert denied.value.metadata == {"permission": expected.permission}


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_only_known_roles_hold_permissions(method: Method) -> None:
    """The table names roles that tokens may have, and no role in both columns; an admin may call everything."""
    expected = row(method)
    assert {*expected.any, *expected.own} <= ROLE_NAMES
    assert not set(expected.any) & set(expected.own)
    assert "admin" in expected.any


# --- over the wire ----------------------------------------------------------------------------


def sample(method: Method, roles: Sequence[str]) -> str:
    """Return one of the roles, another one for each method."""
    return roles[METHODS.index(method) % len(roles)]


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_who_may_is_answered(contract: RunningContract, tokens: Tokens, method: Method) -> None:
    """A role with `any` needs no scope; a role with `own` is answered with each scope that covers the resource.

    A public method needs no token.
    """
    await answered(contract, method, tokens.header(sample(method, row(method).any), ()))
    if row(method).is_public:
        await answered(contract, method, "")
    if row(method).own:
        own = sample(method, row(method).own)
        await answered(contract, method, tokens.header(own, ("*",)))
        for index in range(len((await valid(contract, method)).scopes)):
            given = await valid(contract, method)  # a command may succeed once only
            await answered(contract, method, tokens.header(own, (given.scopes[index],)), given)


async def answered(contract: RunningContract, method: Method, header: str, given: Valid | None = None) -> None:
    """Send a valid request; fail when it is refused."""
    given = given or await valid(contract, method)
    answer = await contract.calls.send(method, given.request, header)
    assert answer.reason == given.refused, str(answer)


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_who_may_not_is_refused(
    contract: RunningContract, snapshots: Snapshots, tokens: Tokens, method: Method
) -> None:
    """Another role, scopes that do not cover the resource, and no token: refused, revealing and changing nothing."""
    request = (await valid(contract, method)).request
    denied = sorted(ROLE_NAMES - {*row(method).any, *row(method).own})
    refused: list[tuple[str, StatusCode, str, dict[str, str]]] = []
    if not row(method).is_public:
        refused.append(("", StatusCode.UNAUTHENTICATED, "TOKEN_MISSING", {}))
    if denied and not row(method).is_public:
        header = tokens.header(sample(method, denied), ("*",))
        metadata = {"permission": method.permission}
        refused.append((header, StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", metadata))
    if row(method).own and not method.is_list and not method.is_stream:
        own = sample(method, row(method).own)
        refused += [(tokens.header(own, scopes), *OUT_OF_SCOPE, {}) for scopes in (contract.foreign.scopes, ())]
    async with snapshots.unchanged():
        sent = [contract.calls.send(method, request, header) for header, *_ in refused]
        answers = await asyncio.gather(*sent)
    for (_, *expected), answer in zip(refused, answers, strict=True):
        assert [answer.code, answer.reason, answer.metadata] == expected
        assert not reveals(answer, contract)


def reveals(answer: Answer, contract: RunningContract) -> set[str]:
    """Return the texts of the home place's resources that a refusal contains."""
    secret = {text for resource in contract.home.resources.values() for text in texts(resource) if len(text) > 4}
    return answer.words() & secret


@pytest.mark.parametrize("method", NAMED, ids=str)
async def test_what_is_out_of_scope_looks_like_what_does_not_exist(
    contract: RunningContract, tokens: Tokens, method: Method
) -> None:
    """A caller cannot find out whether something out of scope exists: both answers are the same."""
    given = await valid(contract, method)
    twin = given.name[:-1] + ("0" if given.name[-1] != "0" else "1")
    request = given.request.SerializeToString()
    absent = request.replace(given.name.encode(), twin.encode())
    assert absent != request
    for scopes in (contract.foreign.scopes, ()):
        header = tokens.header(sample(method, row(method).own), scopes)
        existing, missing = [await contract.calls.send(method, each, header) for each in (request, absent)]
        assert existing == missing
        assert (existing.code, existing.reason) == OUT_OF_SCOPE


@pytest.mark.parametrize("method", BATCHES, ids=str)
async def test_a_batch_is_refused_for_one_out_of_scope(
    contract: RunningContract, tokens: Tokens, method: Method
) -> None:
    """A batch returns everything or nothing: one name out of scope, and nothing is said about the others."""
    given = await valid(contract, method)
    for names in ([given.name, given.foreign], [given.foreign, given.name]):
        for scope in given.scopes:
            header = tokens.header(sample(method, row(method).own), (scope,))
            answer = await contract.calls.send(method, with_value(given.request, "names", names), header)
            assert (answer.code, answer.reason) == OUT_OF_SCOPE, str(answer)
            assert not reveals(answer, contract)


@pytest.mark.parametrize("method", LISTS, ids=str)
async def test_a_list_shows_exactly_what_is_in_scope(contract: RunningContract, tokens: Tokens, method: Method) -> None:
    """A list holds everything in scope and nothing else, page after page; with `any` it holds everything."""
    given, expected = await valid(contract, method), row(method)
    everything = await listed(contract, method, contract.calls.admin)
    known = await resources_by_name(contract, method.service)
    limited = sample(method, expected.own) if expected.own else ""
    callers = [(sample(method, expected.any), ()), (limited, ("*",)), (limited, contract.foreign.scopes), (limited, ())]
    callers += [(limited, (scope,)) for scope in given.scopes]
    for role, scopes in [(role, scopes) for role, scopes in callers if role]:
        shown = [each.name for each in await listed(contract, method, tokens.header(role, scopes))]
        sees_all = role in expected.any or "*" in scopes
        scopes_of = service_contract(method.service).scopes_of
        visible = [each for each in everything if sees_all or scopes_of(each, known) & set(scopes)]
        assert shown == [each.name for each in visible]
        assert (given.name in shown) == (sees_all or bool(set(given.scopes) & set(scopes)))
        assert (given.foreign in shown) == (sees_all or scopes == contract.foreign.scopes)


async def resources_by_name(contract: RunningContract, service: str) -> dict[str, Any]:
    """Return everything that a service lists."""
    methods = [method for method in LISTS if method.service == service]
    found = [each for method in methods for each in await listed(contract, method, contract.calls.admin)]
    return {resource.name: resource for resource in found}


async def listed(contract: RunningContract, method: Method, header: str) -> list[Any]:
    """Return everything that a list holds for a caller, page by page."""
    found: list[Any] = []
    request = unfiltered(method)
    while True:
        answer = await contract.calls.send(method, request, header)
        assert answer.code is StatusCode.OK, str(answer)
        page: Any = method.reply.FromString(answer.raw)
        found += getattr(page, method.items)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


@pytest.mark.parametrize("method", OWNED_LISTS, ids=str)
async def test_a_filter_finds_nothing_out_of_scope(
    contract: RunningContract, snapshots: Snapshots, tokens: Tokens, method: Method
) -> None:
    """A filter by something out of scope finds an empty page, as one by something that does not exist."""
    await snapshots.until_idle()
    request = (await valid(contract, method)).request
    page = await contract.calls.reply(method, request)
    assert getattr(page, method.items)
    for scopes in (contract.foreign.scopes, ()):
        header = tokens.header(sample(method, row(method).own), scopes)
        answer = await contract.calls.send(method, request, header)
        assert (answer.code, answer.raw) == (StatusCode.OK, b""), f"{scopes}: {answer}"
