"""What the checkpoint says where replicas decide in another order than they commit."""

from nats.aio.client import Client

from libs.common.messaging.checkpoint import unpublished
from libs.common.messaging.relay import Relay
from libs.common.store.database import Database
from tests.common.sample_domain import commit_opening, new_halls_store, new_name
from tests.common.streams import until_published
from tests.support.clock import FixedClock
from tests.support.store_fixtures import running
from tests.support.waiting import eventually, running_task


async def test_a_fact_that_was_decided_before_the_last_one_is_not_left_over(database: Database, admin: Client) -> None:
    """Everything counts as published, also where a replica commits what it decided before the last commit of another.

    The two arrive at the relay together.
    """
    clock, behind = FixedClock(), FixedClock()
    behind.advance(milliseconds=-1)
    relay = Relay(database, admin, "halls", lease_seconds=1.0)
    async with running(new_halls_store(database, clock)) as one, running(new_halls_store(database, behind)) as other:
        async with running_task(relay.run()):
            await commit_opening(other, new_name())
            await until_published(admin, 1)

            async def is_saved() -> bool:
                return await unpublished(database) == 0

            await eventually(is_saved)
        await commit_opening(one, new_name())
        await commit_opening(other, new_name())
        async with running_task(relay.run()):
            await until_published(admin, 3)
            await eventually(is_saved)
