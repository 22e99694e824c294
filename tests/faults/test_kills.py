"""What survives kill -9: services and servers are killed in turn under a mixed load, then everything is audited."""

import os
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.audit import audit
from tests.faults.calls import Client, Ledger
from tests.faults.fleet import MONGOD, NATS_SERVER, Fleet
from tests.faults.load import Load, today
from tests.faults.snapshot import Snapshot, take_snapshot
from tests.support.waiting import eventually, holds_repeatedly

#: The short run always takes the same seed; a longer one takes another each time, unless it is given.
SHORT_RUN = 20
KILLS = int(os.environ.get("HATCHERY_KILLS", str(SHORT_RUN)))
SEED = int(os.environ.get("HATCHERY_SEED") or (1 if KILLS <= SHORT_RUN else random.SystemRandom().randrange(1 << 32)))
VICTIMS = ("spaces-1", "startups", MONGOD, NATS_SERVER, "spaces-2", "mentors-1", "mentors-2")
#: Commands that are answered between a recovery and the next kill: of spaces and startups, and of mentors.
PROGRESS, PROGRESS_OF_MENTORS = 300, 40

pytestmark = pytest.mark.timeout(300 + 30 * KILLS)


@pytest.fixture(scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Two replicas of spaces and of mentors, one of startups, and servers of their own."""
    # Most of a recovery is the wait for the lease of a relay that was killed.
    made = Fleet(tmp_path_factory.mktemp("fleet"), HATCHERY_LOG_LEVEL="warning", HATCHERY_LEASE_SECONDS="3")
    await made.start("startups")
    await made.start("spaces", "spaces-1")
    await made.start("spaces", "spaces-2")
    await made.start("mentors", "mentors-1")
    await made.start("mentors", "mentors-2")
    yield made
    made.stop()


def new_client(fleet: Fleet, ledger: Ledger) -> Client:
    """Return a client that fails over between the replicas."""
    addresses: dict[str, list[str]] = defaultdict(list)
    for replica in fleet.cluster.replicas.values():
        addresses[replica.service].append(replica.address)
    return Client(addresses, fleet.cluster.token(subject="load"), "load", ledger, SEED)


def victims(kills: int) -> Iterator[str]:
    """Yield what to kill: everything in turn, in an order that changes from turn to turn."""
    chance, turn = random.Random(SEED), list(VICTIMS)
    for number in range(kills):
        if number % len(turn) == 0:
            chance.shuffle(turn)
        yield turn[number % len(turn)]


async def kill_in_turn(fleet: Fleet, load: Load, kills: int) -> dict[str, list[float]]:
    """Kill one after another, each after some progress. Return the seconds until everything worked again."""
    took: dict[str, list[float]] = defaultdict(list)
    for victim in victims(kills):
        await load.progress(PROGRESS, PROGRESS_OF_MENTORS)
        started = time.monotonic()
        await fleet.kill(victim)
        await fleet.restart(victim)
        replica = fleet.cluster.replicas.get(victim)
        killed = {replica.service: replica.address} if replica else {}
        await load.run_story(spaces=killed.get("spaces", ""), mentors=killed.get("mentors", ""))
        took[victim].append(time.monotonic() - started)
    return took


def report(ledger: Ledger, took: dict[str, list[float]], seconds: float) -> str:
    """Return the figures of a run."""
    done = sum(sent.reply is not None for sent in ledger.sent)
    retries = sum(sent.tries - 1 for sent in ledger.sent)
    lines = [
        f"{sum(map(len, took.values()))} kills in {seconds:.0f} s",
        f"{len(ledger.sent)} commands ({len(ledger.sent) / seconds:.0f}/s), {done} done, {retries} retries",
        f"answered: {dict(ledger.answered)}, {ledger.reads} reads",
        f"codes: {dict(ledger.codes)}",
        f"refusals: {dict(ledger.reasons)}",
        f"{'victim':<12} kills  median  max (seconds until everything worked again)",
    ]
    lines += [
        f"{name:<12} {len(each):>5} {statistics.median(each):>7.2f} {max(each):>5.2f}" for name, each in took.items()
    ]
    return "\n".join(lines)


async def snapshot_when_idle(fleet: Fleet) -> Snapshot:
    """Return what is stored once every fact has been published and handled."""

    async def idle() -> bool:
        found = await fleet.pending_work()
        assert not found, found
        return True

    await eventually(holds_repeatedly(idle), seconds=90)
    return await take_snapshot(fleet.cluster)


async def test_nothing_is_lost_and_nothing_happens_twice(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is killed, what was acknowledged is stored once, and everything that is stored is consistent."""
    ledger = Ledger()
    with capsys.disabled():
        sys.stdout.write(f"\nHATCHERY_SEED={SEED}\n")
    async with new_client(fleet, ledger) as client:
        load = Load(client, SEED)
        await load.prepare()
        started = time.monotonic()
        async with load.running():
            took = await kill_in_turn(fleet, load, KILLS)
        stopped = time.monotonic()
        snapshot = await snapshot_when_idle(fleet)
    idle_after = f"everything published and handled {time.monotonic() - stopped:.1f} s after the load"
    with capsys.disabled():
        sys.stdout.write(f"{report(ledger, took, stopped - started)}\n{idle_after}\n")
    found = audit(snapshot, ledger, today())
    assert not found, f"{len(found)} faults:\n" + "\n".join(found[:40])
