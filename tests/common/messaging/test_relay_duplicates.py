"""The relay publishes every fact, whatever the stream holds already."""

from nats.aio.client import Client

from libs.common.messaging.cloud_events import write_headers
from libs.common.messaging.relay import Relay
from libs.common.store.database import Database
from tests.common.sample_domain import HallsStore, commit_opening, journal_entries, new_name
from tests.common.streams import headers_of, read_all, until_published
from tests.support.waiting import running_task


async def test_a_fact_before_one_that_is_there_already_is_published(
    store: HallsStore, database: Database, admin: Client
) -> None:
    """A scan that meets facts in another order than the feed did publishes those that the feed has not."""
    for _ in range(3):
        await commit_opening(store, new_name())
    entries = sorted(await journal_entries(database), key=lambda entry: (entry["at"], entry["facts"][0]["sequence"]))
    for entry in (entries[0], entries[2]):  # a relay that followed the order of commits stopped before the second
        fact = entry["facts"][0]
        headers = write_headers("halls", entry, 0)
        await admin.jetstream().publish(fact["type"], bytes(fact["body"]), headers=headers)
    async with running_task(Relay(database, admin, "halls", lease_seconds=1.0).run()):
        await until_published(admin, 3)
    found = {headers_of(message)["Nats-Msg-Id"] for message in await read_all(admin)}
    assert found == {f"{entry['_id']}.0" for entry in entries}
