"""Facts: how long from a commit to its effect in the other service, and how many of them one inbox takes a second."""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Any

from bson import Timestamp
from pymongo import MongoClient

from bench.contenders import HATCHERY, Ring, Say, cpu
from bench.load import Loader, Work
from bench.measured import Cell
from bench.rows import FACT, INBOX, REST_AFTER, REST_FRESH, YARDSTICK
from bench.scenery import DURABLE, REGISTER_TENANT, Scene, insert, startup
from bench.stream import Fact, make_stream, open_connection, publish
from bench.wire import Target
from libs.api.hatchery.startups.v1 import facts_pb2, startups_pb2
from libs.cli.servers import Nats
from libs.common.asking import Asked
from libs.common.collections import to_document
from tests.running import Replica

RATE, SPACES, WARM = 300, 500, 1.0
INSERTS = 300
MEGABYTE = 1_000_000


def measure_facts(ring: Ring, loader: Loader, rounds: int, seconds: float, say: Say) -> Iterator[Cell]:
    """Both services in a world of their own: what they need at rest, and what a fact takes from one to the other."""
    world = ring.world("facts")
    replicas = {name: world.start(name) for name in ("spaces", "startups")}
    yield from _at_rest(REST_FRESH, replicas, say)
    databases = {name: ring.client[world.database(name)] for name in replicas}
    for number in range(rounds):
        scene = Scene(f"fact{number}", SPACES, int(RATE * (seconds + WARM) * 1.1))
        scene.lay(databases["spaces"])
        known = (to_document(startup(scene.startup(at))) for at in range(scene.startups))
        insert(databases["startups"], "startups", known)
        yield _yardstick(ring.client, world.nats, number, say)
        target = Target(replicas["spaces"].address, REGISTER_TENANT, world.token())
        watched = {name: replica.child.pid for name, replica in replicas.items()} | ring.servers(world)
        before = {name: cpu(pid) for name, pid in watched.items()}
        since = ring.client.admin.command("ping")["operationTime"]
        tally = loader.do(Work(target, scene.writes(), RATE, seconds, WARM, rate=RATE))
        counted = scene.count(databases["spaces"])
        lags = _lags(ring.client, databases["spaces"].name, databases["startups"].name, since, counted.tenancies)
        used = {name: round(cpu(pid) - before[name], 2) for name, pid in watched.items()}
        p50, p99 = median(lags), lags[int(len(lags) * 0.99)]
        say(f"round {number + 1} · fact: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, {len(lags)} facts")
        yield Cell(
            work=FACT,
            contender=HATCHERY,
            round=number,
            value=p50,
            unit="s",
            ok=tally.ok,
            failed={str(code): times for code, times in tally.failed.items()},
            documents=counted.tenancies,
            agrees=counted.agrees and tally.ok <= counted.tenancies <= tally.ok + tally.failures,
            p50=p50,
            p99=p99,
            cpu=used,
            window=tally.window,
        )
    yield from _at_rest(REST_AFTER, replicas, say)
    ring.leave(world)


def _at_rest(when: str, replicas: dict[str, Replica], say: Say) -> Iterator[Cell]:
    """The resident memory of both services, once they have come to rest."""
    _come_to_rest([replica.child.pid for replica in replicas.values()])
    for name, replica in replicas.items():
        size = memory(replica.child.pid) / MEGABYTE
        say(f"{when} · {name}: {size:.0f} MB")
        yield Cell(when if name == "spaces" else f"{when}-{name}", HATCHERY, 0, size, "MB")


def _come_to_rest(pids: list[int]) -> None:
    """Wait until the processes together use less than a tenth of a core; TimeoutError after half a minute."""
    until = time.monotonic() + 30
    while _share(pids) >= 0.1:
        if time.monotonic() > until:
            raise TimeoutError("the services do not come to rest")


def _share(pids: list[int], seconds: float = 0.5) -> float:
    """How much of a core the processes use, looked at for so long."""
    before = sum(map(cpu, pids))
    time.sleep(seconds)
    return (sum(map(cpu, pids)) - before) / seconds


def memory(pid: int) -> int:
    """Bytes of resident memory."""
    pages = int(open(f"/proc/{pid}/statm", encoding="ascii").read().split()[1])  # noqa: PTH123, SIM115
    return pages * os.sysconf("SC_PAGE_SIZE")


def _lags(client: MongoClient[dict[str, Any]], told: str, heard: str, since: Timestamp, expected: int) -> list[float]:
    """Seconds from each tenancy's commit to that of its effect, in order; those of the first second left out.

    Both moments are MongoDB's own: the wall time of the two commits in its log of operations, read afterwards.
    """
    where = {"operationType": "insert", "ns.coll": "journal", "ns.db": {"$in": [told, heard]}}
    commits: dict[str, datetime] = {}
    effects: dict[str, datetime] = {}
    until = time.monotonic() + 30
    pipeline: list[dict[str, Any]] = [{"$match": where}, {"$project": {"ns": 1, "wallTime": 1, "documentKey": 1}}]
    with client.watch(pipeline, start_at_operation_time=since, max_await_time_ms=200) as changes:
        while len(effects) < expected and time.monotonic() < until:
            change = changes.try_next()
            if change is not None:
                seen = commits if change["ns"]["db"] == told else effects
                seen[change["documentKey"]["_id"]] = change["wallTime"]
    first = min(commits.values())
    measured = {name: at for name, at in commits.items() if (at - first).total_seconds() >= WARM}
    missing = [name for name in measured if _effect(name) not in effects]
    assert not missing, f"{len(missing)} facts had no effect"
    return sorted((effects[_effect(name)] - at).total_seconds() for name, at in measured.items())


def _effect(entry: str) -> str:
    """The id of the journal entry that heeding an entry's only fact leaves at startups."""
    return Asked("services/startups", "", f"spaces.{entry}.0", b"", 0).entry_id


def _yardstick(client: MongoClient[dict[str, Any]], server: Nats, number: int, say: Say) -> Cell:
    """What cannot be had for less: one majority-journaled insert and one acknowledged publish, one after the other."""
    collection = client["yardstick"].get_collection("entries", write_concern=DURABLE)
    body = os.urandom(400)

    async def take() -> list[float]:
        connection = await open_connection(server)
        await make_stream(connection, "YARDSTICK", "yardstick.>")
        said, taken = connection.jetstream(), []
        for at in range(INSERTS):
            begun = time.perf_counter()
            collection.insert_one({"body": body, "round": number, "at": at})
            await said.publish("yardstick.told", body, headers={"Nats-Msg-Id": f"{number}-{at}"})
            taken.append(time.perf_counter() - begun)
        await connection.close()
        return sorted(taken[INSERTS // 6 :])

    taken = asyncio.run(take())
    say(f"round {number + 1} · one insert + one publish: p50 {median(taken) * 1000:.2f} ms")
    p99 = taken[int(len(taken) * 0.99)]
    return Cell(FACT, YARDSTICK, number, median(taken), "s", ok=INSERTS, p50=median(taken), p99=p99)


class Backlog:
    """A spaces that finds many facts of startups waiting for it when it starts."""

    def __init__(self, ring: Ring, quick: bool, say: Say) -> None:  # noqa: FBT001
        self._ring, self._say = ring, say
        self._facts = 5_000 if quick else 20_000
        self._world = ring.world("inbox")
        self._replica = self._world.start("spaces")
        self._replica.child.stop()
        self._occupants = ring.client[self._world.database("spaces")]["occupants"]

    def round(self, number: int) -> Cell:
        """Publish, start, and see how fast the occupants' cards grow, between a tenth and nine tenths of them."""
        publish(self._world.nats, "STARTUPS", "hatchery.startups.>", _facts(number, self._facts))
        before = self._occupants.estimated_document_count()
        tenth = self._facts // 10
        self._replica.start()
        pid, begun, used = self._replica.child.pid, time.monotonic(), 0.0
        first, last = (0.0, 0), (0.0, 0)
        while last[1] < 9 * tenth and time.monotonic() < begun + 60:
            last = (time.monotonic(), self._occupants.estimated_document_count() - before)
            if not first[1] and last[1] >= tenth:
                first, used = last, cpu(pid)
            time.sleep(0.01)
        used, window = cpu(pid) - used, last[0] - first[0]
        while self._count(number) < self._facts and time.monotonic() < begun + 60:
            time.sleep(0.02)
        documents = self._count(number)
        self._replica.child.stop()
        rate = (last[1] - first[1]) / window
        self._say(f"round {number + 1} · inbox: {rate:,.0f} facts/s")
        return Cell(
            INBOX,
            HATCHERY,
            number,
            rate,
            "facts/s",
            ok=self._facts,
            documents=documents,
            agrees=documents == self._facts,
            cpu={"spaces": round(used, 2)},
            window=round(window, 3),
        )

    def _count(self, number: int) -> int:
        return self._occupants.count_documents({"_id": {"$gte": f"startups/b{number}x", "$lt": f"startups/b{number}y"}})


def _facts(number: int, count: int) -> Iterator[Fact]:
    """Facts as the relay of startups tells them."""
    kind = facts_pb2.StartupRegistered.DESCRIPTOR.full_name
    at = datetime.now().astimezone().isoformat(timespec="milliseconds")
    for place in range(count):
        name, fact = f"startups/b{number}x{place:07d}", f"b{number}-{place}.0"
        body = facts_pb2.StartupRegistered(
            name=name,
            display_name="松江碳材",
            stage=startups_pb2.Startup.STAGE_TEAM,
            district="districts/220203",
            technology_field="new-materials",
        ).SerializeToString()
        headers = {
            "Nats-Msg-Id": fact,
            "ce-specversion": "1.0",
            "ce-id": fact,
            "ce-source": "/startups",
            "ce-type": kind,
            "ce-subject": name,
            "ce-time": at,
            "ce-sequence": "1",
            "content-type": "application/protobuf",
        }
        yield kind, body, headers
