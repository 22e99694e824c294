"""What survives kill -9: services and servers are killed in turn under a mixed load, then the books are audited."""

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from tests.conftest import eventually, lastingly
from tests.faults.audit import audit
from tests.faults.books import Books, read_books
from tests.faults.calls import Client, Ledger
from tests.faults.fleet import MONGOD, NATS_SERVER, Fleet
from tests.faults.load import Load, today

KILLS = int(os.environ.get("HATCHERY_KILLS", "20"))
VICTIMS = ("spaces-1", "startups", MONGOD, NATS_SERVER, "spaces-2")
#: Commands that are answered between a recovery and the next kill.
PROGRESS = 300

pytestmark = pytest.mark.timeout(300 + 30 * KILLS)


@pytest.fixture(scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Two replicas of spaces, one of startups, and servers of their own."""
    made = Fleet(tmp_path_factory.mktemp("fleet"), HATCHERY_LOG_LEVEL="warning")
    await made.start("startups")
    await made.start("spaces", "spaces-1")
    await made.start("spaces", "spaces-2")
    yield made
    made.stop()


def clients(fleet: Fleet, ledger: Ledger) -> Client:
    """A client that fails over between the replicas."""
    replicas = fleet.world.replicas
    spaces = [replicas["spaces-1"].address, replicas["spaces-2"].address]
    token = fleet.world.token(subject="load")
    return Client({"spaces": spaces, "startups": [replicas["startups"].address]}, token, "load", ledger)


async def kill_in_turn(fleet: Fleet, load: Load, kills: int) -> dict[str, list[float]]:
    """Kill one after another, each when the load has got on since the last recovery; seconds until all was well."""
    took: dict[str, list[float]] = defaultdict(list)
    for turn in range(kills):
        victim = VICTIMS[turn % len(VICTIMS)]
        await load.progress(PROGRESS)
        started = time.monotonic()
        await fleet.kill(victim)
        await fleet.revive(victim)
        replica = fleet.world.replicas.get(victim)
        await load.story(replica.address if replica and replica.service == "spaces" else "")
        took[victim].append(time.monotonic() - started)
    return took


def table(ledger: Ledger, took: dict[str, list[float]], seconds: float) -> str:
    """The figures of a run."""
    done = sum(sent.answer is not None for sent in ledger.sent)
    retries = sum(sent.tries - 1 for sent in ledger.sent)
    lines = [
        f"{sum(map(len, took.values()))} kills in {seconds:.0f} s",
        f"{len(ledger.sent)} commands ({len(ledger.sent) / seconds:.0f}/s), {done} done, {retries} retries",
        f"{ledger.reads} reads",
        f"codes: {dict(ledger.codes)}",
        f"refusals: {dict(ledger.reasons)}",
        f"{'victim':<12} kills  median  max (seconds until all was well)",
    ]
    lines += [
        f"{name:<12} {len(each):>5} {statistics.median(each):>7.2f} {max(each):>5.2f}" for name, each in took.items()
    ]
    return "\n".join(lines)


async def settled_books(fleet: Fleet, ledger: Ledger) -> Books:
    """The books once every fact is told and heeded."""

    async def quiet() -> bool:
        found = await fleet.unsettled()
        assert not found, found
        return True

    await eventually(lastingly(quiet), seconds=90)
    return await read_books(fleet.world, ledger)


async def test_nothing_is_lost_and_nothing_happens_twice(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is killed: what was acknowledged is there once, and all that is kept agrees."""
    ledger = Ledger()
    async with clients(fleet, ledger) as client:
        load = Load(client)
        await load.prepare()
        started = time.monotonic()
        async with load.running():
            took = await kill_in_turn(fleet, load, KILLS)
        loaded = time.monotonic()
        books = await settled_books(fleet, ledger)
    settling = f"all told and heeded {time.monotonic() - loaded:.1f} s after the load"
    with capsys.disabled():
        sys.stdout.write(f"\n{table(ledger, took, loaded - started)}\n{settling}\n")
    found = audit(books, today())
    assert not found, f"{len(found)} faults:\n" + "\n".join(found[:40])
