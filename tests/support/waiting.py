"""Waiting for conditions instead of sleeping."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from libs.api.hatchery.operations.v1 import operations_pb2 as op
from tests.support.subscriptions import subscriptions_of

Condition = Callable[[], Awaitable[object]]


async def eventually(condition: Condition, seconds: float = 10) -> None:
    """Wait until the condition holds. Fails with its last assertion when it does not in time."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            if await condition():
                return
        except AssertionError:
            if asyncio.get_running_loop().time() > until:
                raise
        if asyncio.get_running_loop().time() > until:
            pytest.fail("the condition did not hold in time")
        await asyncio.sleep(0.02)


def holds_repeatedly(condition: Condition, times: int = 3) -> Callable[[], Awaitable[bool]]:
    """Whether the condition held each of the last times that it was evaluated.

    For what a server learns with a delay: a consumer counts a fact shortly after the stream acknowledged it.
    """
    held = 0

    async def repeatedly() -> bool:
        nonlocal held
        before, held = held, 0  # an evaluation that raises counts as one that did not hold
        held = before + 1 if await condition() else 0
        return held >= times

    return repeatedly


def pending_work(status: op.Status) -> list[str]:
    """List what a service has yet to publish or to handle. An inbox that its status leaves out may be busy."""
    found = [f"{status.unpublished} unpublished"] if status.unpublished else []
    reported = {inbox.source for inbox in status.inboxes}
    found += [
        f"the lag from {source} is unknown" for source in subscriptions_of(status.service) if source not in reported
    ]
    return found + [
        f"{inbox.pending} pending, {inbox.in_flight} in flight from {inbox.source}"
        for inbox in status.inboxes
        if inbox.pending or inbox.in_flight
    ]


@asynccontextmanager
async def running_task(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a coroutine as long as the block lasts."""
    task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
    try:
        yield task
    finally:
        while not task.done():
            task.cancel()  # repeated, because the NATS client loses a cancellation that meets its answer
            await asyncio.wait([task], timeout=0.5)
        if not task.cancelled():
            task.result()
