"""Mentors: what its costliest reads and its commonest write take, in a city of 1,000 mentors and in one of 100.

Every read is compared with GetMentor in the same round, every write with RegisterTenant under the same load.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from bench.contenders import HATCHERY, Database, Say, Testbed
from bench.dataset import REGISTER_TENANT, Dataset
from bench.grpc_client import Target
from bench.idle import cpu_seconds, wait_until_published
from bench.load import Loader, Tally, Work
from bench.measured import Cell, Row
from bench.mentor_calls import GET, QUESTIONS, Question
from bench.mentor_city import insert_mentor_city
from bench.mentor_records import LOG_CONSULTATION, Records
from bench.mentoring import Mentoring
from bench.rows import MENTORS
from tests.support.processes import Cluster, Replica

SMALL, LARGE = "small", "large"
#: Requests prepared for each second of a cell that writes, more than any service answers.
WRITES_PER_SECOND = 3_000
SPACES, WRITING_MENTORS = 4_096, 1_000


@dataclass(frozen=True, slots=True)
class Load:
    """A number of calls in flight that write to distinct entities or to a single one."""

    title: str
    in_flight: int
    is_hot: bool

    def logs(self, size: str) -> str:
        """Return what the tables call LogConsultation under this load."""
        return f"LogConsultation, {'one mentor' if self.is_hot else 'distinct mentors'}, {self.title}, {size} city"

    @property
    def registers(self) -> str:
        """What the tables call RegisterTenant under this load."""
        return f"RegisterTenant, {'one hot space' if self.is_hot else 'distinct spaces'}, {self.title}"


LOADS = (Load("64 in flight", 64, is_hot=False), Load("16 in flight", 16, is_hot=True))


@dataclass(frozen=True, slots=True)
class Place:
    """A city and the service that serves it."""

    size: str
    city: Mentoring
    database: Database
    cluster: Cluster
    mentors: Replica


def measure_mentors(
    bed: Testbed,
    loader: Loader,
    rounds: int,
    seconds: float,
    quick: bool,  # noqa: FBT001
    say: Say,
) -> Iterator[Cell]:
    """Measure one round after another. Both cities are served at the same time."""
    contest = _MentorsContest(bed, loader, seconds, quick, say)
    for number in range(rounds):
        yield from contest.round(number)
    contest.close()


class _MentorsContest:
    """Measures cells."""

    def __init__(self, bed: Testbed, loader: Loader, seconds: float, quick: bool, say: Say) -> None:  # noqa: FBT001
        self._bed, self._loader, self._say = bed, loader, say
        self._seconds, self._warm = seconds, min(1.0, seconds / 2)
        self._places = {}
        for size, mentors in ((SMALL, 20 if quick else 100), (LARGE, 200 if quick else 1_000)):
            cluster = bed.new_cluster(f"mentors-{size}")
            database = bed.client[cluster.database("mentors")]
            city = insert_mentor_city(database, mentors, say)
            bed.client.admin.command("fsync")
            self._places[size] = Place(size, city, database, cluster, cluster.start("mentors"))
        self._spaces = self._places[LARGE].cluster.start("spaces")
        self._wrong = {size: self._check(place) for size, place in self._places.items()}

    def round(self, number: int) -> Iterator[Cell]:
        """Measure one cell of each kind. Which city begins changes with the round."""
        order = (SMALL, LARGE) if number % 2 else (LARGE, SMALL)
        for question in QUESTIONS:
            for size in order:
                yield self._read(question, self._places[size], number)
        for load in LOADS:
            yield self._register(load, number)
            for size in order:
                yield self._log(load, self._places[size], number)

    def close(self) -> None:
        """Stop the services."""
        for place in self._places.values():
            self._bed.remove(place.cluster)

    # --- reads --------------------------------------------------------------------------------

    def _check(self, place: Place) -> set[str]:
        """Compare one reply to each question with the documents. Returns the titles of those that differ."""
        wrong = set()
        with grpc.insecure_channel(place.mentors.address) as channel:
            for question in QUESTIONS:
                call: Any = channel.unary_unary(question.path, response_deserializer=question.reply.FromString)
                metadata = (("authorization", f"Bearer {place.cluster.token()}"),)
                request = question.new_request(place.city)
                reply = call(request.SerializeToString(), metadata=metadata, timeout=10)
                if not question.agrees(request, reply, place.database):
                    wrong.add(question.title)
        return wrong

    def _read(self, question: Question, place: Place, number: int) -> Cell:
        target = Target(place.mentors.address, question.path, place.cluster.token())
        bodies = [question.new_request(place.city).SerializeToString() for _ in range(500)]
        work = Work(target, bodies, 1, self._seconds / 2, self._warm / 2, connections=1, again=True)
        tally, used = self._run(work, {"mentors": place.mentors})
        title = read_title(question, place.size)
        self._say(f"round {number + 1} · {title}: {tally.percentile(0.5) * 1000:.2f} ms {tally.failed or ''}")
        agrees = question.title not in self._wrong[place.size]
        return _cell(title, number, tally, "s", cpu=used, agrees=agrees)

    # --- writes -------------------------------------------------------------------------------

    def _log(self, load: Load, place: Place, number: int) -> Cell:
        records = Records(f"{'h' if load.is_hot else 'd'}{number}", place.city, 1 if load.is_hot else WRITING_MENTORS)
        database = place.database
        records.insert(database)
        target = Target(place.mentors.address, LOG_CONSULTATION, place.cluster.token())
        work = self._writes(target, list(records.requests(self._requests())), load)
        tally, used = self._run(work, {"mentors": place.mentors})
        begun = time.monotonic()
        wait_until_published(database, place.cluster.nats, "MENTORS")
        logged, occupied = records.count(database)
        records.remove(database)
        title = load.logs(place.size)
        self._say(f"round {number + 1} · {title}: {tally.rate:,.0f}/s {tally.failed or ''}")
        agrees = logged == occupied and tally.ok <= logged <= tally.ok + tally.failures
        settle = time.monotonic() - begun
        return _cell(title, number, tally, "calls/s", cpu=used, agrees=agrees, documents=logged, settle=settle)

    def _register(self, load: Load, number: int) -> Cell:
        place = self._places[LARGE]
        dataset = Dataset(f"{'h' if load.is_hot else 'd'}{number}", 1 if load.is_hot else SPACES, self._requests())
        database = self._bed.client[place.cluster.database("spaces")]
        dataset.insert(database)
        target = Target(self._spaces.address, REGISTER_TENANT, place.cluster.token())
        tally, used = self._run(self._writes(target, dataset.writes(), load), {"spaces": self._spaces})
        begun = time.monotonic()
        wait_until_published(database, place.cluster.nats, "SPACES")
        counted = dataset.count(database)
        self._say(f"round {number + 1} · {load.registers}: {tally.rate:,.0f}/s {tally.failed or ''}")
        agrees = counted.agrees and tally.ok <= counted.tenancies <= tally.ok + tally.failures
        settle, documents = time.monotonic() - begun, counted.tenancies
        return _cell(
            load.registers, number, tally, "calls/s", cpu=used, agrees=agrees, documents=documents, settle=settle
        )

    def _requests(self) -> int:
        return int(WRITES_PER_SECOND * (self._seconds + self._warm))

    def _writes(self, target: Target, bodies: list[bytes], load: Load) -> Work:
        return Work(target, bodies, load.in_flight, self._seconds, self._warm)

    def _run(self, work: Work, replicas: dict[str, Replica]) -> tuple[Tally, dict[str, float]]:
        """Run work, and return with the tally the CPU seconds by process."""
        watched = {name: replica.child.pid for name, replica in replicas.items()}
        watched |= self._bed.servers(self._places[LARGE].cluster)
        before = {name: cpu_seconds(pid) for name, pid in watched.items()}
        tally = self._loader.run(work)
        used = {name: round(cpu_seconds(pid) - before[name], 2) for name, pid in watched.items()}
        return tally, used | {"load": round(tally.cpu, 2)}


def _cell(
    work: str,
    number: int,
    tally: Tally,
    unit: str,
    *,
    cpu: dict[str, float],
    agrees: bool,
    documents: int | None = None,
    settle: float = 0.0,
) -> Cell:
    return Cell(
        work=work,
        contender=HATCHERY,
        round=number,
        value=tally.percentile(0.5) if unit == "s" else tally.rate,
        unit=unit,
        ok=tally.ok,
        failed={str(code): times for code, times in tally.failed.items()},
        documents=documents,
        agrees=agrees,
        p50=tally.percentile(0.5),
        p99=tally.percentile(0.99),
        cpu=cpu,
        window=round(tally.window, 3),
        settle=round(settle, 2),
        note=" the requests ran out before the time" if tally.exhausted else "",
    )


def read_title(question: Question, size: str) -> str:
    """Return what the tables call a question in a city."""
    return f"{question.title}, {size} city"


def mentor_rows(cells: list[Cell]) -> list[Row]:
    """Return the targets of what was measured. The large city is the one that is compared with the yardsticks."""
    if not any(cell.work == read_title(GET, LARGE) for cell in cells):
        return []
    rows = []
    for question in QUESTIONS:
        ours = read_title(question, LARGE)
        if question is not GET:
            against = (read_title(GET, LARGE), HATCHERY)
            rows.append(_row(f"{ours}, p50", ours, against, (question.bar, question.aim), less=True))
        if not question.grows:
            rows.append(_row(f"{ours}, p50", ours, (read_title(question, SMALL), HATCHERY), (1.3, 1.1), less=True))
    for load in LOADS:
        ours = load.logs(LARGE)
        rows.append(_row(ours, ours, (load.registers, HATCHERY), (0.7, 1)))
        rows.append(_row(ours, ours, (load.logs(SMALL), HATCHERY), (0.77, 0.91)))
    return rows


def _row(title: str, work: str, against: tuple[str, str], targets: tuple[float, float], *, less: bool = False) -> Row:
    bar, aim = targets
    return Row(MENTORS, title, work, against, bar, aim, less=less, spotless=True)
