"""Whether calls take longer where more is stored: every RPC, one at a time, in a small and in a large city."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from bench.city import City, insert_city
from bench.contenders import HATCHERY, Say, Testbed
from bench.dataset import CLOCK
from bench.grpc_client import Target
from bench.load import Loader, Work
from bench.measured import Cell, Row
from bench.rows import SCALE
from libs.api.hatchery.operations.v1 import operations_pb2 as ops
from libs.api.hatchery.spaces.v1 import space_pb2 as sp
from libs.api.hatchery.spaces.v1 import tenancy_pb2 as tn
from libs.api.hatchery.startups.v1 import startup_pb2 as st
from tests.support.processes import Cluster

SMALL, LARGE = "small", "large"
SPACE, TENANCY = "hatchery.spaces.v1.SpaceService", "hatchery.spaces.v1.TenancyService"
STARTUP = "hatchery.startups.v1.StartupService"
OPERATIONS = "hatchery.operations.v1.OperationsService"
SECONDS, WARM = 0.6, 0.15
#: Requests prepared for a turn, if the city is large enough. One caller gets hardly more answered.
MAX_REQUESTS = 600
MakeRequest = Callable[[City], bytes]


@dataclass(frozen=True, slots=True)
class Question:
    """One way to call one RPC in a city."""

    service: str
    rpc: str
    new_request: MakeRequest
    how: str = ""
    writes: bool = False
    role: str = "admin"
    scopes: tuple[str, ...] = ("*",)

    @property
    def title(self) -> str:
        """What the tables call it."""
        return f"{self.rpc} {self.how}".strip()

    @property
    def package(self) -> str:
        """The service that answers."""
        return "startups" if self.service == STARTUP else "spaces"


def _id() -> str:
    return random.randbytes(12).hex()


def _create_space(city: City) -> bytes:
    spec = sp.SpaceSpec(display_name="新空间", kind=sp.Space.KIND_INCUBATOR, district=city.district, operator="运营")
    return sp.CreateSpaceRequest(space=spec, request_id=_id()).SerializeToString()


def _update_space(city: City) -> bytes:
    request = sp.UpdateSpaceRequest(name=city.any_space(), space=sp.SpaceSpec(address=f"路 {_id()}"), request_id=_id())
    request.update_mask.paths.append("address")
    return request.SerializeToString()


def _register_tenant(city: City) -> bytes:
    space, startup = city.any_space(), city.next_homeless()
    return tn.RegisterTenantRequest(space=space, startup=startup, desks=1, request_id=_id()).SerializeToString()


def _end_tenancy(city: City) -> bytes:
    name, reason = city.next_tenancy(), tn.Tenancy.END_REASON_LEFT
    return tn.EndTenancyRequest(name=name, end_reason=reason, request_id=_id()).SerializeToString()


def _register_startup(city: City) -> bytes:
    spec = st.StartupSpec(display_name="新团队", district=city.district, technology_field="new-materials")
    return st.RegisterStartupRequest(startup=spec, request_id=_id()).SerializeToString()


def _update_startup(city: City) -> bytes:
    spec = st.StartupSpec(display_name=f"团队 {_id()}")
    request = st.UpdateStartupRequest(name=city.any_startup(), startup=spec, request_id=_id())
    request.update_mask.paths.append("display_name")
    return request.SerializeToString()


def _spaces(**fields: object) -> MakeRequest:
    return lambda _: sp.ListSpacesRequest(**fields).SerializeToString()  # type: ignore[arg-type]


def _startups(**fields: object) -> MakeRequest:
    return lambda _: st.ListStartupsRequest(**fields).SerializeToString()  # type: ignore[arg-type]


def _tenancies(parent: str = "spaces/-", startup: str = "") -> bytes:
    return tn.ListTenanciesRequest(parent=parent, startup=startup).SerializeToString()


def _active(_: City) -> bytes:
    return tn.ListTenanciesRequest(parent="spaces/-", states=[tn.Tenancy.STATE_ACTIVE]).SerializeToString()


QUESTIONS = (
    Question(SPACE, "CreateSpace", _create_space, writes=True),
    Question(SPACE, "GetSpace", lambda city: sp.GetSpaceRequest(name=city.any_space()).SerializeToString()),
    Question(
        SPACE,
        "BatchGetSpaces",
        lambda city: sp.BatchGetSpacesRequest(names=[city.any_space() for _ in range(10)]).SerializeToString(),
    ),
    Question(SPACE, "ListSpaces", _spaces(kind=sp.Space.KIND_INCUBATOR), "of a kind"),
    Question(SPACE, "ListSpaces", _spaces(district="districts/220203"), "of a district"),
    Question(SPACE, "ListSpaces", _spaces(order_by="display_name"), "by what they are called"),
    Question(SPACE, "UpdateSpace", _update_space, writes=True),
    Question(TENANCY, "RegisterTenant", _register_tenant, writes=True),
    Question(TENANCY, "GetTenancy", lambda city: tn.GetTenancyRequest(name=city.any_tenancy()).SerializeToString()),
    Question(TENANCY, "ListTenancies", lambda city: _tenancies(parent=city.any_space()), "of a space"),
    Question(TENANCY, "ListTenancies", lambda city: _tenancies(startup=city.any_tenant()), "of a startup"),
    Question(TENANCY, "ListTenancies", _active, "in a state"),
    Question(
        TENANCY,
        "ListTenancies",
        lambda _: _tenancies(),
        "as an official of a district",
        role="official",
        scopes=("districts/220203",),
    ),
    Question(TENANCY, "EndTenancy", _end_tenancy, writes=True),
    Question(STARTUP, "RegisterStartup", _register_startup, writes=True),
    Question(STARTUP, "GetStartup", lambda city: st.GetStartupRequest(name=city.any_startup()).SerializeToString()),
    Question(
        STARTUP,
        "BatchGetStartups",
        lambda city: st.BatchGetStartupsRequest(names=[city.any_startup() for _ in range(10)]).SerializeToString(),
    ),
    Question(STARTUP, "ListStartups", _startups(technology_field="new-materials"), "of a field"),
    Question(STARTUP, "ListStartups", _startups(order_by="display_name"), "by what they are called"),
    Question(
        STARTUP,
        "ListStartups",
        lambda city: st.ListStartupsRequest(space=city.any_space()).SerializeToString(),
        "of a space",
    ),
    Question(STARTUP, "UpdateStartup", _update_startup, writes=True),
    Question(OPERATIONS, "GetStatus", lambda _: ops.GetStatusRequest().SerializeToString()),
    Question(OPERATIONS, "ListParkedFacts", lambda _: ops.ListParkedFactsRequest().SerializeToString()),
)


@dataclass(slots=True)
class Place:
    """A city and the services that serve it."""

    city: City
    cluster: Cluster
    addresses: dict[str, str] = field(default_factory=dict)


def measure_scale(bed: Testbed, loader: Loader, rounds: int, quick: bool, say: Say) -> Iterator[Cell]:  # noqa: FBT001
    """Call each RPC in one city and then in the other, round after round. Both are served at the same time."""
    places = {}
    for size, spaces in ((SMALL, 10), (LARGE, 500 if quick else 10_000)):
        cluster = bed.new_cluster(size)
        city = insert_city(bed, cluster, spaces, say)
        places[size] = Place(city, cluster, {name: cluster.start(name).address for name in ("spaces", "startups")})
    for number in range(rounds):
        for question in QUESTIONS:
            order = (SMALL, LARGE) if number % 2 else (LARGE, SMALL)
            some = {size: _cell(bed, loader, places[size], question, size, number) for size in order}
            ratio = some[LARGE].value / some[SMALL].value
            say(f"round {number + 1} · {question.title}: {some[LARGE].value * 1000:.2f} ms, {ratio:.2f} × small")
            yield from some.values()
    for place in places.values():
        bed.remove(place.cluster)


def _cell(bed: Testbed, loader: Loader, place: Place, question: Question, size: str, number: int) -> Cell:
    token = place.cluster.token(question.role, question.scopes)
    target = Target(place.addresses[question.package], f"/{question.service}/{question.rpc}", token)
    bodies = [question.new_request(place.city) for _ in range(min(MAX_REQUESTS, place.city.tenancies // 8))]
    begun = CLOCK.now() - timedelta(milliseconds=1)
    tally = loader.run(Work(target, bodies, 1, SECONDS, WARM, connections=1, again=not question.writes))
    documents = None
    if question.writes:
        journal = bed.client[place.cluster.database(question.package)]["journal"]
        command = f"{question.service}.{question.rpc}"
        documents = journal.count_documents({"facts": {"$exists": True}, "at": {"$gte": begun}, "command": command})
    return Cell(
        work=_work(question, size),
        contender=HATCHERY,
        round=number,
        value=tally.percentile(0.5),
        unit="s",
        ok=tally.ok,
        failed={str(code): times for code, times in tally.failed.items()},
        documents=documents,
        agrees=documents is None or documents == tally.ok,
        p50=tally.percentile(0.5),
        p99=tally.percentile(0.99),
        window=tally.window,
    )


def _work(question: Question, size: str) -> str:
    return f"{SCALE} {question.title}, {size}"


def scale_rows(cells: list[Cell]) -> list[Row]:
    """Return a target for each question that was measured."""
    measured = {cell.work for cell in cells}
    return [
        Row(
            SCALE,
            f"{question.title}, large city, p50",
            _work(question, LARGE),
            (_work(question, SMALL), HATCHERY),
            1.3,
            1.1,
            less=True,
            spotless=True,
        )
        for question in QUESTIONS
        if _work(question, LARGE) in measured
    ]
