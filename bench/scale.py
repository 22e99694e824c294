"""Whether what is asked takes longer where much is kept: every RPC, alone, in a small city and in a large one."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from bench.contenders import HATCHERY, Ring, Say
from bench.load import Loader, Work
from bench.measured import Cell, Row
from bench.rows import SCALE
from bench.scenery import CLOCK
from bench.settled import City, settle
from bench.wire import Target
from libs.api.hatchery.operations.v1 import operations_pb2 as ops
from libs.api.hatchery.spaces.v1 import spaces_pb2 as sp
from libs.api.hatchery.startups.v1 import startups_pb2 as st
from tests.running import World

SMALL, LARGE = "small", "large"
SPACE, STARTUP = "hatchery.spaces.v1.SpaceService", "hatchery.startups.v1.StartupService"
OPERATIONS = "hatchery.operations.v1.OperationsService"
SECONDS, WARM = 0.6, 0.15
#: Requests made ready for a turn, if the city is large enough; one caller alone gets not many more answered.
READY = 600
Ask = Callable[[City], bytes]


@dataclass(frozen=True, slots=True)
class Question:
    """One way to ask one RPC, of a city that may be small or large."""

    service: str
    rpc: str
    ask: Ask
    how: str = ""
    writes: bool = False
    role: str = "admin"
    scopes: tuple[str, ...] = ("*",)

    @property
    def title(self) -> str:
        """How it is called in the tables."""
        return f"{self.rpc} {self.how}".strip()

    @property
    def package(self) -> str:
        """The service's folder."""
        return "startups" if self.service == STARTUP else "spaces"


def _id() -> str:
    return random.randbytes(12).hex()


def _create_space(city: City) -> bytes:
    spec = sp.SpaceSpec(display_name="新空间", kind=sp.Space.KIND_INCUBATOR, district=city.district, operator="运营")
    return sp.CreateSpaceRequest(space=spec, request_id=_id()).SerializeToString()


def _update_space(city: City) -> bytes:
    ask = sp.UpdateSpaceRequest(name=city.any_space(), space=sp.SpaceSpec(address=f"路 {_id()}"), request_id=_id())
    ask.update_mask.paths.append("address")
    return ask.SerializeToString()


def _register_tenant(city: City) -> bytes:
    ask = sp.RegisterTenantRequest(space=city.any_space(), startup=city.next_homeless(), desks=1, request_id=_id())
    return ask.SerializeToString()


def _end_tenancy(city: City) -> bytes:
    ask = sp.EndTenancyRequest(name=city.next_tenancy(), end_reason=sp.Tenancy.END_REASON_LEFT, request_id=_id())
    return ask.SerializeToString()


def _register_startup(city: City) -> bytes:
    spec = st.StartupSpec(display_name="新团队", district=city.district, technology_field="new-materials")
    return st.RegisterStartupRequest(startup=spec, request_id=_id()).SerializeToString()


def _update_startup(city: City) -> bytes:
    spec = st.StartupSpec(display_name=f"团队 {_id()}")
    ask = st.UpdateStartupRequest(name=city.any_startup(), startup=spec, request_id=_id())
    ask.update_mask.paths.append("display_name")
    return ask.SerializeToString()


def _spaces(**fields: object) -> Ask:
    return lambda _: sp.ListSpacesRequest(**fields).SerializeToString()  # type: ignore[arg-type]


def _startups(**fields: object) -> Ask:
    return lambda _: st.ListStartupsRequest(**fields).SerializeToString()  # type: ignore[arg-type]


def _tenancies(parent: str = "spaces/-", startup: str = "") -> bytes:
    return sp.ListTenanciesRequest(parent=parent, startup=startup).SerializeToString()


def _active(_: City) -> bytes:
    ask = sp.ListTenanciesRequest(parent="spaces/-", states=[sp.Tenancy.STATE_ACTIVE])
    return ask.SerializeToString()


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
    Question(SPACE, "RegisterTenant", _register_tenant, writes=True),
    Question(SPACE, "GetTenancy", lambda city: sp.GetTenancyRequest(name=city.any_tenancy()).SerializeToString()),
    Question(SPACE, "ListTenancies", lambda city: _tenancies(parent=city.any_space()), "of a space"),
    Question(SPACE, "ListTenancies", lambda city: _tenancies(startup=city.any_tenant()), "of a startup"),
    Question(SPACE, "ListTenancies", _active, "in a state"),
    Question(
        SPACE,
        "ListTenancies",
        lambda _: _tenancies(),
        "as an official of a district",
        role="official",
        scopes=("districts/220203",),
    ),
    Question(SPACE, "EndTenancy", _end_tenancy, writes=True),
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
    """A city that is served."""

    city: City
    world: World
    addresses: dict[str, str] = field(default_factory=dict)


def measure_scale(ring: Ring, loader: Loader, rounds: int, quick: bool, say: Say) -> Iterator[Cell]:  # noqa: FBT001
    """Both cities side by side; each question is put to one and then to the other, round after round."""
    places = {}
    for size, spaces in ((SMALL, 10), (LARGE, 500 if quick else 10_000)):
        world = ring.world(size)
        city = settle(ring, world, spaces, say)
        places[size] = Place(city, world, {name: world.start(name).address for name in ("spaces", "startups")})
    for number in range(rounds):
        for question in QUESTIONS:
            order = (SMALL, LARGE) if number % 2 else (LARGE, SMALL)
            some = {size: _cell(ring, loader, places[size], question, size, number) for size in order}
            ratio = some[LARGE].value / some[SMALL].value
            say(f"round {number + 1} · {question.title}: {some[LARGE].value * 1000:.2f} ms, {ratio:.2f} × small")
            yield from some.values()
    for place in places.values():
        ring.leave(place.world)


def _cell(ring: Ring, loader: Loader, place: Place, question: Question, size: str, number: int) -> Cell:
    token = place.world.token(question.role, question.scopes)
    target = Target(place.addresses[question.package], f"/{question.service}/{question.rpc}", token)
    bodies = [question.ask(place.city) for _ in range(min(READY, place.city.tenancies // 8))]
    begun = CLOCK.now() - timedelta(milliseconds=1)
    tally = loader.do(Work(target, bodies, 1, SECONDS, WARM, connections=1, again=not question.writes))
    documents = None
    if question.writes:
        kept = ring.client[place.world.database(question.package)]["journal"]
        command = f"{question.service}.{question.rpc}"
        documents = kept.count_documents({"facts": {"$exists": True}, "at": {"$gte": begun}, "command": command})
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
    """A promise for each question that was put."""
    put = {cell.work for cell in cells}
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
        if _work(question, LARGE) in put
    ]
