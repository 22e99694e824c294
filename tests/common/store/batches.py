"""Commands that are sure to share a batch, and how many transactions the server has seen."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from libs.common.store.database import Database
from tests.common.sample_domain import HallsStore
from tests.support.waiting import running_task


async def commit_together(store: HallsStore, *commands: Awaitable[Any]) -> list[Any]:
    """Return the replies and errors of commands that are all queued before the commit loop starts."""
    waiting = [asyncio.ensure_future(command) for command in commands]
    await asyncio.sleep(0)
    async with running_task(store.loop.run()):
        return await asyncio.gather(*waiting, return_exceptions=True)


async def transactions(database: Database, outcome: str = "Committed") -> int:
    """Return how many transactions the server has `Committed` or `Aborted`."""
    status = await database.handle.command("serverStatus")
    return int(status["transactions"][f"total{outcome}"])
