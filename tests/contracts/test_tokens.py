"""Only a valid token of the issuer, for this audience and for a known role, identifies a caller."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from libs.api.hatchery.operations.v1 import operations_pb2 as operations
from libs.cli.issuer import Issuer
from tests.contracts.bad_values import undocumented
from tests.contracts.contract import METHODS, SERVICES, Method, find_method, grpc_services
from tests.contracts.error_reasons import documented_for
from tests.contracts.forged_tokens import MAX_CHARACTERS, TOO_LONG, VALID, forgeries
from tests.contracts.permission_table import row
from tests.contracts.requests import RunningContract, valid
from tests.contracts.snapshots import Snapshots
from tests.support.processes import Cluster
from tests.support.waiting import eventually

HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#: What open methods are called with: no token, and a forged one.
STRANGERS = ("", "Bearer x.y.z")


@pytest.fixture(scope="module")
def issuer(contract_cluster: Cluster) -> Issuer:
    """The issuer whose tokens the services accept."""
    return contract_cluster.issuer


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_a_forged_token_is_refused(
    contract: RunningContract, snapshots: Snapshots, issuer: Issuer, method: Method
) -> None:
    """A caller without a valid token is UNAUTHENTICATED, learns why and nothing else, and changes nothing."""
    request = (await valid(contract, method)).request
    forged = [each for each in forgeries(issuer) if each[1] or not row(method).is_public]
    async with snapshots.unchanged():
        answers = await asyncio.gather(*(contract.calls.send(method, request, header) for _, header, _ in forged))
    for (label, _, reason), answer in zip(forged, answers, strict=True):
        assert (answer.code, answer.reason) == (StatusCode.UNAUTHENTICATED, reason), f"{label}: {answer}"
        assert not undocumented(label, answer, documented_for(method.service))
        metadata = {"max_characters": str(MAX_CHARACTERS)} if reason == TOO_LONG else {}
        assert (answer.metadata, answer.violations) == (metadata, ()), f"{label}: {answer}"


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_the_token_that_the_forgeries_are_made_from_is_valid(
    contract: RunningContract, issuer: Issuer, method: Method
) -> None:
    """A forgery is refused for the one thing that is wrong with it: without that it would be accepted."""
    given = await valid(contract, method)
    answer = await contract.calls.send(method, given.request, f"Bearer {issuer.sign(VALID)}")
    assert answer.reason == given.refused, str(answer)


@pytest.mark.parametrize("service", SERVICES)
async def test_clocks_may_differ_by_some_seconds(contract: RunningContract, issuer: Issuer, service: str) -> None:
    """A token that is issued and valid from a few seconds ahead, or has expired a few seconds ago, is accepted."""
    now, seconds = datetime.now(UTC), timedelta(seconds=7)
    method = find_method(service, "GetStatus")
    for claims in ({"iat": now + seconds}, {"nbf": now + seconds}, {"exp": now - timedelta(seconds=3)}):
        header = f"Bearer {issuer.sign(VALID | claims)}"
        answer = await contract.calls.send(method, operations.GetStatusRequest(), header)
        assert answer.code is StatusCode.OK, str(answer)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_token_is_refused_once_it_has_expired(contract: RunningContract, issuer: Issuer, service: str) -> None:
    """A token that was accepted, and is cached as such, is refused from its expiry and ten seconds of leeway on."""
    method, request = find_method(service, "GetStatus"), operations.GetStatusRequest()
    expires = int(datetime.now(UTC).timestamp()) - 8
    header = f"Bearer {issuer.sign(VALID | {'exp': expires})}"
    assert (await contract.calls.send(method, request, header)).code is StatusCode.OK

    async def is_refused() -> bool:
        answer = await contract.calls.send(method, request, header)
        late = datetime.now(UTC).timestamp() >= expires + 10
        assert late or answer.code is StatusCode.OK, str(answer)
        return late and answer.code is StatusCode.UNAUTHENTICATED

    await eventually(is_refused)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_token_with_many_scopes_is_accepted_each_time(
    contract: RunningContract, contract_cluster: Cluster, service: str
) -> None:
    """A token of 400 scopes, and one of nearly 64 KiB, are accepted 20 times of 20: no limit depends on chance."""
    method, request = find_method(service, "GetStatus"), operations.GetStatusRequest()
    scopes = [f"spaces/{number:026x}" for number in range(400)]
    long = contract_cluster.token("admin", [*scopes, "x" * 32_000])
    for token in (contract_cluster.token("admin", scopes), long):
        answers = [await contract.calls.send(method, request, f"Bearer {token}") for _ in range(20)]
        assert [answer.code for answer in answers] == [StatusCode.OK] * 20
    assert 60_000 < len(long) < MAX_CHARACTERS


@pytest.mark.parametrize("service", SERVICES)
async def test_tokens_are_not_logged(
    contract: RunningContract, contract_cluster: Cluster, issuer: Issuer, service: str
) -> None:
    """No log line holds the claims or the signature of a token, valid or forged."""
    headers = [header for _, header, _ in forgeries(issuer)] + [contract.calls.admin]
    method = find_method(service, "GetStatus")
    await asyncio.gather(*(contract.calls.send(method, b"", header) for header in headers))
    log = contract_cluster.replicas[service].child.log.read_text(encoding="utf-8")
    parts = {part for header in headers for part in header.split(".")[1:] if len(part) > 20}
    assert parts
    assert not [part for part in parts if part in log]


@pytest.mark.parametrize("header", STRANGERS, ids=["no token", "forged token"])
@pytest.mark.parametrize("service", SERVICES)
async def test_health_and_reflection_are_open(contract: RunningContract, service: str, header: str) -> None:
    """Load balancers and tools need no token to learn whether a service is healthy and what it serves."""
    channel: Any = contract.calls.channels[service]
    metadata = (("authorization", header),) if header else ()
    names = {each.full_name for each in grpc_services(service)}
    check = channel.unary_unary(HEALTH + "Check", _bytes, health_pb2.HealthCheckResponse.FromString)
    for name in ("", *names):
        answer = await check(health_pb2.HealthCheckRequest(service=name), metadata=metadata, timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    watch = channel.unary_stream(HEALTH + "Watch", _bytes, health_pb2.HealthCheckResponse.FromString)
    watched = watch(health_pb2.HealthCheckRequest(), metadata=metadata, timeout=5)
    assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
    watched.cancel()
    reflect = channel.stream_stream(REFLECTION, _bytes, reflection_pb2.ServerReflectionResponse.FromString)
    listed = reflect(_list_services(), metadata=metadata, timeout=5)
    assert {each.name for each in (await listed.read()).list_services_response.service} >= names


async def _list_services() -> AsyncIterator[Message]:
    yield reflection_pb2.ServerReflectionRequest(list_services="")


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()
