"""Only a token of the issuer's, of now, for us and for a known role counts; with any other nothing is done."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.conftest import eventually
from tests.contracts.asks import STANDING, valid
from tests.contracts.contract import HOMES, METHODS, Method, services
from tests.contracts.forgery import SOUND, forgeries
from tests.contracts.land import Land

HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#: What the open methods are asked with: nothing, and a token that does not count.
STRANGERS = ("", "Bearer x.y.z")


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_a_token_that_does_not_count_is_refused(land: Land, reasons: frozenset[str], method: Method) -> None:
    """Whoever brings no token, or one that does not count, is UNAUTHENTICATED, told why and nothing else."""
    request = (await valid(land, method)).request
    await land.town.settled()
    before, given = land.town.kept(), list(forgeries(land.town.world.issuer))
    answers = await asyncio.gather(*(land.town.ask(method, request, header) for _, header, _ in given))
    for (label, _, reason), answer in zip(given, answers, strict=True):
        assert (answer.code, answer.reason) == (StatusCode.UNAUTHENTICATED, reason), f"{label}: {answer}"
        assert answer.reasons <= reasons, f"{label}: {answer}"
        assert (answer.domain, answer.metadata, answer.violations) == ("hatchery", {}, ()), f"{label}: {answer}"
    assert land.town.kept() == before


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_the_token_that_the_forgeries_begin_with_counts(land: Land, method: Method) -> None:
    """The others are refused for the one thing that is wrong with each of them: without it they would count."""
    sound = f"Bearer {land.town.world.issuer.sign(SOUND)}"
    answer = await land.town.ask(method, (await valid(land, method)).request, sound)
    assert answer.reason == STANDING.get(method.name, ""), str(answer)


async def test_a_token_counts_no_longer_than_it_says(land: Land) -> None:
    """A token that was good, and is remembered as such, is refused from the second at which it expires."""
    method = next(method for method in METHODS if method.name == "GetStatus")
    ends = int(datetime.now(UTC).timestamp()) + 2
    token = f"Bearer {land.town.world.issuer.sign(SOUND | {'exp': ends})}"
    request = (await valid(land, method)).request
    assert (await land.town.ask(method, request, token)).code is StatusCode.OK

    async def is_refused() -> bool:
        answer = await land.town.ask(method, request, token)
        late = datetime.now(UTC).timestamp() >= ends
        assert late or answer.code is StatusCode.OK, str(answer)
        return late and answer.code is StatusCode.UNAUTHENTICATED

    await eventually(is_refused)


@pytest.mark.parametrize("home", HOMES)
async def test_tokens_are_not_logged(land: Land, home: str) -> None:
    """Whatever token comes, good or forged, no line of a log holds its claims or its signature."""
    method = next(method for method in METHODS if method.home == home and method.name == "GetStatus")
    headers = [header for _, header, _ in forgeries(land.town.world.issuer)] + [land.town.admin]
    await asyncio.gather(*(land.town.ask(method, b"", header) for header in headers))
    log = land.town.world.replicas[home].child.log.read_text(encoding="utf-8")
    parts = {part for header in headers for part in header.split(".")[1:] if len(part) > 20}
    assert parts
    assert not [part for part in parts if part in log]


@pytest.mark.parametrize("header", STRANGERS, ids=["no token", "forged token"])
@pytest.mark.parametrize("home", HOMES)
async def test_health_and_reflection_are_open(land: Land, home: str, header: str) -> None:
    """Those who balance loads and those who explore need no token to learn that and what a service serves."""
    channel: Any = land.town.channels[home]
    sent = (("authorization", header),) if header else ()
    names = {service.full_name for service in services(home)}
    check = channel.unary_unary(HEALTH + "Check", _bytes, health_pb2.HealthCheckResponse.FromString)
    for name in ("", *names):
        answer = await check(health_pb2.HealthCheckRequest(service=name), metadata=sent, timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    watch = channel.unary_stream(HEALTH + "Watch", _bytes, health_pb2.HealthCheckResponse.FromString)
    watched = watch(health_pb2.HealthCheckRequest(), metadata=sent, timeout=5)
    assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
    watched.cancel()
    reflect = channel.stream_stream(REFLECTION, _bytes, reflection_pb2.ServerReflectionResponse.FromString)
    listed = reflect(_asked(), metadata=sent, timeout=5)
    assert {service.name for service in (await listed.read()).list_services_response.service} >= names


async def _asked() -> AsyncIterator[Message]:
    yield reflection_pb2.ServerReflectionRequest(list_services="")


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()
