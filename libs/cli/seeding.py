"""Many requests at once, each of them harmless to repeat, and an account of what came of them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import grpc

from libs.api.hatchery.spaces.v1.spaces_pb2 import (
    CreateSpaceRequest,
    ListTenanciesRequest,
    RegisterTenantRequest,
    Tenancy,
)
from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import SpaceServiceStub
from libs.api.hatchery.startups.v1.startups_pb2 import RegisterStartupRequest
from libs.api.hatchery.startups.v1.startups_pb2_grpc import StartupServiceStub
from libs.cli.messages import fill
from libs.cli.refusals import details
from libs.cli.trouble import Trouble

PATIENCE = 20.0  # seconds in which the services may still be catching up with one another
PAUSE = 0.2  # seconds before what could not be done yet is asked for again
Code = grpc.StatusCode
PASSING = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.NOT_FOUND})
Entry = Mapping[str, Any]
Demo = dict[str, list[dict[str, Any]]]
Ask = Callable[[], Any]
PARTS = (("tenancies", "key"), ("spaces", "space"), ("startups", "startup"))


@dataclass
class Seeded:
    """What came of it: how many of each kind were made, what was there before, and what was refused."""

    made: dict[str, int] = field(default_factory=dict)
    there: int = 0
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def sentences(self) -> Iterable[str]:
        """What a person is told of it."""
        made = ", ".join(f"{count} {kind}" for kind, count in self.made.items() if count)
        if made:
            yield f"The demo data is in: {made}."
        elif not self.refused:
            yield f"The demo data is there already ({self.there} entries); nothing was changed."
        if self.changed:
            yield f"Left as they are, though the profile has changed since: {', '.join(self.changed)}."
        yield from self.refused


class Seeding:
    """Sends a demo to the services of spaces and startups."""

    def __init__(self, spaces: SpaceServiceStub, startups: StartupServiceStub, token: str) -> None:
        self._spaces = spaces
        self._startups = startups
        self._with: dict[str, Any] = {"metadata": (("authorization", f"Bearer {token}"),), "timeout": 10.0}
        self._began = datetime.fromtimestamp(int(time.time()), UTC)
        self.seeded = Seeded()

    def run(self, demo: Demo, today: date) -> Seeded:
        """Spaces and startups first, then the tenancies that name them."""
        asks = {f"spaces/{it['key']}": self._space(it) for it in demo.get("spaces", [])}
        asks |= {f"startups/{it['key']}": self._startup(it) for it in demo.get("startups", [])}
        replies = self._ask(asks)
        for label, reply in replies.items():
            self._count(label.partition("/")[0], new=reply.create_time.ToDatetime(UTC) >= self._began)
        names = {label: reply.name for label, reply in replies.items()}
        self._tenancies(demo.get("tenancies", []), names, today, known=set(asks))
        return self.seeded

    def _space(self, entry: Entry) -> Ask:
        asked = CreateSpaceRequest(request_id=f"demo-space-{entry['key']}")
        request = fill(asked, {"space": _without(entry, "key")})
        return lambda: self._spaces.CreateSpace.future(request, **self._with)

    def _startup(self, entry: Entry) -> Ask:
        asked = RegisterStartupRequest(request_id=f"demo-startup-{entry['key']}")
        request = fill(asked, {"startup": _without(entry, "key")})
        return lambda: self._startups.RegisterStartup.future(request, **self._with)

    def _tenancies(self, entries: Sequence[Entry], names: Mapping[str, str], today: date, known: set[str]) -> None:
        """Register those that are not there yet; one that is counts as there, whatever became of it since."""
        asks: dict[str, Ask] = {}
        before = self._tenancies_of({names.get(f"startups/{it['startup']}", "") for it in entries} - {""})
        for entry in entries:
            label, space, startup = (f"{kind}/{entry[key]}" for kind, key in PARTS)
            if not {space, startup} <= known:
                raise Trouble(f"The demo's {label} names {space} and {startup}, and not both are in the demo.")
            if not {space, startup} <= names.keys():
                self.seeded.changed.append(label)
            elif any(_same(entry, names[space], held) for held in before[names[startup]]):
                self._count("tenancies", new=False)
            else:
                asks[label] = self._tenancy(entry, names[space], names[startup], today)
        for _ in self._ask(asks):
            self._count("tenancies", new=True)

    def _tenancies_of(self, startups: Iterable[str]) -> dict[str, list[Tenancy]]:
        asks = {startup: self._list(startup) for startup in startups}
        return {startup: list(reply.tenancies) for startup, reply in self._ask(asks).items()}

    def _list(self, startup: str) -> Ask:
        request = ListTenanciesRequest(parent="spaces/-", startup=startup, page_size=200)
        return lambda: self._spaces.ListTenancies.future(request, **self._with)

    def _tenancy(self, entry: Entry, space: str, startup: str, today: date) -> Ask:
        values = {"space": space, "startup": startup, "desks": entry["desks"], "area_m2": entry["area_m2"]}
        values["start_date"] = today + timedelta(days=entry["starts"])
        if "ends" in entry:
            values["end_date"] = today + timedelta(days=entry["ends"])
        request = fill(RegisterTenantRequest(request_id=f"demo-tenancy-{entry['key']}"), values)
        return lambda: self._spaces.RegisterTenant.future(request, **self._with)

    def _ask(self, asks: Mapping[str, Ask]) -> dict[str, Any]:
        """The replies of those that were not refused; what may pass is asked again for a while."""
        answers: dict[str, Any] = {}
        deadline = time.monotonic() + PATIENCE
        while asks:
            under_way = {label: ask() for label, ask in asks.items()}
            again: dict[str, Ask] = {}
            for label, answer in under_way.items():
                try:
                    answers[label] = answer.result()
                except grpc.RpcError as error:
                    if time.monotonic() < deadline and _may_pass(error):
                        again[label] = asks[label]
                    else:
                        self._refused(label, error)
            asks = again
            if asks:
                time.sleep(PAUSE)
        return answers

    def _refused(self, label: str, error: grpc.RpcError) -> None:
        info, bad, _ = details(error)
        if info is None:
            raise error  # not the service's own word: nobody answers, or nobody knows why not
        if any(wrong.reason == "REQUEST_ID_REUSED" for wrong in (bad.field_violations if bad else ())):
            self.seeded.changed.append(label)
        else:
            self.seeded.refused.append(f"{label} was refused: {error.details()} ({info.reason}).")

    def _count(self, kind: str, *, new: bool) -> None:
        if new:
            self.seeded.made[kind] = self.seeded.made.get(kind, 0) + 1
        else:
            self.seeded.there += 1


def _may_pass(error: grpc.RpcError) -> bool:
    return error.code() in PASSING and details(error)[0] is not None


def _same(entry: Entry, space: str, held: Tenancy) -> bool:
    """Whether a startup's tenancy is the one that the demo means; its days are another's, seen from today."""
    return held.name.startswith(f"{space}/") and held.desks == entry["desks"] and held.area_m2 == entry["area_m2"]


def _without(entry: Entry, field: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != field}
