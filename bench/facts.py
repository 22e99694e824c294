"""Facts: the time from a commit to its effect in the other service, and how many facts an inbox handles per second."""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Any

from bson import Timestamp
from pymongo import MongoClient

from bench.contenders import HATCHERY, Say, Testbed
from bench.dataset import DURABLE, REGISTER_TENANT, Dataset, insert, new_startup
from bench.grpc_client import Target
from bench.idle import cpu_seconds, memory, wait_until_idle
from bench.load import Loader, Work
from bench.measured import Cell
from bench.rows import FACT, INBOX, REST_AFTER, REST_FRESH, YARDSTICK
from bench.stream import Fact, create_stream, open_connection, publish
from libs.api.hatchery.startups.v1 import facts_pb2, startup_pb2
from libs.cli.servers.nats import Nats
from libs.common.rpc.context import CallContext
from services.startups.store import STARTUPS
from tests.support.processes import Replica

RATE, SPACES, WARM = 300, 500, 1.0
INSERTS = 300
MEGABYTE = 1_000_000


def measure_facts(bed: Testbed, loader: Loader, rounds: int, seconds: float, say: Say) -> Iterator[Cell]:
    """Measure both services in a cluster of their own: memory at rest, and the time that a fact takes."""
    cluster = bed.new_cluster("facts")
    replicas = {name: cluster.start(name) for name in ("spaces", "startups")}
    yield from _at_rest(REST_FRESH, replicas, say)
    databases = {name: bed.client[cluster.database(name)] for name in replicas}
    for number in range(rounds):
        dataset = Dataset(f"fact{number}", SPACES, int(RATE * (seconds + WARM) * 1.1))
        dataset.insert(databases["spaces"])
        known = (STARTUPS.to_document(new_startup(dataset.startup(at))) for at in range(dataset.startups))
        insert(databases["startups"], STARTUPS.collection, known)
        yield _yardstick(bed.client, cluster.nats, number, say)
        target = Target(replicas["spaces"].address, REGISTER_TENANT, cluster.token())
        watched = {name: replica.child.pid for name, replica in replicas.items()} | bed.servers(cluster)
        before = {name: cpu_seconds(pid) for name, pid in watched.items()}
        since = bed.client.admin.command("ping")["operationTime"]
        tally = loader.run(Work(target, dataset.writes(), RATE, seconds, WARM, rate=RATE))
        counted = dataset.count(databases["spaces"])
        lags = _lags(bed.client, databases["spaces"].name, databases["startups"].name, since, counted.tenancies)
        used = {name: round(cpu_seconds(pid) - before[name], 2) for name, pid in watched.items()}
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
    bed.remove(cluster)


def _at_rest(when: str, replicas: dict[str, Replica], say: Say) -> Iterator[Cell]:
    """Measure the resident memory of both services once they are idle."""
    wait_until_idle([replica.child.pid for replica in replicas.values()])
    for name, replica in replicas.items():
        size = memory(replica.child.pid) / MEGABYTE
        say(f"{when} · {name}: {size:.0f} MB")
        yield Cell(when if name == "spaces" else f"{when}-{name}", HATCHERY, 0, size, "MB")


def _lags(
    client: MongoClient[dict[str, Any]], source: str, subscriber: str, since: Timestamp, expected: int
) -> list[float]:
    """Return the sorted seconds from each tenancy's commit to that of its effect, without the first second.

    Both moments are MongoDB's own: the wall time of the two commits in its oplog, read afterwards.
    """
    where = {"operationType": "insert", "ns.coll": "journal", "ns.db": {"$in": [source, subscriber]}}
    commits: dict[str, datetime] = {}
    effects: dict[str, datetime] = {}
    until = time.monotonic() + 30
    pipeline: list[dict[str, Any]] = [{"$match": where}, {"$project": {"ns": 1, "wallTime": 1, "documentKey": 1}}]
    with client.watch(pipeline, start_at_operation_time=since, max_await_time_ms=200) as changes:
        while len(effects) < expected and time.monotonic() < until:
            change = changes.try_next()
            if change is not None:
                found = commits if change["ns"]["db"] == source else effects
                found[change["documentKey"]["_id"]] = change["wallTime"]
    first = min(commits.values())
    measured = {name: at for name, at in commits.items() if (at - first).total_seconds() >= WARM}
    missing = [name for name in measured if _effect(name) not in effects]
    assert not missing, f"{len(missing)} facts had no effect"
    return sorted((effects[_effect(name)] - at).total_seconds() for name, at in measured.items())


def _effect(entry: str) -> str:
    """Return the id of the journal entry that startups writes when it handles an entry's only fact."""
    ctx = CallContext("services/startups", command="", request_id=f"spaces.{entry}.0", digest=b"", deadline=0)
    return ctx.entry_id


def _yardstick(client: MongoClient[dict[str, Any]], server: Nats, number: int, say: Say) -> Cell:
    """Measure the least that a fact can take: one majority-journaled insert, then one acknowledged publish."""
    collection = client["yardstick"].get_collection("entries", write_concern=DURABLE)
    body = os.urandom(400)

    async def measure() -> list[float]:
        connection = await open_connection(server)
        await create_stream(connection, "YARDSTICK", "yardstick.>")
        jetstream, took = connection.jetstream(), []
        for at in range(INSERTS):
            begun = time.perf_counter()
            collection.insert_one({"body": body, "round": number, "at": at})
            await jetstream.publish("yardstick.fact", body, headers={"Nats-Msg-Id": f"{number}-{at}"})
            took.append(time.perf_counter() - begun)
        await connection.close()
        return sorted(took[INSERTS // 6 :])

    took = asyncio.run(measure())
    say(f"round {number + 1} · one insert + one publish: p50 {median(took) * 1000:.2f} ms")
    p99 = took[int(len(took) * 0.99)]
    return Cell(FACT, YARDSTICK, number, median(took), "s", ok=INSERTS, p50=median(took), p99=p99)


class Backlog:
    """A spaces that finds many facts of startups pending when it starts."""

    def __init__(self, bed: Testbed, quick: bool, say: Say) -> None:  # noqa: FBT001
        self._say = say
        self._facts = 5_000 if quick else 20_000
        self._cluster = bed.new_cluster("inbox")
        self._replica = self._cluster.start("spaces")
        self._replica.child.stop()
        self._occupants = bed.client[self._cluster.database("spaces")]["occupants"]

    def round(self, number: int) -> Cell:
        """Publish, start, and measure how fast the projections appear, between a tenth and nine tenths of them."""
        publish(self._cluster.nats, "STARTUPS", "hatchery.startups.>", _facts(number, self._facts))
        before = self._occupants.estimated_document_count()
        tenth = self._facts // 10
        self._replica.start()
        pid, begun, used = self._replica.child.pid, time.monotonic(), 0.0
        first, last = (0.0, 0), (0.0, 0)
        while last[1] < 9 * tenth and time.monotonic() < begun + 60:
            last = (time.monotonic(), self._occupants.estimated_document_count() - before)
            if not first[1] and last[1] >= tenth:
                first, used = last, cpu_seconds(pid)
            time.sleep(0.01)
        used, window = cpu_seconds(pid) - used, last[0] - first[0]
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
    """Yield facts as the relay of startups publishes them."""
    kind = facts_pb2.StartupRegistered.DESCRIPTOR.full_name
    at = datetime.now().astimezone().isoformat(timespec="milliseconds")
    for index in range(count):
        name, fact = f"startups/b{number}x{index:07d}", f"b{number}-{index}.0"
        body = facts_pb2.StartupRegistered(
            name=name,
            display_name="松江碳材",
            stage=startup_pb2.Startup.STAGE_TEAM,
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
