"""Deadlines: the caller's less some headroom, a default for callers who set none, and an upper limit."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode

from libs.cli.issuer import Issuer
from libs.common.rpc.context import call_context
from libs.common.rpc.interceptor import MAX_UNARY_SECONDS
from tests.common.rpc.sample_server import SampleServer, failure_of, forever, serving
from tests.common.sample_contract import halls


async def hang(request: Any) -> Any:
    """Wait for something that never happens."""
    await forever()


@pytest.mark.parametrize("timeout", [0.6, 1.0])
async def test_the_answer_arrives_before_the_callers_clock(sample: SampleServer, timeout: float) -> None:  # noqa: ASYNC109 - gRPC's word
    """A method that hangs is ended by the service, with details, before the caller gives up by itself."""
    sample.rpc.unary = hang
    await sample.channel.channel_ready()
    for _ in range(3):
        failure = await failure_of(sample.call("ReadHall", timeout=timeout))
        assert (failure.code, failure.reason) == (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert failure.message == "the deadline passed"


async def test_a_caller_without_a_deadline_gets_one(issuer: Issuer) -> None:
    """A call whose caller set no deadline is ended after the default, with details."""
    async with serving(issuer, deadline_seconds=0.3) as sample:
        sample.rpc.unary = hang
        started = asyncio.get_running_loop().time()
        failure = await asyncio.wait_for(failure_of(sample.call("ReadHall", timeout=None)), 5)
        assert (failure.code, failure.reason) == (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert asyncio.get_running_loop().time() - started >= 0.3


async def test_a_callers_deadline_goes_before_the_default(issuer: Issuer) -> None:
    """The default does not shorten the deadline that a caller set."""
    async with serving(issuer, deadline_seconds=0.1) as sample:

        async def take_longer(request: Any) -> Any:
            await asyncio.sleep(0.3)
            return halls.Hall(name="halls/1")

        sample.rpc.unary = take_longer
        assert (await sample.call("ReadHall", timeout=5)).name == "halls/1"


@pytest.mark.parametrize(("timeout", "least", "most"), [(3600, 59, MAX_UNARY_SECONDS), (8, 7.4, 7.91), (None, 9, 10)])
async def test_how_long_a_method_may_take(
    sample: SampleServer,
    timeout: float | None,  # noqa: ASYNC109 - gRPC's word
    least: float,
    most: float,
) -> None:
    """The context has the deadline: the caller's less 100 ms, ten seconds without one, and never over a minute."""
    remaining = []

    async def record(request: Any) -> Any:
        remaining.append(call_context().remaining())
        return halls.Hall()

    sample.rpc.unary = record
    await sample.call("ReadHall", timeout=timeout)
    assert least < remaining[0] <= most
